"""The reference against ONNX Runtime's integer operators: what a QDQ model means, said by somebody else.

ONNX Runtime fuses DequantizeLinear, operator and QuantizeLinear into integer kernels of its own. Where it rounds at
the same places the outputs are equal; where it does not, they differ by one step in rare ties, and the test says why.
"""

from __future__ import annotations

import itertools

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ocrm55.compiler.operators.int8.elementwise import SumInt8
from tests.unit.kernels.reference import convolution, elementwise, pool
from tests.unit.kernels.reference.epilogue import CLAMP, Epilogue, finish

F = np.float32
SX, ZX, SY, ZY = F(0.037), 5, F(0.051), -7
RNG = np.random.default_rng(5)


def int8(*shape: int) -> np.ndarray:
    return RNG.integers(-128, 128, shape).astype(np.int8)


def run(operator: str, inputs: list, constants: dict, attributes: dict, shape: tuple, out: tuple) -> np.ndarray:
    """DequantizeLinear of all `inputs` (values, scale, zero point, axis or None), the operator, QuantizeLinear."""
    nodes, initializers, feeds, names, graph_inputs = [], [], {}, [], []

    def constant(name: str, value: np.ndarray) -> str:
        initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    for n, (values, scale, zero, axis) in enumerate(inputs):
        if n == 0 or axis is None:
            graph_inputs.append(helper.make_tensor_value_info(f"x{n}", TensorProto.INT8, values.shape))
            feeds[f"x{n}"] = values
        else:
            constant(f"x{n}", values)
        parts = [f"x{n}", constant(f"s{n}", scale), constant(f"z{n}", zero)]
        more = {} if axis is None or axis < 0 else {"axis": axis}
        nodes.append(helper.make_node("DequantizeLinear", parts, [f"d{n}"], **more))
        names.append(f"d{n}")
    for name, (values, scale) in constants.items():  # an int32 bias
        parts = [
            constant(name, values),
            constant(f"{name}_s", scale),
            constant(f"{name}_z", np.zeros(len(values), np.int32)),
        ]
        nodes.append(helper.make_node("DequantizeLinear", parts, [f"{name}_d"], axis=0))
        names.append(f"{name}_d")
    nodes.append(helper.make_node(operator, names, ["r"], **attributes))
    quantize = ["r", constant("so", out[0]), constant("zo", np.int8(out[1]))]
    nodes.append(helper.make_node("QuantizeLinear", quantize, ["y"]))
    y = helper.make_tensor_value_info("y", TensorProto.INT8, shape)
    graph = helper.make_graph(nodes, "g", graph_inputs, [y], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["y"], feeds)[0]


def assert_close(ours: np.ndarray, theirs: np.ndarray, off_by_one: float = 0.0) -> None:
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert difference.max() <= (1 if off_by_one else 0)
    assert (difference > 0).mean() <= off_by_one


