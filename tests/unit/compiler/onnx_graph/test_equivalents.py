"""Operators that are said by others: what ONNX Runtime computes stays, and so does all that a pattern does not fit."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

from ocrm55.compiler.onnx_graph.graph import attributes
from tests.unit.compiler.graphs import folded
from tests.unit.compiler.onnx_networks import network, reference

KERNEL = {"kernel_shape": [1, 1]}
BLOCK = {"kernel_shape": [2, 2], "strides": [2, 2]}


def numbers(seed: int, **shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}


def kinds(model: onnx.ModelProto) -> Counter[str]:
    """The operators of the folded graph, which computes what the model does."""
    graph = folded(model)
    made = graph.model()
    rng = np.random.default_rng(7)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    for scale in (1.0, 6.0):
        tensor = rng.normal(0, scale, shape).astype(np.float32)
        wanted = reference(model, tensor)
        np.testing.assert_allclose(reference(made, tensor), wanted, rtol=0, atol=2e-5 * max(1.0, np.abs(wanted).max()))
    return Counter(node.op_type for node in graph.nodes)


THREE, NONE, SIX = (np.array(v, np.float32) for v in ([3], 0, 6))
SIXTH = np.array([1 / 6], np.float32)


def hard_swish(*behind: tuple[str, list[str], str, dict], opset: int = 17, three: float = 3) -> onnx.ModelProto:
    nodes = [("Add", ["x", "three"], "a", {}), ("Clip", ["a", "none", "six"], "c", {}), *behind]
    constants = {"three": THREE * 0 + np.float32(three), "none": NONE, "six": SIX, "sixth": SIXTH, "by": SIX}
    return network([1, 4, 5, 6], nodes, constants, [1, 4, 5, 6], opset)


@pytest.mark.parametrize(
    "behind",
    [
        [("Mul", ["x", "c"], "m", {}), ("Div", ["m", "by"], "y", {})],
        [("Mul", ["c", "x"], "m", {}), ("Mul", ["sixth", "m"], "y", {})],
        [("Div", ["c", "by"], "d", {}), ("Mul", ["x", "d"], "y", {})],
    ],
)
def test_hard_swish_of_four_operators_is_one(behind: list[tuple[str, list[str], str, dict]]) -> None:
    assert kinds(hard_swish(*behind)) == {"HardSwish": 1}


def test_what_is_like_hard_swish_stays() -> None:
    last = ("Mul", ["x", "c"], "m", {}), ("Div", ["m", "by"], "y", {})
    assert "HardSwish" not in kinds(hard_swish(*last, three=2))
    assert "HardSwish" not in kinds(hard_swish(*last, opset=13)), "the opset does not know it"


@pytest.mark.parametrize(("alpha", "joined"), [(1 / 6, True), (0.2, False)])
def test_hard_sigmoid_times_its_input(alpha: float, joined: bool) -> None:
    nodes = [("HardSigmoid", ["x"], "h", {"alpha": alpha, "beta": 0.5}), ("Mul", ["h", "x"], "y", {})]
    found = kinds(network([1, 4, 5, 6], nodes, {}, [1, 4, 5, 6]))
    assert found == ({"HardSwish": 1} if joined else {"HardSigmoid": 1, "Mul": 1})


def gated(*last: tuple[str, list[str], str, dict]) -> onnx.ModelProto:
    nodes = [
        ("GlobalAveragePool", ["x"], "m", {}), ("Conv", ["m", "w"], "c", KERNEL),
        ("HardSigmoid", ["c"], "g", {"alpha": 0.2, "beta": 0.5}), ("Mul", ["x", "g"], "p", {}), *last,
    ]  # fmt: skip
    return network([1, 4, 5, 6], nodes, numbers(1, w=(4, 4, 1, 1)), [1, 4, 5, 6])


@pytest.mark.parametrize("inputs", [["x", "p"], ["p", "x"]])
def test_an_image_and_its_gated_self_are_one_product(inputs: list[str]) -> None:
    graph = folded(gated(("Add", inputs, "y", {})))
    (product,) = [node for node in graph.nodes if node.op_type == "Mul"]
    assert product.output == ["y"] and product.input[0] == "x"
    assert kinds(gated(("Add", inputs, "y", {})))["Add"] == 1, "of one, to the gate"


def test_a_product_that_is_read_twice_stays() -> None:
    last = ("Add", ["x", "p"], "s", {}), ("Add", ["s", "p"], "y", {})
    assert kinds(gated(*last))["Add"] == 2


def test_a_mean_goes_in_front_of_a_convolution() -> None:
    weights = numbers(2, w=(8, 4, 1, 1), b=(8,))
    nodes = [
        ("Conv", ["x", "w", "b"], "c", KERNEL), ("GlobalAveragePool", ["c"], "m", {}),
        ("Sigmoid", ["m"], "s", {}), ("Mul", ["c", "s"], "y", {}),
    ]  # fmt: skip
    model = network([1, 4, 5, 6], nodes, weights, [1, 8, 5, 6])
    assert kinds(model)["Conv"] == 2
    graph = folded(model)
    (mean,) = [node for node in graph.nodes if node.op_type == "GlobalAveragePool"]
    assert list(mean.input) == ["x"], "it needs no image of eight channels"


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((3, 4, 1, 1), {}),
        ((8, 4, 3, 3), {"pads": [1] * 4}),
        ((8, 4, 1, 1), {"strides": [2, 2]}),
        ((8, 2, 1, 1), {"group": 2}),
    ],
)
def test_a_mean_stays_behind_other_convolutions(shape: tuple[int, ...], given: dict) -> None:
    """The first makes fewer channels than it reads; the mean of the others is no convolution of a mean."""
    stride = given.get("strides", [1])[0]
    nodes = [("Conv", ["x", "w"], "c", given), ("GlobalAveragePool", ["c"], "m", {}), ("Add", ["c", "m"], "y", {})]
    model = network([1, 4, 6, 6], nodes, numbers(3, w=shape), [1, shape[0], 6 // stride, 6 // stride])
    graph = folded(model)
    assert kinds(model)["Conv"] == 1
    assert next(node for node in graph.nodes if node.op_type == "GlobalAveragePool").input[0] == "c"


def test_a_transposed_convolution_makes_blocks() -> None:
    """With its bias, a batch norm and an activation, which the kernel of the 1x1 convolution computes."""
    weights = numbers(4, w=(4, 6, 2, 2), b=(6,), g=(6,), n=(6,), m=(6,)) | {"v": np.full(6, 0.5, np.float32)}
    nodes = [
        ("ConvTranspose", ["x", "w", "b"], "t", BLOCK),
        ("BatchNormalization", ["t", "g", "n", "m", "v"], "s", {}),
        ("Relu", ["s"], "y", {}),
    ]
    model = network([1, 4, 5, 6], nodes, weights, [1, 6, 10, 12])
    assert kinds(model) == {"Conv": 1, "Relu": 1, "DepthToSpace": 1}
    assert [node.op_type for node in folded(model).nodes] == ["Conv", "Relu", "DepthToSpace"]


@pytest.mark.parametrize("block", [2, 3])
def test_blocks_of_other_sizes_and_a_bias_that_is_added(block: int) -> None:
    weights = numbers(5, w=(4, 3, block, block), b=(1, 3, 1, 1))
    given = {"kernel_shape": [block] * 2, "strides": [block] * 2}
    nodes = [("ConvTranspose", ["x", "w"], "t", given), ("Add", ["t", "b"], "y", {})]
    assert kinds(network([1, 4, 5, 6], nodes, weights, [1, 3, 5 * block, 6 * block])) == {"Conv": 1, "DepthToSpace": 1}


@pytest.mark.parametrize(
    ("shape", "given", "output"),
    [
        ((4, 3, 3, 3), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 0, 0]}, (10, 12)),
        ((4, 3, 2, 2), {**BLOCK, "output_padding": [1, 1]}, (11, 13)),
        ((4, 3, 2, 2), {"kernel_shape": [2, 2], "strides": [1, 1]}, (6, 7)),
        ((4, 1, 2, 2), {**BLOCK, "group": 2}, (10, 12)),
    ],
)
def test_windows_that_overlap_stay(shape: tuple[int, ...], given: dict, output: tuple[int, int]) -> None:
    channels = shape[1] * given.get("group", 1)
    model = network(
        [1, 4, 5, 6], [("ConvTranspose", ["x", "w"], "y", given)], numbers(6, w=shape), [1, channels, *output]
    )
    assert kinds(model) == {"ConvTranspose": 1}


def test_blocks_within_blocks() -> None:
    """A head of DB: the second transposed convolution reads what the first spread."""
    weights = numbers(8, w=(4, 4, 2, 2), b=(4,), v=(4, 1, 2, 2), c=(1,))
    nodes = [
        ("ConvTranspose", ["x", "w", "b"], "t", BLOCK), ("Relu", ["t"], "r", {}),
        ("ConvTranspose", ["r", "v", "c"], "u", BLOCK), ("Sigmoid", ["u"], "y", {}),
    ]  # fmt: skip
    model = network([1, 4, 3, 5], nodes, weights, [1, 1, 12, 20])
    assert kinds(model) == {"Conv": 2, "Relu": 1, "Sigmoid": 1, "DepthToSpace": 2}
    assert all(attributes(node)["mode"] == b"DCR" for node in folded(model).nodes if node.op_type == "DepthToSpace")


def test_blocks_of_layers_that_have_one_name_keep_their_weights() -> None:
    nodes = [("ConvTranspose", ["x", f"w{n}"], f"t{n}", BLOCK) for n in (0, 1)]
    weights = numbers(3, w0=(4, 2, 2, 2), w1=(4, 2, 2, 2))
    model = network([1, 4, 5, 6], [*nodes, ("Concat", ["t0", "t1"], "y", {"axis": 1})], weights, [1, 4, 10, 12])
    tensor = np.random.default_rng(7).normal(size=(1, 4, 5, 6)).astype(np.float32)
    wanted = reference(model, tensor)
    for node in model.graph.node[:2]:  # ONNX allows it, ONNX Runtime does not
        node.name = "same"
    made = folded(model).model()
    for number, node in enumerate(made.graph.node):
        node.name = str(number)
    np.testing.assert_allclose(reference(made, tensor), wanted, rtol=0, atol=1e-5)
