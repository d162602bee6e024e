"""Float weights that int8 has exactly: each replaced by what it is rounded to.

Then rounding weights makes no difference between the float network and the compiled one, and what is left is that of
the activations. The float network becomes another one, as good as the one before: its weights move by half a step at
most, a 254th of the largest of their channel, or of what that is once channels are equalised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from ocrm55.compiler.onnx_graph.folding import Graph, fold
from ocrm55.compiler.quantization.equalise import factor_of
from ocrm55.compiler.quantization.fused import has_weights, quantize

ROUNDS = 2  # calibrated with weights that have moved, some are rounded elsewhere: 0.5 %, then 0.03 %


def on_grid(model: onnx.ModelProto, inputs: Sequence[np.ndarray], rounds: int = ROUNDS) -> onnx.ModelProto:
    """A float model, folded, with the weights of its convolutions and products as the compiler would round them.

    inputs: to calibrate on, as for `quantize`.
    """
    folded = fold(model)
    for _ in range(rounds):
        folded = _with(folded, _given_back(quantize(folded, inputs)))
    return folded


def _given_back(quantised: onnx.ModelProto) -> dict[str, np.ndarray]:
    """By name, the weights that the integers of a quantised model stand for, float64, equalisation undone."""
    graph = Graph(quantised)
    found = {}
    for node in graph.nodes:
        if node.op_type not in ("Conv", "MatMul"):
            continue
        source, name = (str(i).removesuffix(".dequantised") for i in node.input[:2])
        if f"{name}.int" not in graph.constants:
            continue
        q, scale = graph.constants[f"{name}.int"].astype(np.float64), graph.constants[f"{name}.scale"]
        axis = 0 if node.op_type == "Conv" else 1
        weights = q * scale.astype(np.float64).reshape([-1 if i == axis else 1 for i in range(q.ndim)])
        factor = factor_of(graph, source).astype(np.float64)
        if factor.size > 1:
            weights = weights * factor.reshape((-1, 1, 1, 1) if weights.shape[1] == 1 else (1, -1, 1, 1))
        found[name] = weights
    return found


def _with(folded: onnx.ModelProto, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """A copy of a model with other weights."""
    copy = onnx.ModelProto()
    copy.CopyFrom(folded)
    for tensor in copy.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name].astype(np.float32), tensor.name))
    return copy


def weights_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The weights of the convolutions and products of a folded float model, by name, in the order of the nodes."""
    graph = Graph(model)
    return {str(n.input[1]): graph.constants[n.input[1]] for n in graph.nodes if has_weights(graph, n)}
