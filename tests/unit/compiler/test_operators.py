"""Networks of one or two operators in many shapes: tails, strides, paddings and activations against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.compiler.host_program import SANITIZE
from tests.unit.compiler.onnx_networks import network


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def activation_nodes(kind: str) -> list[tuple]:
    """Nodes from `c` to `y`."""
    return {
        "none": [("Identity", ["c"], "y", {})],
        "relu": [("Relu", ["c"], "y", {})],
        "hard_swish": [("HardSwish", ["c"], "y", {})],
        "hard_sigmoid": [("HardSigmoid", ["c"], "y", {"alpha": 0.3, "beta": 0.4})],
        "sigmoid": [("Sigmoid", ["c"], "y", {})],
        "swish": [("Sigmoid", ["c"], "s", {}), ("Mul", ["c", "s"], "y", {})],
    }[kind]


def conv(channels, size, outputs, kernel, strides=(1, 1), pads=(0, 0, 0, 0), group=1, activation="none", bias=True):
    """A convolution with an activation as an ONNX model."""
    random = rng(channels, outputs, *size, *kernel)
    weights = {"w": random.normal(size=(outputs, channels // group, *kernel)).astype(np.float32)}
    if bias:
        weights["b"] = random.normal(size=outputs).astype(np.float32)
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads, "group": group}
    nodes = [("Conv", ["x", "w", *(["b"] if bias else [])], "c", attributes), *activation_nodes(activation)]
    extents = [
        (extent + pads[axis] + pads[axis + 2] - kernel[axis]) // strides[axis] + 1 for axis, extent in enumerate(size)
    ]
    return network([1, channels, *size], nodes, weights, [1, outputs, *extents])


CONVOLUTIONS = {
    "pointwise": conv(8, (6, 8), 6, (1, 1)),
    "pointwise, in place": conv(16, (4, 12), 16, (1, 1), activation="hard_swish"),
    "pointwise, odd outputs": conv(5, (3, 13), 7, (1, 1), activation="relu"),
    "pointwise, one output": conv(3, (5, 5), 1, (1, 1)),
    "pointwise, fewer pixels than a vector": conv(9, (1, 3), 4, (1, 1)),
    "pointwise, one pixel": conv(12, (1, 1), 9, (1, 1), activation="hard_sigmoid"),
    "pointwise, one pixel and a border": conv(12, (1, 1), 9, (1, 1), pads=(1, 0, 1, 2), activation="relu"),
    "pointwise, many blocks": conv(4, (24, 40), 8, (1, 1), activation="swish"),
    "pointwise, strided": conv(4, (9, 11), 6, (1, 1), strides=(2, 3)),
    "3x3": conv(3, (9, 13), 5, (3, 3), pads=(1, 1, 1, 1), activation="hard_swish"),
    "3x3, stride 2": conv(3, (12, 20), 16, (3, 3), strides=(2, 2), pads=(1, 1, 1, 1), activation="hard_swish"),
    "3x3, no padding": conv(2, (7, 9), 4, (3, 3)),
    "3x3 over one row": conv(6, (1, 17), 8, (3, 3), pads=(1, 1, 1, 1), activation="swish"),
    "3x3 over one column": conv(6, (17, 1), 3, (3, 3), pads=(1, 1, 1, 1)),
    "5x3, uneven padding": conv(3, (8, 10), 4, (5, 3), strides=(2, 1), pads=(2, 0, 1, 1)),
    "7x7 over 3x3": conv(2, (3, 3), 4, (7, 7), pads=(3, 3, 3, 3)),
    "without bias": conv(4, (5, 7), 4, (3, 3), pads=(1, 1, 1, 1), bias=False, activation="sigmoid"),
    "deep": conv(300, (1, 9), 6, (3, 3), pads=(1, 1, 1, 1)),
    "grouped": conv(8, (5, 6), 4, (3, 3), pads=(1, 1, 1, 1), group=2, activation="relu"),
    "depthwise 3x3": conv(5, (12, 16), 5, (3, 3), pads=(1, 1, 1, 1), group=5, activation="hard_swish"),
    "depthwise 3x3, ragged": conv(3, (7, 13), 3, (3, 3), pads=(1, 1, 1, 1), group=3, activation="hard_swish"),
    "depthwise 3x3, stride 2x1": conv(4, (14, 10), 4, (3, 3), strides=(2, 1), pads=(1, 1, 1, 1), group=4),
    "depthwise 5x5": conv(3, (6, 20), 3, (5, 5), pads=(2, 2, 2, 2), group=3, activation="relu"),
    "depthwise 5x5, stride 1x2": conv(4, (3, 16), 4, (5, 5), strides=(1, 2), pads=(2, 2, 2, 2), group=4),
    "depthwise 5x5, stride 2, ragged": conv(2, (9, 11), 2, (5, 5), strides=(2, 2), pads=(2, 2, 2, 2), group=2),
    "depthwise 5x5 over one row": conv(4, (1, 9), 4, (5, 5), pads=(2, 2, 2, 2), group=4, activation="swish"),
    "depthwise, uneven padding": conv(2, (6, 7), 2, (3, 5), pads=(0, 3, 2, 1), group=2),
    "depthwise, narrower than a vector": conv(3, (5, 2), 3, (3, 3), pads=(1, 1, 1, 1), group=3),
    "depthwise, one pixel": conv(3, (1, 1), 3, (3, 3), pads=(1, 1, 1, 1), group=3),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(check, name):
    artifact = check(CONVOLUTIONS[name])
    kinds = {operator.kind for operator in artifact.program.steps}
    if name != "grouped":
        assert kinds <= {"conv2d", "depthwise_conv2d", "matmul"}, "the activation or the bias was not fused"


@pytest.mark.parametrize("seed", range(8))
def test_random_convolutions(check, seed):
    random = rng(seed)
    kernel = tuple(int(v) for v in random.integers(1, 6, 2))
    pads = tuple(int(random.integers(0, k)) for k in (*kernel, *kernel))
    size = tuple(int(random.integers(k, k + 16)) for k in kernel)
    strides = tuple(int(v) for v in random.integers(1, 4, 2))
    channels = int(random.integers(1, 12))
    depthwise = bool(random.integers(0, 2))
    outputs = channels if depthwise else int(random.integers(1, 12))
    activation = str(random.choice(["none", "relu", "hard_swish", "hard_sigmoid", "sigmoid", "swish"]))
    check(conv(channels, size, outputs, kernel, strides, pads, channels if depthwise else 1, activation), seed=seed)


MATMULS = [(40, 64, 97), (1, 16, 12), (3, 5, 7), (2, 1, 1), (7, 33, 24), (5, 120, 15), (4, 3, 26)]


@pytest.mark.parametrize("activation", ["none", "swish"])
@pytest.mark.parametrize(("rows", "depth", "columns"), MATMULS)
def test_matmul_with_weights(check, rows, depth, columns, activation):
    random = rng(rows, depth, columns)
    weights = {
        "w": random.normal(size=(depth, columns)).astype(np.float32),
        "b": random.normal(size=columns).astype(np.float32),
    }
    nodes = [("MatMul", ["x", "w"], "m", {}), ("Add", ["m", "b"], "c", {}), *activation_nodes(activation)]
    artifact = check(network([1, 1, rows, depth], nodes, weights, [1, 1, rows, columns]))
    assert [operator.kind for operator in artifact.program.steps] == ["matmul"]


def test_gemm(check):
    random = rng(5)
    weights = {
        "w": random.normal(size=(9, 20)).astype(np.float32),
        "b": random.normal(size=9).astype(np.float32),
        "s": np.array([6, 20], np.int64),
    }
    nodes = [("Reshape", ["x", "s"], "r", {}), ("Gemm", ["r", "w", "b"], "y", {"transB": 1, "alpha": 0.5, "beta": 2.0})]
    artifact = check(network([1, 2, 3, 20], nodes, weights, [6, 9]))
    assert [operator.kind for operator in artifact.program.steps] == ["matmul"]


@pytest.mark.parametrize(
    ("batch", "rows", "depth", "columns"), [(8, 40, 15, 40), (2, 5, 7, 3), (3, 1, 2, 13), (1, 4, 4, 4)]
)
def test_batched_matmul(check, batch, rows, depth, columns):
    random = rng(batch, rows, columns)
    weights = {
        "w": random.normal(size=(depth, depth)).astype(np.float32),
        "v": random.normal(size=(rows, columns)).astype(np.float32),
    }
    nodes = [
        ("MatMul", ["x", "w"], "a", {}),
        ("Transpose", ["x"], "t", {"perm": [0, 1, 3, 2]}),
        ("MatMul", ["t", "v"], "b", {}),
        ("MatMul", ["a", "b"], "y", {}),
    ]
    check(network([1, batch, rows, depth], nodes, weights, [1, batch, rows, columns]))


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5, 16, 97])
def test_softmax(check, columns):
    model = network([1, 2, 3, columns], [("Softmax", ["x"], "y", {"axis": -1})], {}, [1, 2, 3, columns])
    check(model)


def test_softmax_of_large_values_stays_finite(check):
    weights = {"w": np.array(1000.0, np.float32)}
    nodes = [("Mul", ["x", "w"], "m", {}), ("Softmax", ["m"], "y", {"axis": 3})]
    check(network([1, 1, 4, 9], nodes, weights, [1, 1, 4, 9]))


@pytest.mark.parametrize("columns", [1, 3, 4, 10, 120])
def test_layer_norm(check, columns):
    random = rng(columns)
    weights = {
        "g": random.uniform(0.5, 1.5, columns).astype(np.float32),
        "b": random.normal(size=columns).astype(np.float32),
    }
    nodes = [("LayerNormalization", ["x", "g", "b"], "y", {"axis": -1, "epsilon": 1e-5})]
    check(network([1, 1, 5, columns], nodes, weights, [1, 1, 5, columns]))


GENERIC = {
    "global average pool": ([("GlobalAveragePool", ["x"], "y", {})], [1, 6, 1, 1]),
    "average pool": ([("AveragePool", ["x"], "y", {"kernel_shape": [2, 2], "strides": [2, 2]})], [1, 6, 2, 4]),
    "max pool": (
        [("MaxPool", ["x"], "y", {"kernel_shape": [3, 3], "strides": [1, 2], "pads": [1, 1, 1, 1]})],
        [1, 6, 4, 4],
    ),
    "transpose": ([("Transpose", ["x"], "y", {"perm": [0, 2, 3, 1]})], [1, 4, 8, 6]),
    "add": ([("Sigmoid", ["x"], "s", {}), ("Add", ["x", "s"], "y", {})], [1, 6, 4, 8]),
    "sub, div": ([("Exp", ["x"], "e", {}), ("Sub", ["x", "e"], "d", {}), ("Div", ["d", "e"], "y", {})], [1, 6, 4, 8]),
    "tanh, sqrt": ([("Tanh", ["x"], "t", {}), ("Abs", ["t"], "a", {}), ("Sqrt", ["a"], "y", {})], [1, 6, 4, 8]),
    "erf, pow": ([("Erf", ["x"], "e", {}), ("Mul", ["e", "e"], "y", {})], [1, 6, 4, 8]),
    "clip": ([("HardSwish", ["x"], "y", {})], [1, 6, 4, 8]),
    "leaky": ([("LeakyRelu", ["x"], "y", {"alpha": 0.1})], [1, 6, 4, 8]),
    "concat": ([("Relu", ["x"], "r", {}), ("Concat", ["x", "r"], "y", {"axis": 1})], [1, 12, 4, 8]),
    "reduce mean": ([("ReduceMean", ["x"], "y", {"axes": [3], "keepdims": 1})], [1, 6, 4, 1]),
    "squeeze excite": (
        [("GlobalAveragePool", ["x"], "g", {}), ("HardSigmoid", ["g"], "h", {}), ("Mul", ["x", "h"], "y", {})],
        [1, 6, 4, 8],
    ),
}


@pytest.mark.parametrize("name", GENERIC)
def test_operators_that_tvm_schedules(check, name):
    nodes, shape = GENERIC[name]
    check(network([1, 6, 4, 8], nodes, {}, shape))


def test_clip_between_tensors(check):
    """TVM's importer gives loops for it instead of an operator."""
    weights = {"low": np.array(0, np.float32), "high": np.array(6, np.float32)}
    check(network([1, 6, 4, 8], [("Clip", ["x", "low", "high"], "y", {})], weights, [1, 6, 4, 8]))


