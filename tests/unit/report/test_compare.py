"""`ocrm55 compare`: what changed between two builds, from the files that other commands write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ocrm55 import cli
from ocrm55.errors import InputError, StrictError
from ocrm55.report import compare
from ocrm55.report.compare import Build, Change

LAYERS = {"conv1": 100, "conv2": 300, "fc": 50}


def profile(folder: Path, layers: dict[str, int], cycles: dict[str, int] | None = None, **sums: int) -> Path:
    """A profile.json with these instructions."""
    folder.mkdir()
    rows = [{"name": name, "instructions": count, "macs": 10, "weight_bytes": 5} for name, count in layers.items()]
    value: dict[str, Any] = {"arena_bytes": 1000, "weight_bytes": 2000, "layers": rows, **sums}
    if cycles is not None:
        found = [{"name": name, "cycles": {"least": 1, "likely": count, "most": 9}} for name, count in cycles.items()]
        value["cycles"] = {"layers": found}
    (folder / "profile.json").write_text(json.dumps(value))
    return folder


def compared(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, ["compare", *map(str, words)])
    return done.exit_code, done.output


def test_what_changed_by_layer(tmp_path: Path) -> None:
    before = compare.read(profile(tmp_path / "a", LAYERS))
    after = compare.read(profile(tmp_path / "b", {"conv1": 90, "conv2": 300, "head": 80}, arena_bytes=1100))
    sums = {change.figure: (change.before, change.after) for change in compare.sums(before, after)}
    assert sums == {
        "arena_bytes": (1000, 1100), "weight_bytes": (2000, 2000), "macs": (30, 30), "instructions": (450, 470)
    }  # fmt: skip
    changed = [
        (change.name, change.before, change.after, change.in_percent) for change in compare.layers(before, after)
    ]
    assert changed == [("head", None, 80, "new"), ("fc", 50, None, "gone"), ("conv1", 100, 90, "-10.0 %")]


def test_operators_that_share_a_name_are_all_counted(tmp_path: Path) -> None:
    """A layer's convolution and the copy of its output are two."""
    read = []
    for name, second in (("a", 20), ("b", 25)):
        folder = profile(tmp_path / name, {"conv": 0})
        rows = [{"name": "conv", "instructions": count, "macs": 1, "weight_bytes": 1} for count in (100, second)]
        cycles = [{"name": "conv", "cycles": {"likely": 2 * row["instructions"]}} for row in rows]
        value = {"arena_bytes": 1, "weight_bytes": 2, "layers": rows, "cycles": {"layers": cycles}}
        (folder / "profile.json").write_text(json.dumps(value))
        read.append(compare.read(folder))
    assert [build.sums["instructions"] for build in read] == [120, 125]
    assert [(c.name, c.before, c.after) for c in compare.layers(*read)] == [("conv/2", 40, 50)]


def test_cycles_are_compared_where_both_have_them(tmp_path: Path) -> None:
    with_cycles = compare.read(profile(tmp_path / "a", LAYERS, {"conv1": 7, "conv2": 8, "fc": 9}))
    others = compare.read(profile(tmp_path / "b", LAYERS, {"conv1": 7, "conv2": 10, "fc": 9}))
    without = compare.read(profile(tmp_path / "c", LAYERS))
    assert [(change.name, change.figure) for change in compare.layers(with_cycles, others)] == [("conv2", "cycles")]
    assert compare.layers(with_cycles, without) == []


def test_a_folder_of_the_compiler_has_layers_too(tmp_path: Path) -> None:
    rows = [{"name": "conv", "macs": 7, "weight_bytes": 3}]
    for name, macs in (("a", 7), ("b", 8)):
        rows[0]["macs"] = macs
        (tmp_path / name).mkdir()
        value = {"arena_bytes": 1, "weight_bytes": 2, "operators": rows}
        (tmp_path / name / "metadata.json").write_text(json.dumps(value))
    (change,) = compare.layers(compare.read(tmp_path / "a"), compare.read(tmp_path / "b"))
    assert (change.name, change.figure, change.difference) == ("conv", "macs", 1)


