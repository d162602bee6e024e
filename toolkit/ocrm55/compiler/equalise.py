"""Cross-layer equalisation: a convolution's input channels are scaled so that quiet ones use more of int8's steps.

A tensor that a pointwise convolution reads has one scale, because sums over channels have one. So a channel that never
exceeds a tenth of the loudest one has 25 steps instead of 255. Dividing the channel by a factor and multiplying the
weights that read it gives it more of them and changes nothing else; the kernel in front, which scales every channel of
its output anyway, divides for free. What the weights lose by it is weighed against what the activations gain.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler.calibration import Histogram
from ocrm55.compiler.folding import Graph, attributes

POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a channel's range; 0 leaves everything as it is
ACTIVATIONS = ("HardSwish", "Relu")  # after which the kernels scale each channel


def equalise(model: onnx.ModelProto, histograms: dict[str, Histogram]) -> tuple[onnx.ModelProto, dict[str, Histogram]]:
    """The model with a `Mul` by channel in front of convolutions that gain from it, and the histograms behind those."""
    graph = Graph(model)
    histograms = dict(histograms)
    for conv in list(graph.nodes):
        if not _may_be_equalised(graph, conv, histograms):
            continue
        source, weights = str(conv.input[0]), graph.constants[conv.input[1]]
        histogram = histograms[source]
        factor = best_factor(histogram, weights)
        if (factor == 1).all():
            continue
        scaled = f"{source}.equalised"
        graph.constants[f"{scaled}.factor"] = (1 / factor).astype(np.float32).reshape(1, -1, 1, 1)
        graph.constants[conv.input[1]] = (weights * factor[None, :, None, None]).astype(np.float32)
        multiply = helper.make_node("Mul", [source, f"{scaled}.factor"], [scaled], scaled)
        graph.nodes.insert(graph.nodes.index(conv), multiply)
        conv.input[0] = scaled
        low, high = ((end / factor).astype(np.float32) for end in (histogram.low, histogram.high))
        histograms[scaled] = Histogram(low, high, histogram.counts, histogram.axis)
        del histograms[source]
    return graph.model(), histograms


def _may_be_equalised(graph: Graph, conv: onnx.NodeProto, histograms: dict[str, Histogram]) -> bool:
    """A convolution over all channels, the only reader of what an activation wrote."""
    if conv.op_type != "Conv" or attributes(conv).get("group", 1) != 1 or conv.input[1] not in graph.constants:
        return False
    source = str(conv.input[0])
    writer = graph.producer(source)
    known = source in histograms and writer is not None and writer.op_type in ACTIVATIONS
    return known and graph.only_user(source) is not None and histograms[source].axis == 1


def best_factor(histogram: Histogram, weights: np.ndarray) -> np.ndarray:
    """By how much to divide each channel: float64 [channels], the loudest by 1.

    A power of the channels' ranges, the one with the least expected error of the sums.
    """
    reach = np.maximum(np.maximum(np.abs(histogram.low), np.abs(histogram.high)), 1e-3).astype(np.float64)
    relative = reach / reach.max()
    shares = histogram.counts / np.maximum(histogram.counts.sum(axis=1, keepdims=True), 1)
    squares = (shares * histogram.centres**2).sum(axis=1)
    errors = [expected_error(relative**power, reach, squares, weights.astype(np.float64)) for power in POWERS]
    return relative ** POWERS[int(np.argmin(errors))]


def expected_error(factor: np.ndarray, reach: np.ndarray, squares: np.ndarray, weights: np.ndarray) -> float:
    """Mean square error of the sums when channels are divided by `factor`: that of rounding activations and weights."""
    step = (reach / factor).max() / 255
    of_activations = ((factor * step) ** 2 / 12 * (weights**2).sum(axis=(0, 2, 3))).sum()
    scales = np.abs(weights * factor[None, :, None, None]).max(axis=(1, 2, 3)) / 127
    of_weights = (scales**2 / 12).sum() * weights.shape[2] * weights.shape[3] * (squares / factor**2).sum()
    return float(of_activations + of_weights)
