"""Cross-layer equalisation: a convolution's input channels are scaled so that quiet ones use more of int8's steps.

The input of a pointwise convolution has one scale, because sums over channels have one. So a channel that never exceeds
a tenth of the loudest one has 25 steps instead of 255. To give it more steps, the channel is divided by a factor, and
the weights that read it are multiplied by the same factor. Nothing else changes. The kernel in front scales every
channel of its output anyway, so it divides for free. Averages, gates and concatenations may lie in between. The loss of
the weights is weighed against the gain of the activations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.compiler.quantization.calibration import Histogram
from ocrm55.compiler.quantization.kinds import Family, ScaledBy, gate_of, is_depthwise, kind_of

# Factors are powers of this. So they do not change when the network is calibrated again with weights that moved by less
# than a step (weight_grid.py); factors in between would change.
STEP = 2**0.5
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a channel's range; 0 leaves everything as it is
# Any other function takes a table for each channel to be divided. So few channels may have one, where that gains much.
MOST_WITH_TABLES, LEAST_GAIN_OF_TABLES = 32, 0.5


@dataclass
class _Readers:
    """The readers of a tensor's channels: tensors in between, and the convolutions that sum over channels.

    Behind a concatenation they are the channels from `first` on of a tensor, and of the weights that read it.
    """

    tensors: list[tuple[str, int]]
    convolutions: list[tuple[onnx.NodeProto, int]]


def equalise(graph: Graph, histograms: dict[str, Histogram]) -> dict[str, Histogram]:
    """Put a `Mul` by channel behind activations where that gains; return the histograms of the tensors to quantise.

    Scaled tensors get `.equalised` behind their names.
    """
    histograms = dict(histograms)
    for node in list(graph.nodes):
        source = str(node.output[0])
        by_tables = _may_have_tables(graph, source)
        readers = _readers(graph, source) if kind_of(graph, node).divides or by_tables else None
        if readers is None or not all(name in histograms for name in (source, *(name for name, _ in readers.tensors))):
            continue
        channels = len(histograms[source].low)
        largest, first = max(readers.convolutions, key=lambda found: graph.constants[found[0].input[1]].size)
        read, weights = histograms[str(largest.input[0])], graph.constants[largest.input[1]]
        most = LEAST_GAIN_OF_TABLES if by_tables else 1.0
        factor = best_factor(histograms[source], read, weights, first, most)
        if (factor != 1).any():
            _scale(graph, node, readers, factor)
            for name, place in ((source, 0), *readers.tensors):
                whole = np.ones(len(histograms[name].low))
                whole[place : place + channels] = factor
                histograms[f"{name}.equalised"] = _divided(histograms.pop(name), whole)
    return histograms


def _may_have_tables(graph: Graph, name: str) -> bool:
    """Whether a tensor is the result of a function behind a layer, of few enough channels for a table each."""
    function, shape = graph.functions.get(name), graph.shape(name)
    if function is None or function.result != name or len(shape) != 4 or shape[1] > MOST_WITH_TABLES:
        return False
    writer = graph.producer(function.source)
    only = all(user.output[0] in function.outputs for user in graph.users(function.source))
    return writer is not None and kind_of(graph, writer).family is Family.CONVOLUTION and only


def turn(graph: Graph, histograms: dict[str, Histogram]) -> dict[str, Histogram]:
    """Invert channels that lie below zero, in front of depthwise convolutions; return the histograms after it.

    All channels have one zero point there. A few channels that hard-swish keeps between -0.375 and 0 would pull it to
    the middle, which costs the others half their steps. With an inverted sign, also of their taps, they lie above zero
    like the others. Tensors with inverted channels get `.equalised` behind their names.
    """
    histograms = dict(histograms)
    for node in list(graph.nodes):
        source = str(node.output[0])
        known, users = histograms.get(source), graph.users(source)
        if not kind_of(graph, node).divides or known is None or not users:
            continue
        sign = np.where(-known.low > known.high, -1.0, 1.0)
        depthwise = all(is_depthwise(user) and attributes(user)["group"] == len(sign) for user in users)
        if depthwise and (sign < 0).any():
            _scale(graph, node, _Readers([], [(conv, 0) for conv in users]), sign)
            histograms[f"{source}.equalised"] = _turned(histograms.pop(source), sign)
    return histograms


def _turned(histogram: Histogram, sign: np.ndarray) -> Histogram:
    over = sign < 0
    low, high = np.where(over, -histogram.high, histogram.low), np.where(over, -histogram.low, histogram.high)
    counts = np.where(over[:, None], histogram.counts[:, ::-1], histogram.counts)
    return Histogram(low, high, counts, histogram.axis)


def _readers(graph: Graph, source: str) -> _Readers | None:
    """The readers of `source`, behind averages, gates and concatenations. None if a reader is no convolution over all
    channels, or if a convolution reads it twice.
    """
    found = _Readers([], [])
    pending = [(source, 0)]
    while pending:
        name, first = pending.pop()
        users = graph.users(name)
        if not users or name in graph.outputs:
            return None
        for user in users:
            output, kind = str(user.output[0]), kind_of(graph, user)
            joins_channels = kind.scaled_by is ScaledBy.RESULT and attributes(user).get("axis") == 1
            if kind.by_channel and gate_of(graph, user) != name:
                pending.append((output, first))
                found.tensors.append((output, first))
            elif joins_channels and list(user.input).count(name) == 1:
                place = _channels_before(graph, user, name)
                if place is None or any(known == output for known, _ in found.tensors):
                    return None
                pending.append((output, first + place))
                found.tensors.append((output, first + place))
            elif kind.family is Family.CONVOLUTION and not is_depthwise(user) and user.input[0] == name:
                found.convolutions.append((user, first))
            else:
                return None
    return found


def _channels_before(graph: Graph, concat: onnx.NodeProto, name: str) -> int | None:
    """The number of channels that a concatenation puts in front of an input; None if a tensor's shape is unknown."""
    before = list(concat.input)[: list(concat.input).index(name)]
    sizes = [graph.shape(each) for each in before]
    return None if any(len(size) != 4 for size in sizes) else sum(size[1] for size in sizes)


