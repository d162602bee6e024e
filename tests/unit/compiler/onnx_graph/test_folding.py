"""What is folded into a convolution must be constant; a stranger's model may compute it, or leave it out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from ocrm55.compiler.onnx_graph.folding import fold
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.errors import UnsupportedError
from ocrm55.export import onnx_model
from tests.unit.compiler.graphs import quantised, quantised_for_a_library
from tests.unit.compiler.onnx_networks import network as small
from tests.unit.compiler.onnx_networks import reference

RNG = np.random.default_rng(5)
CONSTANTS = {
    "w": RNG.normal(size=(3, 3, 1, 1)),
    "spread": RNG.normal(size=(3, 3, 2, 2)),
    "b": RNG.normal(size=3),
    "shift": RNG.normal(size=(1, 3, 1, 1)),
    "ones": np.ones(3),
    "axes": np.array([0, 2, 3]),
}
MEAN = helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0, 2, 3], keepdims=0)  # 3 numbers, computed
GRAPHS = {
    "a computed bias": [MEAN, helper.make_node("Conv", ["x", "w", "mean"], ["c"])],
    "a bias that is left out": [helper.make_node("Conv", ["x", "w", ""], ["c"])],
    "a computed bias of blocks": [
        MEAN,
        helper.make_node("ConvTranspose", ["x", "spread", "mean"], ["c"], strides=[2, 2]),
    ],
    "blocks whose bias is left out": [helper.make_node("ConvTranspose", ["x", "spread", ""], ["c"], strides=[2, 2])],
    "a computed norm": [
        MEAN,
        helper.make_node("Conv", ["x", "w"], ["k"]),
        helper.make_node("BatchNormalization", ["k", "ones", "mean", "b", "ones"], ["c"]),
    ],
    "a computed norm behind blocks": [
        MEAN,
        helper.make_node("ConvTranspose", ["x", "spread"], ["k"], strides=[2, 2]),
        helper.make_node("BatchNormalization", ["k", "ones", "mean", "b", "ones"], ["c"]),
    ],
    "a factor before a computed bias": [
        MEAN,
        helper.make_node("Mul", ["x", "shift"], ["m"]),
        helper.make_node("Conv", ["m", "w", "mean"], ["c"]),
    ],
}


def network(nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    kinds = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 4, 4])]
    side = 8 if any(node.op_type == "ConvTranspose" for node in nodes) else 4
    kinds.append(helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3, side, side]))
    constants = [
        onnx.numpy_helper.from_array(value if name == "axes" else value.astype(np.float32), name)
        for name, value in CONSTANTS.items()
    ]
    last = [helper.make_node("Add", ["c", "shift"], ["d"]), helper.make_node("Mul", ["d", "shift"], ["y"])]
    graph = helper.make_graph([*nodes, *last], "g", kinds[:1], kinds[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def computed(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": image})[0])


@pytest.mark.parametrize("name", GRAPHS)
def test_the_function_stays(name: str, tmp_path: Path) -> None:
    model = network(GRAPHS[name])
    image = RNG.normal(size=(1, 3, 4, 4)).astype(np.float32)
    wanted = computed(model, image)
    graph = Graph(model)
    fold(graph)
    np.testing.assert_allclose(computed(graph.model(), image), wanted, rtol=1e-4, atol=1e-5)
    onnx.save(model, tmp_path / "model.onnx")
    cleaned = onnx_model.static_file(tmp_path / "model.onnx", (1, 3, 4, 4))
    np.testing.assert_allclose(computed(cleaned, image), wanted, rtol=1e-4, atol=1e-5)


ODD = {
    "a sum with 0 of the input alone": ([("Add", ["x", "zero"], "y", {})], [1, 3, 8, 16]),
    "a sum with 0 that has more axes": (
        [
            ("Reshape", ["x", "rows"], "t", {}),
            ("Add", ["t", "many"], "u", {}),
            ("ReduceMean", ["u"], "y", {"axes": [1]}),
        ],
        [1, 1, 24, 16],
    ),
    "a batch norm behind a window of one axis": (
        [
            ("Reshape", ["x", "rows"], "t", {}),
            ("Conv", ["t", "line"], "u", {"kernel_shape": [3]}),
            ("BatchNormalization", ["u", "four", "four", "four", "four"], "y", {}),
        ],
        [1, 4, 14],
    ),
    "a factor behind a window of one axis": (
        [
            ("Reshape", ["x", "rows"], "t", {}),
            ("Conv", ["t", "line"], "u", {"kernel_shape": [3]}),
            ("Mul", ["u", "two"], "y", {}),
        ],
        [1, 4, 14],
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_what_only_looks_as_if_it_could_be_folded_stays(what: str) -> None:
    nodes, shape = ODD[what]
    random = np.random.default_rng(3)
    weights = {"zero": np.float32(0), "many": np.zeros((1, 1, 1, 1), np.float32), "two": np.float32(2)}
    weights |= {"line": random.normal(size=(4, 24, 3)).astype(np.float32), "four": np.full(4, 1.5, np.float32)}
    weights["rows"] = np.array([1, 24, 16])
    used = {name for node in nodes for name in node[1]}
    model = small([1, 3, 8, 16], nodes, {name: np.asarray(v) for name, v in weights.items() if name in used}, shape)
    tensor = random.normal(size=(1, 3, 8, 16)).astype(np.float32)
    wanted = reference(model, tensor)
    graph = Graph(model)
    fold(graph)
    found = reference(graph.model(), tensor)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


WEIGHTS = {
    "line": RNG.normal(size=(4, 24, 3)),
    "depth": RNG.normal(size=(4, 1, 1, 3, 3)),
    "left": RNG.normal(size=(8, 8)),
    "many": RNG.normal(size=(3, 16, 5)),
    "more": RNG.normal(size=(1, 2, 8, 16)),
    "square": RNG.normal(size=(16, 16)),
    "bias": RNG.normal(size=16),
    "w": RNG.normal(size=(4, 3, 1, 1)),
    "rows": np.array([1, 24, 16]),
    "blocks": np.array([1, 1, 3, 8, 16]),
}


def of_16(nodes: list[tuple], shape: list[int]) -> onnx.ModelProto:
    """A network of an image 8 x 16 with the WEIGHTS that it reads."""
    used = {name for node in nodes for name in node[1]}
    weights = {name: v if v.dtype.kind == "i" else v.astype(np.float32) for name, v in WEIGHTS.items() if name in used}
    return small([1, 3, 8, 16], nodes, weights, shape)


REFUSED = {
    "its window has 1 axis": (
        [("Reshape", ["x", "rows"], "t", {}), ("Conv", ["t", "line"], "y", {"kernel_shape": [3]})],
        [1, 4, 14],
    ),
    "its window has 3 axes": (
        [("Reshape", ["x", "blocks"], "t", {}), ("Conv", ["t", "depth"], "y", {"kernel_shape": [1, 3, 3]})],
        [1, 4, 3, 6, 14],
    ),
    "its weights stand on the left": ([("MatMul", ["left", "x"], "y", {})], [1, 3, 8, 16]),
    "its weights have 3 axes and not 2": ([("MatMul", ["x", "many"], "y", {})], [1, 3, 8, 5]),
    "its weights have 1 axis and not 2": ([("MatMul", ["x", "bias"], "y", {})], [1, 3, 8]),
    "it joins a constant": ([("Concat", ["x", "more"], "y", {"axis": 1})], [1, 5, 8, 16]),
    "it multiplies an image": (
        [("Transpose", ["x"], "t", {"perm": [0, 1, 3, 2]}), ("MatMul", ["x", "t"], "y", {})],
        [1, 3, 8, 8],
    ),
}


@pytest.mark.parametrize("quantise", [quantised, quantised_for_a_library])
@pytest.mark.parametrize("words", REFUSED)
def test_int8_refuses_forms_that_no_kernel_takes(quantise: Callable[..., Graph], words: str) -> None:
    """Each was a traceback."""
    model = of_16(*REFUSED[words])
    name = model.graph.node[-1].name
    with pytest.raises(UnsupportedError, match=rf"of layer {re.escape(name)} has no int8 operator: {words}"):
        quantise(model, [np.ones((1, 3, 8, 16), np.float32)])


SHARED = {
    "convolutions": (
        [("Conv", ["x", "w"], "a", {}), ("Conv", ["x", "w"], "b", {}), ("Add", ["a", "b"], "y", {})],
        [1, 4, 8, 16],
    ),
    "products and their biases": (
        [
            ("Reshape", ["x", "rows"], "t", {}),
            ("MatMul", ["t", "square"], "a", {}),
            ("Add", ["a", "bias"], "b", {}),
            ("Relu", ["b"], "c", {}),
            ("MatMul", ["c", "square"], "d", {}),
            ("Add", ["d", "bias"], "y", {}),
        ],
        [1, 24, 16],
    ),
}


@pytest.mark.parametrize("quantise", [quantised, quantised_for_a_library])
@pytest.mark.parametrize("what", SHARED)
def test_layers_may_share_their_weights(quantise: Callable[..., Graph], what: str) -> None:
    """They were a traceback in int8."""
    model = of_16(*SHARED[what])
    inputs = [RNG.uniform(-1, 1, size=(1, 3, 8, 16)).astype(np.float32) for _ in range(4)]
    made = quantise(model, inputs).model()
    wanted = reference(model, inputs[0])
    assert float(np.abs(reference(made, inputs[0]) - wanted).max()) < 0.05 * float(np.abs(wanted).max())
