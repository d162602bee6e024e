"""Round weights to int8 so that the layer's sums have the least error: int4_rounding.py's way, in the fused recipe.

Rounding each weight to the nearest integer loses most where inputs vary together, as on the flat ground of a picture.
There all products of a sum err together. Weights that lie on int8's grid already, as training/round_weights.py leaves
them, stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx

from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.quantization import calibration, int4_rounding
from ocrm55.compiler.quantization.int4_rounding import SEEN, Inputs, Rounded
from ocrm55.compiler.quantization.kinds import has_weights, is_depthwise, outputs_axis
from ocrm55.compiler.quantization.qdq import WEIGHT_MAX, Writer, finite, quantise_weights

PICTURES = 32  # of the calibration; more change little
ON_GRID = 0.1  # the mean distance of weights from the grid, in steps: 0.29 where they were never rounded
WHOLE = np.ones(1)  # the range ends at the largest weight: smaller ones gain nothing with 255 steps
_PARTS = ("values", "scale", "lost")  # of Rounded, one for each output

Array = np.ndarray


def rounded(graph: Graph, chosen: Mapping[str, Quantization], inputs: Sequence[Array]) -> dict[str, Rounded]:
    """The int8 weights of the layers of a float network, by name, except of those whose weights lie on the grid.

    chosen: scales and zero points of the network's tensors. inputs: to calibrate on, float32.
    Raises UnsupportedError where a weight or a bias is not finite.
    """
    plain, found = Writer(graph, chosen), {}
    layers = {str(node.input[1]): node for node in graph.nodes if has_weights(graph, node)}
    for bias in (plain.bias_of(name) for name in layers):
        if bias is not None:
            finite(graph, bias)
    layers = {
        name: node
        for name, node in layers.items()
        if _has_plain_window(node) and not _is_on_grid(plain, graph, name, node)
    }
    some = inputs[:: -(-len(inputs) // PICTURES)]
    summed = [name for name, node in layers.items() if not is_depthwise(node)]
    for name, seen in int4_rounding.inputs_of(graph, summed, some).items():
        found[name] = _rounded(graph.constants[name], outputs_axis(layers[name]), seen, plain.least_scale(name))
    depthwise = {name: node for name, node in layers.items() if _is_by_channel(graph, node)}
    for name, seen_by in _inputs_by_channel(graph, depthwise, some).items():
        weights, least = graph.constants[name], np.broadcast_to(plain.least_scale(name), len(seen_by))
        each = [_rounded(weights[i : i + 1], 0, seen, least[i]) for i, seen in enumerate(seen_by)]
        values, scale, lost = (np.concatenate([getattr(one, what) for one in each]) for what in _PARTS)
        found[name] = Rounded(values, scale, lost, min(one.snr for one in each))
    return found


def _rounded(weights: Array, axis: int, seen: Inputs, least: Array | float) -> Rounded:
    def fitted(scale: Array) -> Array:
        return np.maximum(scale, least).astype(np.float32)

    # A checkpoint gets these weights, too (training/round_weights.py): those at borders count at other sizes.
    return int4_rounding.rounded(weights, axis, seen, fitted, (-WEIGHT_MAX, WEIGHT_MAX), WHOLE, keeps_borders=True)


def _has_plain_window(node: onnx.NodeProto) -> bool:
    """Whether a layer's sums are over windows without gaps, with a border that is written out."""
    given = attributes(node)
    return all(step == 1 for step in given.get("dilations", ())) and given.get("auto_pad", b"NOTSET") == b"NOTSET"


def _is_on_grid(plain: Writer, graph: Graph, name: str, node: onnx.NodeProto) -> bool:
    weights, axis = finite(graph, name).astype(np.float64), outputs_axis(node)
    q, scale = quantise_weights(weights, axis, plain.least_scale(name))
    steps = weights / scale.reshape([-1 if i == axis else 1 for i in range(weights.ndim)])
    return bool(np.sqrt(np.square(steps - q).mean()) < ON_GRID)


def _is_by_channel(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether each output of a layer reads one channel, its own."""
    outputs, inputs = graph.constants[node.input[1]].shape[:2]
    return is_depthwise(node) and inputs == 1 and attributes(node)["group"] == outputs


def _inputs_by_channel(
    graph: Graph, layers: Mapping[str, onnx.NodeProto], inputs: Sequence[Array]
) -> dict[str, list[Inputs]]:
    """Statistics of the windows of depthwise layers, for each channel."""
    sums: dict[str, Array] = {}
    products: dict[str, Array] = {}
    windows = {name: _windows(graph, node) for name, node in layers.items()}
    for values in calibration.runs(graph.model(), sorted({str(n.input[0]) for n in layers.values()}), inputs):
        for name, node in layers.items():
            seen = windows[name](values[str(node.input[0])])
            mean = seen.mean(axis=1, dtype=np.float64)
            sums[name] = sums.get(name, 0) + mean / len(inputs)
            product = np.matmul(seen.transpose(0, 2, 1), seen) / (seen.shape[1] * len(inputs))
            products[name] = products.get(name, 0) + product.astype(np.float64)
    found = {}
    for name, means in sums.items():
        spread = products[name] - means[:, :, None] * means[:, None, :]
        taps = np.ones(means.shape[1], bool)
        found[name] = [Inputs(taps, mean, each) for mean, each in zip(means, spread, strict=True)]
    return found


def _windows(graph: Graph, node: onnx.NodeProto) -> Callable[[Array], Array]:
    """Gives some of the windows that a depthwise layer sees: float32 [channels, windows, taps] of one image."""
    given, weights = attributes(node), graph.constants[node.input[1]]
    kernel = (int(weights.shape[2]), int(weights.shape[3]))
    down, right = given.get("strides", (1, 1))
    pads = given.get("pads", (0, 0, 0, 0))

    def seen(values: Array) -> Array:
        padded = np.pad(values[0], ((0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
        found = np.lib.stride_tricks.sliding_window_view(padded, (1, *kernel))[:, ::down, ::right]
        rows, columns = np.indices(found.shape[1:3]).reshape(2, -1)[:, :: -(-found.shape[1] * found.shape[2] // SEEN)]
        return found[:, rows, columns].reshape(len(found), len(rows), -1)

    return seen
