"""The lowered program in an artifact: it comes back as it was, and nothing else does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocrm55.compiler import program_file
from ocrm55.compiler.artifact import Written
from ocrm55.compiler.operators import registry
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.errors import InputError


def test_the_program_comes_back(int8_network: Written) -> None:
    kept, compiled = program_file.read(int8_network.directory), int8_network.program
    assert [(o.layer, o.target, o.spec) for o in kept.operators] == [
        (o.layer, o.target, o.spec) for o in compiled.operators
    ]
    assert [type(o.spec) for o in kept.operators] == [type(o.spec) for o in compiled.operators]
    assert (kept.name, kept.precision, kept.input_size) == (compiled.name, compiled.precision, compiled.input_size)
    for name, tensor in kept.tensors.items():
        before = compiled.tensors[name]
        assert (tensor.shape, tensor.dtype, tensor.view_of, tensor.quantization) == (
            before.shape,
            before.dtype,
            before.view_of,
            before.quantization,
        )
        assert tensor.data is None or (tensor.data.dtype, tensor.data.tobytes()) == (
            before.data.dtype,  # type: ignore[union-attr]
            before.data.tobytes(),  # type: ignore[union-attr]
        )


def test_the_reference_computes_the_same_of_it(int8_network: Written) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (48, 200, 3), np.uint8)
    before = IntegerReference(int8_network.program).probabilities(pixels)
    after = IntegerReference(program_file.read(int8_network.directory)).probabilities(pixels)
    assert before.tobytes() == after.tobytes()


def test_every_kind_of_operator_can_be_read() -> None:
    assert set(registry.specs().values()) <= set(program_file._classes().values())
    assert Program not in program_file._classes().values()


@pytest.fixture
def copied(int8_network: Written, tmp_path: Path) -> Path:
    """A folder with the kept program alone."""
    shutil.copytree(int8_network.directory / "program", tmp_path / "program")
    return tmp_path


def _class_from_elsewhere(value: dict[str, Any]) -> None:
    value["operators"][0]["spec"] = {"is": "Popen", "args": ["true"]}


def _no_such_field(value: dict[str, Any]) -> None:
    value["operators"][0]["spec"]["surprise"] = 1


def _no_such_tensor(value: dict[str, Any]) -> None:
    value["operators"][0]["inputs"] = ["nobody"]


def _other_shape(value: dict[str, Any]) -> None:
    next(row for row in value["tensors"] if row["data"])["shape"] = [1]


def _views_in_a_circle(value: dict[str, Any]) -> None:
    first, second = value["tensors"][:2]
    first["view_of"], second["view_of"] = second["name"], first["name"]


def _view_of_nothing(value: dict[str, Any]) -> None:
    value["tensors"][0]["view_of"] = "nobody"


def _scale_of(value: Any) -> Callable[[dict[str, Any]], None]:
    def change(program: dict[str, Any]) -> None:
        next(row for row in program["tensors"] if row["quantization"])["quantization"]["scale"] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _class_from_elsewhere,
        _scale_of("a word"),
        _scale_of([0.5, 0.25]),  # a tensor has one scale for all channels
        _no_such_field,
        _no_such_tensor,
        _other_shape,
        _views_in_a_circle,
        _view_of_nothing,
        lambda value: value.update(version=0),
        lambda value: value.pop("tensors"),
        lambda value: value.update(operators=[7]),
    ],
)
def test_a_damaged_program_is_one_sentence(change: Callable[[dict[str, Any]], object], copied: Path) -> None:
    file = copied / "program" / "320.json"
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))
    with pytest.raises(InputError, match="is damaged, or another version's"):
        program_file.read(copied)


@pytest.mark.parametrize(
    ("name", "content"), [("320.json", b"{"), ("values.npz", b""), ("values.npz", b"PK\x03\x04 and no more")]
)
def test_damaged_files_are_one_sentence(name: str, content: bytes, copied: Path) -> None:
    (copied / "program" / name).write_bytes(content)
    with pytest.raises(InputError, match=r"program (is damaged|cannot be read)"):
        program_file.read(copied)


def test_flipped_bits_are_one_sentence(copied: Path) -> None:
    """In what says where and how the values are stored; bits of the values themselves go unseen."""
    file, random = copied / "program" / "values.npz", np.random.default_rng(9)
    with np.load(file) as stored:
        few = {name: stored[name][:0] for name in stored.files}
    np.savez_compressed(file, **few)
    whole, refused = file.read_bytes(), set()
    for place in random.permutation(len(whole))[:400]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(random.integers(8))
        file.write_bytes(damaged)
        with pytest.raises(InputError, match=r"is damaged|cannot be read") as raised:
            program_file.read(copied)
        refused.add(type(raised.value.__cause__))
    assert len(refused) > 2


def test_no_pickle_is_read(copied: Path) -> None:
    values = dict(np.load(copied / "program" / "values.npz"))
    values["v0"] = np.array([{"a": 1}], object)
    np.savez(copied / "program" / "values.npz", **values)
    with pytest.raises(InputError, match="is damaged"):
        program_file.read(copied)


def test_no_program_and_no_such_width(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(InputError, match="keeps no program of 96 columns"):
        program_file.read(copied, 96)
    with pytest.raises(InputError, match="keeps no program"):
        program_file.read(tmp_path_factory.mktemp("empty"))
