"""Resize to the nearest pixels: a move in int8, loops of TVM's in float32; against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.operators.int8.moves import Move
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.errors import UnsupportedError
from tests.unit.compiler.graphs import quantised
from tests.unit.compiler.onnx_networks import network, reference

INT8 = CompileOptions(precision="int8")
FLOOR = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
HALF = {"mode": "nearest", "coordinate_transformation_mode": "half_pixel"}
LINEAR = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}


def enlarged(factors: tuple[int, int], attributes: dict[str, str]) -> onnx.ModelProto:
    """A convolution, its image enlarged, another convolution."""
    rng = np.random.default_rng(0)
    high, wide = 4 * factors[0], 6 * factors[1]
    weights = {
        "w": rng.normal(scale=0.4, size=(8, 3, 1, 1)).astype(np.float32),
        "v": rng.normal(scale=0.2, size=(5, 8, 3, 3)).astype(np.float32),
        "f": np.array([1, 1, *factors], np.float32),
    }
    nodes = [
        ("Conv", ["x", "w"], "c", {}), ("Relu", ["c"], "r", {}), ("Resize", ["r", "", "f"], "e", attributes),
        ("Conv", ["e", "v"], "y", {"pads": [1] * 4}),
    ]  # fmt: skip
    return network([1, 3, 4, 6], nodes, weights, [1, 5, high, wide])


@pytest.mark.parametrize("attributes", [FLOOR, HALF], ids=["floor", "half_pixel"])
@pytest.mark.parametrize("factors", [(2, 2), (1, 3), (4, 2)])
def test_int8_equals_onnx_runtime(factors: tuple[int, int], attributes: dict[str, str]) -> None:
    rng = np.random.default_rng(1)
    inputs = [np.clip(rng.normal(scale=0.4, size=(1, 3, 4, 6)), -1, 1).astype(np.float32) for _ in range(4)]
    model = quantised(enlarged(factors, attributes), inputs).model()
    program = pipeline.to_program(model, INT8)
    assert sum(isinstance(operator.spec, Move) for operator in program.operators) >= 1
    known = program.input.quantization
    assert known is not None
    runner = IntegerReference(program)
    runner.run(
        np.clip(np.rint(inputs[0] / known.step) + known.zero_point, -128, 127).astype(np.int8).transpose(0, 2, 3, 1)
    )
    expected = reference(model, inputs[0])
    step = np.abs(expected).max() / 100
    np.testing.assert_allclose(runner.tensors[program.output.name].reshape(expected.shape), expected, atol=step)


@pytest.mark.parametrize("attributes", [FLOOR, HALF], ids=["floor", "half_pixel"])
def test_float32_equals_onnx_runtime(attributes: dict[str, str], check: Callable[..., object]) -> None:
    check(enlarged((2, 3), attributes))


def test_other_ways_are_refused_in_int8() -> None:
    inputs = [np.zeros((1, 3, 4, 6), np.float32), np.ones((1, 3, 4, 6), np.float32)]
    model = quantised(enlarged((2, 2), LINEAR), inputs).model()
    with pytest.raises(UnsupportedError, match="Resize"):
        pipeline.to_program(model, INT8)
