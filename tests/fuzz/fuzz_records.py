"""Fuzzer of the JSON that ocrm55 leaves for itself, and of boards: stamps, settings, metadata, evaluations, programs.

The first byte chooses the reader, the rest is the file.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests import metadata_rows as rows
from tests.fuzz import mutations
from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = [
    "ocrm55.build_folder",
    "ocrm55.firmware",
    "ocrm55.artifact",
    "ocrm55.metadata",
    "ocrm55.boards",
    "ocrm55.compiler.program_file",
    "ocrm55.report.accuracy",
]
_PLACE = scratch()
_FILE = _PLACE / "file.json"
_SETTINGS = {"source": "x", "defines": {"OCRM55_ARTIFACT": "y"}}


def _stamp() -> None:
    from ocrm55 import build_folder

    build_folder._holds(_FILE, "read", [])


def _settings() -> None:
    from ocrm55 import firmware

    (_PLACE / "build.ninja").touch()
    (_PLACE / "ocrm55-settings.json").write_bytes(_FILE.read_bytes())
    firmware._is_configured(_PLACE, _SETTINGS)


def _metadata() -> None:
    from ocrm55.artifact import Artifact
    from ocrm55.report.arena import boxes
    from ocrm55.report.layers import layers

    (_PLACE / "metadata.json").write_bytes(_FILE.read_bytes())
    artifact = Artifact.read(_PLACE)
    assert artifact.image_size
    assert artifact.classes
    assert [artifact.metadata.at_width(width) for width in artifact.widths]
    assert layers(artifact.metadata) or not artifact.operators
    boxes(artifact.metadata)


def _memory_map() -> None:
    from ocrm55 import boards

    board = boards.read_memories(_FILE)
    for what in boards.PLACED:
        assert board.region_of(what).size > 0
        assert board.candidates(what)


def _evaluation() -> None:
    from ocrm55.report import accuracy

    accuracy.load(_FILE)


def _board() -> None:
    from ocrm55 import boards

    (_PLACE / "board.json").write_bytes(_FILE.read_bytes())
    assert boards.find(str(_PLACE)).name == _PLACE.name


def _program() -> None:
    from ocrm55.compiler import program_file

    place = _PLACE / "program"
    if not place.is_dir():
        place.mkdir()
        np.savez(place / "values.npz", v0=np.zeros((2, 3), np.int8))
    (place / "8.json").write_bytes(_FILE.read_bytes())
    program_file.read(_PLACE)


READERS = (_stamp, _settings, _metadata, _memory_map, _evaluation, _board, _program)


def one_input(data: bytes) -> None:
    if data:
        _FILE.write_bytes(data[1:])
        attempt(READERS[data[0] % len(READERS)])


def _kept_program() -> object:
    """A program of two operators, as an artifact keeps it."""
    from ocrm55.compiler import program_file
    from ocrm55.compiler.operators.int8.elementwise import Lookup
    from ocrm55.compiler.operators.program import Operator, Program, Tensor
    from ocrm55.compiler.operators.quantization import Quantization

    program = Program("m", "int8")
    program.add(Tensor("x", (1, 1, 8, 3), "int8", "input", "x", quantization=Quantization(0.5, -1), channels_last=True))
    program.add(Tensor("t", (2, 3), "int8", "weight", "t", data=np.zeros((2, 3), np.int8)))
    for source, name in (("x", "a"), ("a", "y")):
        program.add(Tensor(name, (1, 1, 8, 3), "int8", "output" if name == "y" else "activation", name))
        program.operators.append(Operator(name, name, Lookup(24), [source, "t"], [name], "m55"))
    return {"version": program_file.VERSION, **program_file._program(program, {}, {})}


def seeds() -> Iterator[bytes]:
    root = Path(__file__).parents[2]
    share = {"right": 1, "count": 2}
    metadata = rows.metadata(
        [rows.operator("a", "npu_region", macs=8, inputs=["x"], output="y", why_not={"c": "no"})],
        npu=rows.npu(
            [rows.region("a", operators=[{"name": "o", "kind": "k", "macs": 8, "shape": [4], "vela_cycles": 1}])]
        ),
        workspaces=[{"name": "w", "bytes": 4, "offset": 0, "operator": 0}],
        weights=[{"name": "v", "shape": [4], "dtype": "int8", "bytes": 4, "offset": 0}],
        placement={"arena": {"region": "DTCM", "bytes": 4}},
    )
    decided = ("input", "output", "macs", "arena_lower_bound", "operators", "tensors", "workspaces")
    metadata["widths"] = [{"width": 96, "steps": 12} | {name: metadata[name] for name in decided}]
    board = json.loads((root / "firmware/platform/corstone300/board.json").read_text())
    files = (
        {"read": "read", "written": "0"},
        _SETTINGS,
        metadata,
        board,
        {"exact": share, "alphanumeric": share, "character_error_rate": 0.5, "by_class": {"a": share}, "data": "d"},
    )
    for number, value in enumerate((*files, board, _kept_program())):
        yield bytes([number]) + json.dumps(value).encode()
        yield bytes([number]) + b"[" * 5000  # deeper than Python's own limit


if __name__ == "__main__":
    fuzz(one_input, MODULES, mutations.json_after_first_byte)
