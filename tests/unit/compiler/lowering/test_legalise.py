"""What TVM makes loops of is counted as if it were ours."""

from __future__ import annotations

import numpy as np
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.options import CompileOptions
from tests.unit.compiler.onnx_networks import network

WEIGHTS = {"w": np.ones((4, 3, 3, 3), np.float32), "m": np.ones((8, 5), np.float32)}
NODES = [
    ("Conv", ["x", "w"], "a", {"pads": [1, 1, 1, 1]}),
    ("Relu", ["a"], "b", {}),
    ("MatMul", ["b", "m"], "y", {}),
]


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_batch_takes_as_many_times_the_macs(batch: int) -> None:
    model = network([batch, 3, 6, 8], NODES, WEIGHTS, [batch, 4, 6, 5])
    program = pipeline.to_program(model, CompileOptions(precision="float32"))
    assert program.macs == batch * (4 * 6 * 8 * 27 + 4 * 6 * 5 * 8)


@pytest.mark.parametrize("given", [{"dilations": [2, 2], "pads": [2, 2, 2, 2]}, {"group": 1, "pads": [1, 1, 1, 1]}])
def test_dilated_convolutions_are_counted(given: dict[str, object]) -> None:
    model = network([1, 3, 6, 8], [("Conv", ["x", "w"], "y", given)], WEIGHTS, [1, 4, 6, 8])
    program = pipeline.to_program(model, CompileOptions(precision="float32"))
    assert program.macs == 4 * 6 * 8 * 27
