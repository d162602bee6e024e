"""Small ONNX networks from tuples, and what ONNX Runtime makes of them: the reference, never our own code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def network(
    input_shape: Sequence[int],
    nodes: Sequence[tuple],
    weights: dict[str, np.ndarray],
    output_shape: Sequence[int],
    opset: int = 17,
) -> onnx.ModelProto:
    """An ONNX model from tuples (operator, inputs, output, attributes); `x` is the input, `y` the output."""
    operators = [
        helper.make_node(op, inputs, [output], name=f"{op}.{index}", **attributes)
        for index, (op, inputs, output, attributes) in enumerate(nodes)
    ]
    graph = helper.make_graph(
        operators,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output_shape)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def reference(model: onnx.ModelProto, tensor: np.ndarray) -> np.ndarray:
    """ONNX Runtime's output, its graph optimisations off."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: tensor.astype(np.float32)})[0]