@pytest.mark.parametrize(
    ("limit", "status"), [("5%", 0), ("4.4 %", StrictError.exit_code), ("0", StrictError.exit_code)]
)
def test_growth_over_the_limit_fails(limit: str, status: int, tmp_path: Path) -> None:
    before = profile(tmp_path / "a", LAYERS)
    after = profile(tmp_path / "b", {**LAYERS, "fc": 70})  # 450 -> 470: +4.44 %
    code, output = compared(before, after, "--fail-over", limit)
    assert code == status
    assert ("instructions: +4.4 %" in output) == bool(status)
    assert compared(after, before, "--fail-over", "0")[0] == 0  # less is never too much


def test_the_tables_fit_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "backbone.blocks." + "x" * 100
    before = profile(tmp_path / "a", {name: 10_000_000, "same": 5})
    after = profile(tmp_path / "b", {name: 12_345_678, "same": 5})
    code, output = compared(before / "profile.json", after)
    lines = output.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert "same " not in "".join(line for line in lines if line.startswith("same"))
    assert "…" not in output and output.count("x") >= 100


def test_layers_have_the_names_of_other_tables(tmp_path: Path) -> None:
    before = profile(tmp_path / "a", {"backbone.block_list.3._depthwise_conv._conv": 1})
    after = profile(tmp_path / "b", {"backbone.block_list.3._depthwise_conv._conv": 2})
    assert "block 3 depthwise " in compared(before, after)[1]


def test_only_so_many_layers_are_printed(tmp_path: Path) -> None:
    before = profile(tmp_path / "a", {f"layer{i}": 1 for i in range(9)})
    after = profile(tmp_path / "b", {f"layer{i}": 2 + i for i in range(9)})
    assert "5 more layers changed" in compared(before, after, "--most", "4")[1]
    values = json.loads(compared(before, after, "--json")[1])
    assert len(values["layers"]) == 9
    assert values["sums"][0]["figure"] == "arena_bytes"


def test_nothing_changed(tmp_path: Path) -> None:
    before, after = profile(tmp_path / "a", LAYERS), profile(tmp_path / "b", LAYERS)
    code, output = compared(before, after, "--fail-over", "0%")
    assert code == 0
    assert "No layer changed." in output


def test_what_has_no_figures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no figures"):
        compare.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"arena_bytes": 1}', '{"arena_bytes": "x", "weight_bytes": 1}'])
def test_damaged_files_are_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text(text)
    with pytest.raises(InputError):
        compare.read(tmp_path)


@pytest.mark.parametrize("text", ["", "two", "-1%", "2%%", "1e9"])
def test_what_is_no_per_cent(text: str) -> None:
    with pytest.raises(InputError, match="is no per cent"):
        compare.limit_of(text)


def test_growth_from_nothing_has_no_share() -> None:
    assert Change("x", "macs", 0, 5).share is None
    compare.check(compare.sums(Build("a", {"macs": 0}), Build("b", {"macs": 5})), 0.0)


@pytest.mark.parametrize("wrong", ["NaN", "1e999", "-1", "true", '"7"', "1" + "0" * 400, "1" + "0" * 5000])
def test_a_figure_that_counts_nothing_is_damage(wrong: str, tmp_path: Path) -> None:
    """Python's JSON has numbers that are none, and integers beyond any float."""
    good = '{"arena_bytes": 1, "weight_bytes": 2, "layers": [{"name": "a", "macs": 3}]}'
    for figure in ("1,", "3}"):
        (tmp_path / "profile.json").write_text(good.replace(f" {figure}", f" {wrong}{figure[-1]}"))
        with pytest.raises(InputError):
            compare.read(tmp_path)
