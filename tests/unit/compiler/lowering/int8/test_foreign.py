"""QDQ networks of other quantisers than ours, in forms that ours never writes: against ONNX Runtime, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.operators.int8.elementwise import LARGEST_GAIN, SumInt8
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.errors import UnsupportedError
from tests.unit.compiler.onnx_networks import network, reference

INT8 = CompileOptions(precision="int8")
INPUT, OUTPUT = (1, 4, 5, 6), (1, 6, 5, 6)
STEP = np.float32(0.05)
RNG = np.random.default_rng(0)
WEIGHTS = RNG.integers(-60, 60, (6, 4, 1, 1)).astype(np.int8)
BY_CHANNEL = np.array([1, 9, -8, -5, 7, 2], np.float32).reshape(1, 6, 1, 1)
CONSTANTS: dict[str, np.ndarray] = {
    "s": STEP, "z": np.int8(0), "w": WEIGHTS, "ws": np.float32(0.01), "wz": np.int8(0),
    "so": np.float32(0.06), "zo": np.int8(10), "minus": np.float32(-1), "none": np.float32(0),
}  # fmt: skip
Nodes = list[tuple]


def rounded(name: str, to: str, scale: str = "so", zero: str = "zo") -> Nodes:
    """`name` as int8 and back."""
    quantised = [scale, zero]
    return [
        ("QuantizeLinear", [name, *quantised], f"{to}_q", {}),
        ("DequantizeLinear", [f"{to}_q", *quantised], to, {}),
    ]


READ = rounded("x", "xd", "s", "z")
PLAIN: Nodes = [*READ, ("DequantizeLinear", ["w", "ws", "wz"], "wd", {})]
CONV: Nodes = [*PLAIN, ("Conv", ["xd", "wd"], "c", {})]
ROUNDED: Nodes = [*CONV, *rounded("c", "cd")]
MEAN: Nodes = [*ROUNDED, ("GlobalAveragePool", ["cd"], "g", {}), *rounded("g", "gd")]
TWO: Nodes = [*ROUNDED, ("Relu", ["cd"], "r", {}), *rounded("r", "rd")]


def most_steps(nodes: Nodes, result: str, shape: tuple[int, ...] = OUTPUT, **constants: np.ndarray) -> float:
    """The largest difference from ONNX Runtime, in steps of the output."""
    values = {**CONSTANTS, **constants}
    ended = [*nodes, *rounded(result, "y")]
    used = {name for _, inputs, *_ in ended for name in inputs}
    model = network(INPUT, ended, {name: value for name, value in values.items() if name in used}, shape)
    program = pipeline.to_program(model, INT8)
    tensor = np.random.default_rng(1).normal(0, 2, INPUT).astype(np.float32)
    runner = IntegerReference(program)
    runner.run(np.clip(np.rint(tensor / STEP), -128, 127).astype(np.int8).transpose(0, 2, 3, 1))
    found = runner.tensors[program.output.name].reshape(shape)
    return float(np.abs(found - reference(model, tensor)).max() / values["so"])


@pytest.mark.parametrize("dtype", [np.int8, np.int32])
@pytest.mark.parametrize("scale", [np.float32(0.02), np.full(6, 0.02, np.float32), np.float32(3.7e-5)])
def test_a_bias_has_the_scale_that_the_model_says(dtype: type, scale: np.ndarray) -> None:
    bias = np.array([-100, 90, 3, 0, -7, 55]).astype(dtype)
    nodes = [*PLAIN, ("DequantizeLinear", ["b", "bs"], "bd", {"axis": 0}), ("Conv", ["xd", "wd", "bd"], "c", {})]
    assert most_steps(nodes, "c", b=bias, bs=scale) < 1.5


def test_a_bias_beyond_all_sums_is_refused() -> None:
    nodes = [*PLAIN, ("DequantizeLinear", ["b", "bs"], "bd", {}), ("Conv", ["xd", "wd", "bd"], "c", {})]
    with pytest.raises(UnsupportedError, match="32 bits"):
        most_steps(nodes, "c", b=np.full(6, 1 << 30, np.int32), bs=np.float32(100))


def test_weights_are_quantised_and_then_reshaped() -> None:
    nodes = [
        *READ, ("DequantizeLinear", ["v", "vs", "vz"], "flat", {"axis": 0}), ("Reshape", ["flat", "to"], "wd", {}),
        ("Conv", ["xd", "wd"], "c", {}),
    ]  # fmt: skip
    scales = RNG.uniform(0.005, 0.02, 6).astype(np.float32)
    shape = np.array(WEIGHTS.shape)
    assert most_steps(nodes, "c", v=WEIGHTS.reshape(6, 4), vs=scales, vz=np.zeros(6, np.int8), to=shape) < 1.5


@pytest.mark.parametrize("outputs", [6, 4])
def test_weights_with_scales_along_the_inputs_are_refused(outputs: int) -> None:
    nodes = [*READ, ("DequantizeLinear", ["v", "vs", "vz"], "wd", {"axis": 1}), ("Conv", ["xd", "wd"], "c", {})]
    scales = np.array([0.01, 0.02, 0.005, 0.03], np.float32)
    with pytest.raises(UnsupportedError, match="along an axis"):
        most_steps(nodes, "c", (1, outputs, 5, 6), v=WEIGHTS[:outputs], vs=scales, vz=np.zeros(4, np.int8))


def test_weights_beyond_int8_are_refused() -> None:
    nodes = [*READ, ("DequantizeLinear", ["v", "ws"], "wd", {}), ("Conv", ["xd", "wd"], "c", {})]
    with pytest.raises(UnsupportedError, match="int32"):
        most_steps(nodes, "c", v=WEIGHTS.astype(np.int32) * 5)


def test_a_clamp_is_scaled_below_zero() -> None:
    factors = np.array([1, -1, 0.5, -0.5, 1, 2], np.float32).reshape(1, 6, 1, 1)
    nodes = [*CONV, ("Relu", ["c"], "r", {}), ("Mul", ["r", "f"], "t", {})]
    assert most_steps(nodes, "t", f=-np.abs(factors)) < 1.5
    with pytest.raises(UnsupportedError, match="both signs"):
        most_steps(nodes, "t", f=factors)


def test_a_clamp_of_another_shape_is_scaled_below_zero() -> None:
    turned = [("Reshape", ["r", "to"], "f", {}), ("Mul", ["f", "minus"], "t", {})]
    to = np.array([1, 6, 30])
    assert most_steps([*CONV, ("Relu", ["c"], "r", {}), *turned], "t", (1, 6, 30), to=to) < 1.5
    gate = ("HardSigmoid", ["c"], "r", {"alpha": 0.2, "beta": 0.5})
    scale = {"so": np.float32(1 / 254), "zo": np.int8(127)}
    assert most_steps([*CONV, gate, *turned], "t", (1, 6, 30), to=to, **scale) < 1.5


def test_a_sum_is_scaled_below_zero() -> None:
    assert most_steps([*TWO, ("Add", ["cd", "rd"], "n", {}), ("Mul", ["n", "minus"], "a", {})], "a") < 1.5


@pytest.mark.parametrize("factor", [-1.0, -40.0, 0.0])
def test_a_side_of_a_sum_is_scaled(factor: float) -> None:
    nodes = [*TWO, ("Mul", ["rd", "f"], "n", {}), ("Add", ["cd", "n"], "a", {})]
    assert most_steps(nodes, "a", f=np.float32(factor)) < 1.5


def test_gains_of_a_sum_are_int16() -> None:
    for steps in ((1.0, -40.0, 1.0), (-1.0, -1.0, 1e-9), (0.0, 0.0, 1.0)):
        whole = SumInt8(1, steps[0], 0, steps[1], 0, steps[2], 0).whole
        assert max(abs(whole.gain_a), abs(whole.gain_b)) <= LARGEST_GAIN


def test_a_softmax_of_what_is_scaled_by_channel_is_refused() -> None:
    nodes = [
        *MEAN, ("Mul", ["gd", "f"], "m", {}), ("Reshape", ["m", "to"], "v", {}), ("Softmax", ["v"], "p", {"axis": -1}),
    ]  # fmt: skip
    scale = {"so": np.float32(1 / 256), "zo": np.int8(-128)}
    with pytest.raises(UnsupportedError, match="softmax"):
        most_steps(nodes, "p", (1, 6), f=BY_CHANNEL, to=np.array([1, 6]), **scale)


def test_a_product_of_what_is_scaled_by_channel_is_refused() -> None:
    nodes = [
        *MEAN, ("Mul", ["gd", "f"], "m", {}), ("Reshape", ["m", "row"], "a", {}),
        ("Reshape", ["gd", "column"], "b", {}), ("MatMul", ["a", "b"], "p", {}),
    ]  # fmt: skip
    shapes = {"row": np.array([1, 1, 6]), "column": np.array([1, 6, 1]), "zo": np.int8(0)}
    with pytest.raises(UnsupportedError, match="product"):
        most_steps(nodes, "p", (1, 1, 1), f=BY_CHANNEL, **shapes)


def test_one_right_side_serves_all_products() -> None:
    nodes = [
        *READ, ("Slice", ["xd", "from", "end", "axis"], "one", {}), ("Reshape", ["one", "to"], "b", {}),
        ("MatMul", ["xd", "b"], "p", {}),
    ]  # fmt: skip
    cut = {"from": np.array([0]), "end": np.array([1]), "axis": np.array([1]), "to": np.array([1, 1, 6, 5])}
    assert most_steps(nodes, "p", (1, 4, 5, 5), **cut) < 1.5


def test_a_factor_for_each_column_is_no_gate() -> None:
    nodes = [*MEAN, ("Reshape", ["gd", "to"], "f", {}), ("Mul", ["cd", "f"], "m", {})]
    with pytest.raises(UnsupportedError, match="product"):
        most_steps(nodes, "m", to=np.array([1, 6]))


@pytest.mark.parametrize(
    ("axis", "first", "end", "shape"), [(2, 1, 4, (1, 6, 3, 6)), (3, 0, 2, (1, 6, 5, 2)), (1, 1, 5, (1, 4, 5, 6))]
)
def test_a_part_has_scales_by_channel(axis: int, first: int, end: int, shape: tuple[int, ...]) -> None:
    by_channel = ["cs", "cz"]
    nodes = [
        *CONV, ("Slice", ["c", "from", "end", "axis"], "part", {}),
        ("QuantizeLinear", ["part", *by_channel], "part_q", {"axis": 1}),
        ("DequantizeLinear", ["part_q", *by_channel], "p", {"axis": 1}),
    ]  # fmt: skip
    cut = {"from": np.array([first]), "end": np.array([end]), "axis": np.array([axis])}
    scales = np.linspace(0.02, 0.06, shape[1], dtype=np.float32)
    assert most_steps(nodes, "p", shape, cs=scales, cz=np.zeros(shape[1], np.int8), **cut) < 1.5


def test_scales_along_rows_of_a_part_are_refused() -> None:
    nodes = [
        *CONV, ("Slice", ["c", "from", "end", "axis"], "part", {}),
        ("QuantizeLinear", ["part", "cs", "cz"], "p_q", {"axis": 2}),
        ("DequantizeLinear", ["p_q", "cs", "cz"], "p", {"axis": 2}),
    ]  # fmt: skip
    cut = {"from": np.array([0]), "end": np.array([2]), "axis": np.array([2])}
    with pytest.raises(UnsupportedError, match="along an axis"):
        most_steps(nodes, "p", (1, 6, 2, 6), cs=np.array([0.02, 0.03], np.float32), cz=np.zeros(2, np.int8), **cut)
