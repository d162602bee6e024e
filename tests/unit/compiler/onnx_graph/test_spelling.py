"""Spelt-out operators become the kernels' own: ONNX Runtime gives the same numbers before and after."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ocrm55.compiler.onnx_graph import spelling
from ocrm55.compiler.onnx_graph.folding import fold
from ocrm55.compiler.onnx_graph.graph import Graph
from tests.unit.compiler.graphs import quantised
from tests.unit.compiler.onnx_networks import network, reference

TOKENS, IMAGE = [1, 6, 8], [1, 4, 3, 10]
RNG = np.random.default_rng(0)
FACTORS = {"g": RNG.normal(size=8).astype(np.float32), "h": RNG.normal(size=8).astype(np.float32)}
NUMBERS = {"two": np.array(2, np.float32), "eps": np.array([1e-3], np.float32)}


def layer_norm(square: tuple, *after: tuple) -> onnx.ModelProto:
    nodes = [
        ("ReduceMean", ["x"], "m", {"axes": [-1]}), ("Sub", ["x", "m"], "d", {}), square,
        ("ReduceMean", ["s"], "v", {"axes": [2]}), ("Add", ["v", "eps"], "p", {}), ("Sqrt", ["p"], "r", {}),
        ("Div", ["d", "r"], "q" if after else "y", {}), *after,
    ]  # fmt: skip
    used = {name for node in nodes for name in node[1]}
    return network(TOKENS, nodes, {k: v for k, v in (NUMBERS | FACTORS).items() if k in used}, TOKENS)


POWER, PRODUCT = ("Pow", ["d", "two"], "s", {}), ("Mul", ["d", "d"], "s", {})
SCALE, SHIFT = ("Mul", ["g", "q"], "k", {}), ("Add", ["k", "h"], "y", {})
NORMS = {
    "power": layer_norm(POWER), "product": layer_norm(PRODUCT), "affine": layer_norm(POWER, SCALE, SHIFT),
    "factor": layer_norm(POWER, ("Mul", ["q", "g"], "y", {})),
    "offset": layer_norm(PRODUCT, ("Add", ["q", "h"], "y", {})),
    "one offset": layer_norm(POWER, SCALE, ("Add", ["k", "two"], "y", {})),
}  # fmt: skip


def kinds(graph: Graph) -> list[str]:
    return [str(node.op_type) for node in graph.nodes]


@pytest.mark.parametrize("name", NORMS)
def test_layer_norms(name: str) -> None:
    graph = Graph(NORMS[name])
    spelling.rewrite(graph)
    assert kinds(graph) == ["LayerNormalization"]
    image = np.random.default_rng(1).normal(size=TOKENS).astype(np.float32)
    np.testing.assert_allclose(reference(graph.model(), image), reference(NORMS[name], image), atol=1e-5)


@pytest.mark.parametrize(
    ("part", "place"),
    [
        (("ReduceMean", ["x"], "m", {"axes": [1]}), 0),
        (("Sub", ["m", "x"], "d", {}), 1),
        (("Pow", ["d", "eps"], "s", {}), 2),
        (("ReduceMean", ["s"], "v", {"axes": [1]}), 3),
    ],
)
def test_others_are_none(part: tuple, place: int) -> None:
    model = layer_norm(POWER)
    node = onnx.helper.make_node(part[0], part[1], [part[2]], **part[3])
    model.graph.node[place].CopyFrom(node)
    graph = Graph(model)
    spelling.rewrite(graph)
    assert "LayerNormalization" not in kinds(graph)


@pytest.mark.parametrize(
    ("axes", "keepdims", "expected"),
    [([2, 3], 1, "GlobalAveragePool"), ([-1, 2], 1, "GlobalAveragePool"), ([2], 1, "AveragePool"),
     ([3], 1, "AveragePool"), ([1], 1, "ReduceMean"), ([2, 3], 0, "ReduceMean")],
)  # fmt: skip
def test_means_of_images(axes: list[int], keepdims: int, expected: str) -> None:
    places = {axis % 4 for axis in axes}
    shape = [1 if axis in places else size for axis, size in enumerate(IMAGE) if keepdims or axis not in places]
    model = network(IMAGE, [("ReduceMean", ["x"], "y", {"axes": axes, "keepdims": keepdims})], {}, shape)
    graph = Graph(model)
    spelling.rewrite(graph)
    assert kinds(graph) == [expected]
    image = np.random.default_rng(1).normal(size=IMAGE).astype(np.float32)
    np.testing.assert_allclose(reference(graph.model(), image), reference(model, image), atol=1e-6)


def line() -> onnx.ModelProto:
    """Convolutions along a line, as PP-OCRv6's neck has them: squeezes between a convolution and what follows it."""
    rng = np.random.default_rng(2)
    weights = {
        "w": rng.normal(size=(8, 4, 3, 3)).astype(np.float32), "u": rng.normal(size=(8, 8, 1, 1)).astype(np.float32),
        "a": np.array([2], np.int64), "k": np.abs(rng.normal(size=8)).astype(np.float32) + 0.1,
        "b": rng.normal(size=8).astype(np.float32),
    }  # fmt: skip
    nodes = [
        ("Conv", ["x", "w"], "c", {"pads": [0, 1, 0, 1]}), ("Squeeze", ["c", "a"], "s", {}),
        ("Transpose", ["s"], "t", {"perm": [0, 2, 1]}), ("Transpose", ["t"], "o", {"perm": [0, 2, 1]}),
        ("BatchNormalization", ["o", "k", "b", "b", "k"], "n", {}), ("HardSigmoid", ["n"], "h", {"alpha": 1 / 6}),
        ("Mul", ["n", "h"], "m", {}), ("Unsqueeze", ["m", "a"], "e", {}), ("Conv", ["e", "u"], "y", {}),
    ]  # fmt: skip
    return network(IMAGE, nodes, weights, [1, 8, 1, 10])


def test_what_stands_behind_a_squeeze_goes_into_the_convolution() -> None:
    model = line()
    graph = Graph(model)
    fold(graph)
    assert kinds(graph) == ["Conv", "HardSwish", "Conv"]
    image = np.random.default_rng(1).normal(size=IMAGE).astype(np.float32)
    np.testing.assert_allclose(reference(graph.model(), image), reference(model, image), atol=1e-4)


def test_such_a_line_is_quantised() -> None:
    images = [np.random.default_rng(seed).uniform(-1, 1, IMAGE).astype(np.float32) for seed in range(4)]
    model = quantised(line(), images).model()
    found, expected = reference(model, images[0]), reference(line(), images[0])
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_squeezes_that_the_network_gives_stay() -> None:
    weights = {"a": np.array([2], np.int64)}
    nodes = [
        ("MaxPool", ["x"], "p", {"kernel_shape": [3, 1]}),
        ("Squeeze", ["p", "a"], "s", {}),
        ("Relu", ["s"], "y", {}),
    ]
    model = network(IMAGE, nodes, weights, [1, 4, 10])
    graph = Graph(model)
    spelling.rewrite(graph)
    image = np.random.default_rng(1).normal(size=IMAGE).astype(np.float32)
    np.testing.assert_array_equal(reference(graph.model(), image), reference(model, image))
