"""What is folded into a convolution must be constant; a stranger's model may compute it, or leave it out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from ocrm55.compiler.onnx_graph.folding import fold
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.export import onnx_model

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