def test_views_cost_nothing(check):
    weights = {
        "s": np.array([1, 6, 32], np.int64),
        "a": np.array([1], np.int64),
        "b": np.array([3], np.int64),
        "axes": np.array([1], np.int64),
    }
    nodes = [
        ("Reshape", ["x", "s"], "r", {}),
        ("Slice", ["r", "a", "b", "axes"], "s1", {}),
        ("Unsqueeze", ["s1", "axes"], "u", {}),
        ("Relu", ["u"], "y", {}),
    ]
    artifact = check(network([1, 6, 4, 8], nodes, weights, [1, 1, 2, 32]))
    assert [operator.kind for operator in artifact.program.steps] == ["primitive"]


def attention():
    """A small recognizer's worth of operators: every kind once, as in the real network."""
    random = rng(7)

    def values(*shape):
        return (random.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    weights = {
        "w1": values(8, 3, 3, 3), "wd": values(8, 1, 5, 5), "w2": values(12, 8, 1, 1), "b2": values(12),
        "g": values(12), "b": values(12), "wq": values(12, 36), "bq": values(36), "s1": np.array([1, 12, 32], np.int64),
        "s5": np.array([1, 32, 3, 2, 6], np.int64), "s3": np.array([1, 32, 12], np.int64), "wf": values(12, 11),
        "sc": np.array([0.4], np.float32), "zero": np.array([0], np.int64), "one": np.array([1], np.int64),
        "two": np.array([2], np.int64), "three": np.array([3], np.int64),
    }  # fmt: skip
    nodes = [
        ("Conv", ["x", "w1"], "c1", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ("HardSwish", ["c1"], "h1", {}),
        ("Conv", ["h1", "wd"], "cd", {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2], "group": 8}),
        ("HardSwish", ["cd"], "hd", {}),
        ("Conv", ["hd", "w2", "b2"], "c2", {"kernel_shape": [1, 1]}),
        ("Sigmoid", ["c2"], "g2", {}), ("Mul", ["c2", "g2"], "h2", {}),
        ("Reshape", ["h2", "s1"], "r", {}), ("Transpose", ["r"], "t", {"perm": [0, 2, 1]}),
        ("LayerNormalization", ["t", "g", "b"], "ln", {"axis": 2}),
        ("MatMul", ["ln", "wq"], "q0", {}), ("Add", ["q0", "bq"], "q1", {}), ("Reshape", ["q1", "s5"], "q5", {}),
        ("Transpose", ["q5"], "qt", {"perm": [2, 0, 3, 1, 4]}),
        ("Slice", ["qt", "zero", "one", "zero"], "qs", {}), ("Squeeze", ["qs", "zero"], "q", {}),
        ("Slice", ["qt", "one", "two", "zero"], "ks", {}), ("Squeeze", ["ks", "zero"], "k", {}),
        ("Slice", ["qt", "two", "three", "zero"], "vs", {}), ("Squeeze", ["vs", "zero"], "v", {}),
        ("Mul", ["q", "sc"], "qm", {}), ("Transpose", ["k"], "kt", {"perm": [0, 1, 3, 2]}),
        ("MatMul", ["qm", "kt"], "a", {}), ("Softmax", ["a"], "as", {"axis": -1}), ("MatMul", ["as", "v"], "o", {}),
        ("Transpose", ["o"], "ot", {"perm": [0, 2, 1, 3]}), ("Reshape", ["ot", "s3"], "or", {}),
        ("Add", ["t", "or"], "res", {}), ("MatMul", ["res", "wf"], "f", {}), ("Softmax", ["f"], "y", {"axis": 2}),
    ]  # fmt: skip
    return network([1, 3, 8, 16], nodes, weights, [1, 32, 11])


def test_attention(check):
    check(attention())


@pytest.mark.parametrize("model", [attention(), CONVOLUTIONS["3x3, stride 2"], CONVOLUTIONS["depthwise 3x3, ragged"]])
def test_nothing_is_read_or_written_out_of_bounds(check, model):
    check(model, flags=["-O1", *SANITIZE])


def test_clang(check, clang):
    check(attention(), compiler=clang, flags=["-O2", *SANITIZE])
