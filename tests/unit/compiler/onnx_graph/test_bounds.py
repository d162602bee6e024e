"""Hostile models are compiled, or refused in one sentence; indices and axes outside of their tensors are refused."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets import choice
from ocrm55.errors import InputError, Ocrm55Error, UnsupportedError
from tests import yardstick
from tests.unit.compiler.onnx_graph.hostile import MODELS

YARDSTICKS = 1000  # of this process, as tests/yardstick.py measures this computer; the worst takes some 150
OPTIONS = CompileOptions(precision="float32")
COMPILED = {
    "constant_value_float", "constant_value_floats", "constant_value", "constant_and_input", "unread_operator",
    "chain_of_convolutions", "node_empty", "tensor_of_c", "gather_3", "gather_nd_3", "gather_elements_3", "slice_3",
}  # fmt: skip
FAR = (4, -5, 2**31, -(2**62), 10**9)
OUTSIDE = [f"{op}_{index}" for op in ("gather", "gather_nd", "gather_elements") for index in FAR]


def compiled(name: str, folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(MODELS[name]().SerializeToString())
    pipeline.placed(pipeline.to_program(entrance.read(path), OPTIONS), choice.targets_for(OPTIONS), OPTIONS)


@pytest.mark.parametrize("name", MODELS)
def test_a_hostile_model(name: str, tmp_path: Path) -> None:
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        compiled(name, tmp_path)
        refusal = ""
    except (InputError, UnsupportedError) as trouble:
        refusal = trouble.sentence
        assert refusal.endswith(".") and "\n" not in refusal
    assert time.process_time() - start < YARDSTICKS * yardstick.seconds()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 << 10
    if name in COMPILED:
        assert refusal == ""


@pytest.mark.parametrize("name", OUTSIDE)
def test_indices_outside_of_a_tensor(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"reads the index -?\d+ of an axis of \d"):
        compiled(name, tmp_path)


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("declared_") and "inside" not in name])
def test_another_output_than_is_declared(name: str, tmp_path: Path) -> None:
    with pytest.raises(Ocrm55Error, match=r"declared as|do not fit|shape"):
        compiled(name, tmp_path)


def test_places_that_are_computed(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="reads at places that are computed"):
        compiled("gather_computed", tmp_path)
