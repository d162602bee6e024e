"""The table and the files of `ocrm55 profile`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from ocrm55.errors import OutputError
from ocrm55.report import profile
from ocrm55.report.measurement import Measurement
from ocrm55.report.profile import Sort
from tests.unit.report.tiny_network import COUNTS, MACS, measurement_of


def test_the_table_has_every_layer_and_sums(measured: Measurement, capsys: pytest.CaptureFixture[str]) -> None:
    profile.show(measured)
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    for row in measured.layers:
        assert any(line.startswith(row.title) and f"{row.instructions:,}" in line for line in lines)
    sums = next(line for line in lines if line.startswith("all"))
    assert f"{sum(COUNTS):,}" in sums
    assert f"{sum(MACS):,}" in sums
    assert "no estimate" in shown
    assert f"inference    {sum(COUNTS) + 7:>13,}" in shown
    unfolded, precision = " ".join(shown.split()), measured.metadata.precision
    assert {"float32": "2 float32 MACs", "int8": "8 int8 and 2 float32 MACs"}[precision] in unfolded


@pytest.mark.parametrize(
    ("by", "first"),
    [(Sort.ORDER, 0), (Sort.INSTRUCTIONS, 2), (Sort.MACS, 0), (Sort.RATIO, 2), (Sort.BYTES, 0), (Sort.BOUND, 0)],
)
def test_sorting_keeps_every_layer(by: Sort, first: int) -> None:
    rows = measurement_of("float32", [Path("a.png")]).layers
    ordered = profile.sort(rows, by)
    assert ordered[0].index == first
    assert sorted(row.index for row in ordered) == [0, 1, 2, 3, 4]


def test_csv_and_json_agree(measured: Measurement) -> None:
    lines = list(csv.DictReader(io.StringIO(profile.as_csv(measured))))
    values = json.loads(json.dumps(profile.as_values(measured)))
    assert len(lines) == len(values["layers"]) == 5
    for line, row in zip(lines, values["layers"], strict=True):
        for name in ("name", "kind", "target", "macs", "instructions", "weight_bytes", "input_bytes", "bound_cycles"):
            assert line[name] == str(row[name])
    assert values["totals"]["instructions"] == sum(int(line["instructions"]) for line in lines) == sum(COUNTS)
    assert values["instructions"]["inference"] == sum(COUNTS) + 7
    assert values["totals"]["bound"] == sum(row["bound_cycles"] for row in values["layers"])


def test_files(measured: Measurement, tmp_path: Path) -> None:
    written = profile.write(measured, tmp_path / "out")
    assert sorted(path.name for path in written) == [
        "arena.svg", "instructions.svg", "intensity.svg", "memory.svg", "profile.csv", "profile.json",
    ]  # fmt: skip
    assert sorted(written) == sorted((tmp_path / "out").iterdir())


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        profile.write(measurement_of("float32", [Path("a.png")]), tmp_path / "file" / "out")