def _scale(graph: Graph, activation: onnx.NodeProto, readers: _Readers, factor: np.ndarray) -> None:
    """Divide the activation's output by `factor`, and multiply the weights that read it."""
    source, between = str(activation.output[0]), [name for name, _ in readers.tensors]
    scaled = f"{source}.equalised"
    graph.constants[f"{scaled}.factor"] = (1 / factor).astype(np.float32).reshape(1, -1, 1, 1)
    for name in (source, *between):
        graph.rename(name, f"{name}.equalised")
    for conv, first in readers.convolutions:
        weights = graph.constants[conv.input[1]].copy()
        if is_depthwise(conv):
            weights *= factor[:, None, None, None].astype(np.float32)
        else:
            weights[:, first : first + len(factor)] *= factor[None, :, None, None].astype(np.float32)
        graph.constants[conv.input[1]] = weights
    for node in graph.nodes:
        graph.write(node, [f"{name}.equalised" if name in between else name for name in node.output])
    multiply = helper.make_node("Mul", [source, f"{scaled}.factor"], [scaled], scaled)
    graph.insert_behind(activation, multiply, {scaled: source})


def factor_of(graph: Graph, name: str) -> np.ndarray:
    """The factor by which a tensor was multiplied, there or before it, quantised or not: float32, one or one per
    channel.
    """
    while name.endswith(".equalised"):
        if f"{name}.factor" in graph.constants:
            return graph.constants[f"{name}.factor"]
        writer = graph.producer(name)
        inputs = [str(i).removesuffix(".dequantised") for i in writer.input] if writer is not None else []
        if writer is not None and kind_of(graph, writer).scaled_by is ScaledBy.RESULT:  # concatenated
            sizes = [graph.shape(each)[1] for each in writer.input]
            parts = [np.broadcast_to(factor_of(graph, i).reshape(-1), n) for i, n in zip(inputs, sizes, strict=True)]
            return np.concatenate(parts).reshape(1, -1, 1, 1)
        name = next((i for i in inputs if i.endswith(".equalised")), "")
    return np.ones(1, np.float32)


