"""Move float weights to values that int8 has exactly.

Then the weights of the float network and the compiled one are equal, and only activations differ. The float network
becomes another one, as good as before. Its weights move by half a step at most: a 254th of the largest weight of their
channel, before or after equalisation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.onnx_graph.folding import fold
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.quantization.equalise import factor_of
from ocrm55.compiler.quantization.fused import quantize
from ocrm55.compiler.quantization.kinds import has_weights, multiplies, outputs_axis

ROUNDS = 2  # after calibration with moved weights, some are rounded to other values: 0.5 %, then 0.03 %


def on_grid(graph: Graph, inputs: Sequence[np.ndarray], rounds: int = ROUNDS) -> None:
    """Fold a float network and replace the weights of its convolutions and products by the compiler's rounded ones.

    inputs: to calibrate on, as for `quantize`.
    """
    fold(graph)
    for _ in range(rounds):
        quantised = graph.copy()
        quantize(quantised, inputs)
        for name, weights in _given_back(quantised).items():
            graph.constants[name] = weights.astype(np.float32)


def _given_back(graph: Graph) -> dict[str, np.ndarray]:
    """The real values of a quantised network's weights, by name, float64, with equalisation undone."""
    found = {}
    for node in graph.nodes:
        if not multiplies(node):
            continue
        source, name = (str(i).removesuffix(".dequantised") for i in node.input[:2])
        if f"{name}.int" not in graph.constants:
            continue
        q, scale = graph.constants[f"{name}.int"].astype(np.float64), graph.constants[f"{name}.scale"]
        axis = outputs_axis(node)
        weights = q * scale.astype(np.float64).reshape([-1 if i == axis else 1 for i in range(q.ndim)])
        factor = factor_of(graph, source).astype(np.float64)
        if factor.size > 1:
            weights = weights * factor.reshape((-1, 1, 1, 1) if weights.shape[1] == 1 else (1, -1, 1, 1))
        found[name] = weights
    return found


def weights_of(graph: Graph) -> dict[str, np.ndarray]:
    """The weights of the convolutions and products of a folded float network, by name, in the order of the nodes."""
    return {str(n.input[1]): graph.constants[n.input[1]] for n in graph.nodes if has_weights(graph, n)}
