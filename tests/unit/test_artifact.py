"""Reading an artifact: every row typed, and one sentence with the place of what is missing or wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocrm55.artifact import Artifact
from ocrm55.errors import InputError
from tests import metadata_rows as rows


def values() -> dict[str, Any]:
    operator = rows.operator("a", macs=8, inputs=["x"], why_not={"m55": "no"})
    return rows.metadata(
        [operator],
        workspaces=[{"name": "w", "bytes": 4, "offset": 0, "operator": 0}],
        placement={"hot_weights": {"region": "DTCM", "bytes": 16}},
        npu=rows.npu(
            [rows.region("r", operators=[{"name": "o", "kind": "k", "macs": 8, "shape": [4], "vela_cycles": None}])]
        ),
    )


def artifact(folder: Path, content: object) -> Artifact:
    (folder / "metadata.json").write_text(json.dumps(content))
    return Artifact.read(folder)


def test_rows_are_values(tmp_path: Path) -> None:
    found = artifact(tmp_path, values())
    (operator,) = found.operators
    assert (operator.name, operator.macs, operator.inputs, operator.why_not) == ("a", 8, ("x",), {"m55": "no"})
    assert (found.image_size, found.steps, found.classes, found.widths) == ((48, 320), 40, 97, [320])
    assert (found.hot_bytes, found.region_of("hot_weights"), found.region_of("arena")) == (16, "DTCM", None)
    assert found.npu is not None
    assert found.npu.regions[0].operators[0].vela_cycles is None
    assert found.accelerator == "ethos-u55-128"
    assert (found.decoder, found.labels, found.compiled_by) == ("", (), "")


def test_what_an_older_ocrm55_did_not_write_has_a_default(tmp_path: Path) -> None:
    found = artifact(tmp_path, {name: value for name, value in values().items() if name != "npu"})
    assert (found.npu, found.accelerator, found.kernels) == (None, "", ())


def _without(*path: str | int) -> Callable[[dict[str, Any]], object]:
    return lambda content: _at(content, path).pop(path[-1])


def _with(value: object, *path: str | int) -> Callable[[dict[str, Any]], object]:
    return lambda content: _at(content, path).__setitem__(path[-1], value)


def _at(content: Any, path: tuple[str | int, ...]) -> Any:
    for each in path[:-1]:
        content = content[each]
    return content


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (_without("macs"), "macs"),
        (_with(True, "macs"), "macs"),
        (_with(None, "placement"), "placement"),
        (_with(7, "decoder"), "decoder"),
        (_with([7], "labels"), "labels[0]"),
        (_with({"arena": 7}, "placement"), "placement"),
        (_with(7, "operators", 0), "operators[0]"),
        (_without("operators", 0, "live_macs"), "operators[0].live_macs"),
        (_with("8", "operators", 0, "macs"), "operators[0].macs"),
        (_with("nobody", "operators", 0, "output"), "operators[0].output"),
        (_with(["4"], "tensors", 0, "shape"), "tensors[0].shape[0]"),
        (_with(1, "workspaces", 0, "operator"), "workspaces[0].operator"),
        (_with([320], "input", "shape"), "input.shape"),
        (_with([40, 0], "output", "shape"), "output.shape"),
        (_with(0.5, "npu", "regions", 0, "operators", 0, "vela_cycles"), "npu.regions[0].operators[0].vela_cycles"),
        (_with([{"width": 96, "steps": 12}], "widths"), "widths[0].input"),
    ],
)
def test_a_damaged_row_is_named(change: Callable[[dict[str, Any]], object], place: str, tmp_path: Path) -> None:
    content = values()
    change(content)
    with pytest.raises(InputError) as caught:
        artifact(tmp_path, content)
    assert f"metadata.json is damaged: `{place}` is missing or wrong in it." in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"), [("{", "it is no JSON"), ("[" * 9999, "it is no JSON"), ("[]", "it is no object")]
)
def test_what_is_no_metadata(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(text)
    with pytest.raises(InputError, match=f"is damaged: {words}"):
        Artifact.read(tmp_path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Artifact.read(tmp_path)