def _divided(histogram: Histogram, factor: np.ndarray) -> Histogram:
    low, high = ((end / factor).astype(np.float32) for end in (histogram.low, histogram.high))
    return Histogram(low, high, histogram.counts, histogram.axis)


@dataclass
class _Spread:
    """For each channel: the largest magnitude, and the mean square."""

    reach: np.ndarray
    squares: np.ndarray

    @staticmethod
    def of(histogram: Histogram) -> _Spread:
        reach = np.maximum(np.maximum(np.abs(histogram.low), np.abs(histogram.high)), 1e-3).astype(np.float64)
        shares = histogram.counts / np.maximum(histogram.counts.sum(axis=1, keepdims=True), 1)
        return _Spread(reach, (shares * histogram.centres**2).sum(axis=1))


def best_factor(
    source: Histogram, read: Histogram, weights: np.ndarray, first: int = 0, most: float = 1.0
) -> np.ndarray:
    """The divisors of the channels: float64 [channels].

    source: the tensor to divide. read: the input of the convolution with these weights: the same tensor, a gate's
    product with it, or a tensor that contains it from channel `first` on. A divisor is a power of the channel's range
    in `read`, rounded to powers of STEP. The power is the one with the least expected error of the sums. The widest
    channel is left unchanged. If other channels share the tensor, it becomes no wider than they are.
    """
    channels, before, whole = len(source.low), _Spread.of(source), _Spread.of(read)
    part = slice(first, first + channels)
    others = np.delete(whole.reach, np.arange(channels) + first)
    after = _Spread(whole.reach[part], whole.squares[part])
    all_squares = (weights.astype(np.float64) ** 2).sum(axis=(0, 2, 3))
    squares, elsewhere = all_squares[part], all_squares.sum() - all_squares[part].sum()
    ranges = (after.reach, before.reach, np.sqrt(after.reach * before.reach))
    beside = [float(others.max())] if len(others) else []
    logs = [
        np.log(reach / top) / np.log(STEP)
        for reach in ranges
        for top in (float(reach.max()), *(top for top in beside if top < reach.max()))
    ]
    candidates = [STEP ** np.rint(log * power) for power in POWERS for log in logs]
    # The part of an error that a gate lets through.
    passed = after.squares / np.maximum(before.squares, 1e-12)
    errors = []
    for factor in candidates:
        step = max((after.reach / factor).max(), others.max(initial=0.0)) / 255
        all_factors = np.ones(len(whole.reach))
        all_factors[part] = factor
        error = _of_weights(all_factors, whole, weights)  # they share scales with the weights of the others
        error += ((factor * step) ** 2 / 12 * squares).sum() + step**2 / 12 * elsewhere
        if read is not source:
            error += (_of_rounding(factor, before) * passed * squares).sum()
        errors.append(error)
    best = int(np.argmin(errors))
    return candidates[best] if errors[best] <= most * errors[0] else np.ones(channels)


def _of_rounding(factor: np.ndarray, spread: _Spread) -> np.ndarray:
    """Mean square error of each channel when channels divided by `factor` are rounded to int8 together."""
    step = (spread.reach / factor).max() / 255
    return (factor * step) ** 2 / 12


def _of_weights(factor: np.ndarray, spread: _Spread, weights: np.ndarray) -> float:
    """Mean square error of the sums that rounding the multiplied weights makes."""
    scales = np.abs(weights * factor[None, :, None, None]).max(axis=(1, 2, 3)) / 127
    taps = weights.shape[2] * weights.shape[3]
    return float((scales**2 / 12).sum() * taps * (spread.squares / factor**2).sum())
