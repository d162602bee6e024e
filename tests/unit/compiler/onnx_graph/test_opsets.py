"""Models of old operator sets, rewritten: ONNX Runtime gives the same numbers before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ocrm55.compiler.onnx_graph import entrance, opsets
from ocrm55.errors import UnsupportedError
from tests.unit.compiler.onnx_networks import network, reference

IMAGE = [1, 4, 6, 8]
OPSETS = range(9, 13)
Nodes = list[tuple]


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def numbers(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


SCALED = {"by": numbers(1, 1, 2, 3)}
# Name -> operators, constants, the output's shape, the first and the last opset that write it so.
CASES: dict[str, tuple[Nodes, dict[str, np.ndarray], list[int], int, int]] = {
    "squeeze": (
        [("Unsqueeze", ["x"], "u", {"axes": [2]}), ("Squeeze", ["u"], "s", {"axes": [2]}),
         ("Relu", ["s"], "y", {})], {}, IMAGE, 9, 12,
    ),
    "squeeze all": ([("Squeeze", ["x"], "s", {}), ("Relu", ["s"], "y", {})], {}, [4, 6, 8], 9, 12),
    "sum of rows": ([("ReduceSum", ["x"], "y", {"axes": [2, 3], "keepdims": 0})], {}, [1, 4], 9, 12),
    "split": (
        [("Split", ["x"], ["a", "b"], {"axis": 1, "split": [1, 3]}), ("Concat", ["b", "a"], "y", {"axis": 1})],
        {}, IMAGE, 9, 12,
    ),
    "halves": (
        [("Split", ["x"], ["a", "b"], {"axis": 1}), ("Concat", ["b", "a"], "y", {"axis": 1})], {}, IMAGE, 9, 12,
    ),
    "clip by attributes": ([("Clip", ["x"], "y", {"min": -0.5, "max": 0.7})], {}, IMAGE, 9, 10),
    "clip above": ([("Clip", ["x"], "y", {"max": 0.1})], {}, IMAGE, 9, 10),
    "clip by inputs": ([("Clip", ["x", "", "high"], "y", {})], {"high": np.array(0.2, np.float32)}, IMAGE, 11, 12),
    "pad": ([("Pad", ["x"], "y", {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "value": 0.5})], {}, [1, 4, 7, 11], 9, 10),
    "pad by inputs": ([("Pad", ["x", "p"], "y", {})], {"p": ints(0, 0, 1, 2, 0, 0, 0, 1)}, [1, 4, 7, 11], 11, 12),
    "slice": ([("Slice", ["x"], "y", {"starts": [1, 2], "ends": [3, -1], "axes": [1, 3]})], {}, [1, 2, 6, 5], 9, 9),
    "slice of all axes": ([("Slice", ["x"], "y", {"starts": [0, 1], "ends": [1, 3]})], {}, [1, 2, 6, 8], 9, 9),
    "slice by inputs": (
        [("Slice", ["x", "s", "e", "a"], "y", {})],
        {"s": ints(1), "e": ints(9), "a": ints(3)}, [1, 4, 6, 7], 10, 12,
    ),
    "dropout": ([("Dropout", ["x"], "d", {"ratio": 0.3}), ("Relu", ["d"], "y", {})], {}, IMAGE, 9, 11),
    "dropout by inputs": (
        [("Dropout", ["x", "r"], "d", {}), ("Relu", ["d"], "y", {})],
        {"r": np.array(0.3, np.float32)}, IMAGE, 12, 12,
    ),
    "softmax of the last axis": ([("Softmax", ["x"], "y", {"axis": 3})], {}, IMAGE, 9, 12),
    "softmax of axis -1": ([("Softmax", ["x"], "y", {"axis": -1})], {}, IMAGE, 11, 12),
    "softmax of all axes but one": ([("Softmax", ["x"], "s", {}), ("Abs", ["s"], "y", {})], {}, IMAGE, 9, 12),
    "softmax of two axes": ([("Softmax", ["x"], "s", {"axis": 2}), ("Abs", ["s"], "y", {})], {}, IMAGE, 9, 12),
    "softmax of channels": (
        [("GlobalAveragePool", ["x"], "g", {}), ("Softmax", ["g"], "y", {})], {}, [1, 4, 1, 1], 9, 12,
    ),
    "log of a softmax": ([("LogSoftmax", ["x"], "s", {"axis": 2}), ("Abs", ["s"], "y", {})], {}, IMAGE, 9, 12),
    "upsample": ([("Upsample", ["x", "by"], "y", {"mode": "nearest"})], SCALED, [1, 4, 12, 24], 9, 9),
    "upsample linear": ([("Upsample", ["x", "by"], "y", {"mode": "linear"})], SCALED, [1, 4, 12, 24], 9, 9),
    "resize": ([("Resize", ["x", "by"], "y", {"mode": "nearest"})], SCALED, [1, 4, 12, 24], 10, 10),
    "resize by a part": (
        [("Resize", ["x", "by"], "y", {"mode": "nearest"})], {"by": numbers(1, 1, 1.5, 1.25)}, [1, 4, 9, 10], 10, 10,
    ),
    "resize smaller": (
        [("Resize", ["x", "by"], "y", {"mode": "nearest"})], {"by": numbers(1, 1, 0.5, 0.5)}, [1, 4, 3, 4], 10, 10,
    ),
    "resize of 11": (
        [("Resize", ["x", "roi", "by"], "y", {"coordinate_transformation_mode": "half_pixel"})],
        SCALED | {"roi": numbers()}, [1, 4, 12, 24], 11, 12,
    ),
    "batch norm": (
        [("BatchNormalization", ["x", "k", "b", "m", "v"], "y", {})],
        {name: numbers(0.5, 1, 2, 3) for name in "kbmv"}, IMAGE, 9, 12,
    ),
    "flatten": ([("Flatten", ["x"], "f", {"axis": 2}), ("Relu", ["f"], "y", {})], {}, [4, 48], 9, 12),
    "mean of rows": ([("ReduceMean", ["x"], "y", {"axes": [2], "keepdims": 1})], {}, [1, 4, 1, 8], 9, 12),
    "pools": (
        [("AveragePool", ["x"], "a", {"kernel_shape": [3, 3], "pads": [1] * 4}),
         ("MaxPool", ["a"], "y", {"kernel_shape": [2, 2], "strides": [2, 2]})], {}, [1, 4, 3, 4], 9, 12,
    ),
}  # fmt: skip
WRITTEN = [(name, opset) for name, case in CASES.items() for opset in OPSETS if case[3] <= opset <= case[4]]


def model_of(name: str, opset: int) -> onnx.ModelProto:
    nodes, constants, shape, *_ = CASES[name]
    rows = [(op, inputs, outputs[0] if isinstance(outputs, list) else outputs, a) for op, inputs, outputs, a in nodes]
    model = network(IMAGE, rows, constants, shape, opset)
    for node, (*_, outputs, _attributes) in zip(model.graph.node, nodes, strict=True):
        if isinstance(outputs, list):
            node.output[:] = outputs
    model.ir_version = 4
    return model


def read(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return entrance.read(path)


@pytest.mark.parametrize(("name", "opset"), WRITTEN)
def test_the_same_numbers_come_out(name: str, opset: int, tmp_path: Path, check: Callable[..., object]) -> None:
    model = model_of(name, opset)
    image = np.random.default_rng(0).normal(size=IMAGE).astype(np.float32)
    newer = read(model, tmp_path)
    assert newer.opset_import[0].version == opsets.TARGET
    np.testing.assert_allclose(reference(newer, image), reference(model, image), atol=1e-6)
    if opset == CASES[name][3]:  # the C computes the same, too
        check(newer)


@pytest.mark.parametrize("opset", range(13, onnx.defs.onnx_opset_version() + 1))
def test_newer_models_stay_as_they_are(opset: int, tmp_path: Path) -> None:
    model = network(IMAGE, [("Relu", ["x"], "y", {})], {}, IMAGE, opset)
    assert read(model, tmp_path) == model


def test_constants_may_be_among_the_inputs(tmp_path: Path) -> None:
    """As files of IR version 3 have them."""
    model = network(IMAGE, [("Mul", ["x", "k"], "y", {})], {"k": numbers(2)}, IMAGE, 9)
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("k", TensorProto.FLOAT, [1]))
    newer = read(model, tmp_path)
    assert [each.name for each in newer.graph.input] == ["x"]
    onnx.checker.check_model(newer)


@pytest.mark.parametrize(
    ("nodes", "opset", "words"),
    [
        ([("Relu", ["x"], "y", {})], 8, "opset 8"),
        ([("Upsample", ["x", "s"], "y", {})], 9, "computed"),
        ([("Hardmax", ["x"], "y", {})], 9, "changed"),
    ],
)
def test_others_are_refused(nodes: Nodes, opset: int, words: str, tmp_path: Path) -> None:
    if "s" in nodes[0][1]:
        nodes = [("Shape", ["x"], "i", {}), ("Cast", ["i"], "s", {"to": TensorProto.FLOAT}), *nodes]
    with pytest.raises(UnsupportedError, match=words):
        read(network(IMAGE, nodes, {}, IMAGE, opset), tmp_path)