@pytest.mark.parametrize(
    ("channels", "kernel", "strides", "group"),
    [(32, 1, (1, 1), 1), (3, 3, (2, 2), 1), (16, 3, (1, 1), 16), (16, 5, (2, 1), 16), (8, 5, (1, 2), 8)],
)
def test_convolutions_equal(channels: int, kernel: int, strides: tuple[int, int], group: int) -> None:
    outputs = channels if group > 1 else 24
    x, w = int8(1, channels, 12, 20), int8(outputs, channels // group, kernel, kernel)
    w = np.maximum(w, -127)
    depth = w[0].size
    sw = (RNG.uniform(0.3, 1.5, outputs) * 60 / (73 * 73 * depth**0.5) * (SY / SX)).astype(F)
    bias = RNG.integers(-2000, 2000, outputs).astype(np.int32)
    pad = kernel // 2
    folded = bias - ZX * w.reshape(outputs, -1).astype(np.int64).sum(1)
    acc = convolution.conv(x[0].transpose(1, 2, 0), w, folded, strides, (pad,) * 4, ZX)
    ours = finish(acc, Epilogue(((SX * sw) / SY).astype(F), CLAMP, ZY)).transpose(2, 0, 1)[None]
    inputs = [(x, SX, np.int8(ZX), None), (w, sw, np.zeros(outputs, np.int8), 0)]
    attributes = {"kernel_shape": [kernel] * 2, "strides": list(strides), "pads": [pad] * 4, "group": group}
    theirs = run("Conv", inputs, {"bias": (bias, (SX * sw).astype(F))}, attributes, ours.shape, (SY, ZY))
    assert len(np.unique(ours)) > 50
    assert_close(ours, theirs)


def test_additions_equal_but_for_ties() -> None:
    # They compute in float32, we with gains of 15 bits: another rounding now and then.
    a, b = int8(4000), int8(4000)
    sb, zb = F(0.022), -3
    whole = SumInt8(4000, float(SX), ZX, float(sb), zb, float(SY), ZY).whole
    ours = elementwise.add(a, b, (whole.gain_a, whole.gain_b), whole.offset, whole.shift)
    theirs = run("Add", [(a, SX, np.int8(ZX), None), (b, sb, np.int8(zb), None)], {}, {}, a.shape, (SY, ZY))
    assert_close(ours, theirs, 0.01)


def test_products_equal_but_for_ties() -> None:
    # They round the product of two dequantised values, ours is exact until it is scaled.
    a, b, sb, zb = int8(1, 40, 6, 9), int8(1, 40, 1, 1), F(1 / 255), -128
    rows = a[0].reshape(40, -1).T
    ours = elementwise.multiply(rows, b.reshape(1, 40), (ZX, zb, ZY), float(SX * sb / SY)).T.reshape(a.shape)
    theirs = run("Mul", [(a, SX, np.int8(ZX), None), (b, sb, np.int8(zb), None)], {}, {}, a.shape, (SY, ZY))
    assert_close(ours, theirs, 0.01)


@pytest.mark.parametrize("whole", [False, True])
def test_means_equal_but_for_ties(whole: bool) -> None:
    x = int8(1, 8, 6, 10)
    kernel, strides = ((6, 10), (1, 1)) if whole else ((2, 2), (2, 2))
    gain = float(SX / (SY * F(kernel[0] * kernel[1])))
    ours = pool.average_pool(x[0].transpose(1, 2, 0), kernel, strides, (ZX, ZY), gain).transpose(2, 0, 1)[None]
    attributes = {} if whole else {"kernel_shape": kernel, "strides": strides}
    operator = "GlobalAveragePool" if whole else "AveragePool"
    theirs = run(operator, [(x, SX, np.int8(ZX), None)], {}, attributes, ours.shape, (SY, ZY))
    assert_close(ours, theirs, 0.02)


@pytest.mark.parametrize(("kernel", "strides", "pad"), [((2, 2), (2, 2), 0), ((3, 3), (2, 2), 1), ((3, 2), (1, 2), 0)])
def test_largest_of_windows_equal(kernel: tuple[int, int], strides: tuple[int, int], pad: int) -> None:
    x = int8(1, 8, 7, 10)
    ours = pool.max_pool(x[0].transpose(1, 2, 0), kernel, strides, (pad,) * 4).transpose(2, 0, 1)[None]
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": (pad,) * 4}
    theirs = run("MaxPool", [(x, SX, np.int8(ZX), None)], {}, attributes, ours.shape, (SX, ZX))
    assert_close(ours, theirs, 0.0)


@pytest.mark.parametrize(("rows", "depth", "columns"), list(itertools.product((1, 7), (15, 40), (15, 40))))
def test_products_of_matrices_equal(rows: int, depth: int, columns: int) -> None:
    a, b, sb = int8(rows, depth), int8(depth, columns), F(0.013)
    acc = (a.astype(np.int64) - ZX) @ b.astype(np.int64)
    so = F(SX * sb * 2000)
    ours = finish(acc, Epilogue(np.full(columns, (SX * sb) / so, F), CLAMP, ZY))
    inputs = [(a, SX, np.int8(ZX), None), (b, sb, np.int8(0), None)]
    assert_close(ours, run("MatMul", inputs, {}, {}, ours.shape, (so, ZY)))
