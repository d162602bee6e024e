"""Equalisation along a stream: tensors that keep their channels from sum to sum, scaled together.

Sums without an activation are averaged, multiplied with gates and added to each other, and channel c stays channel c.
equalise.py cannot scale such a channel behind one layer, because the other side of a sum would lack the factor. Here
all tensors of the stream get the factor of their channel. The layers that write into the stream divide by it, which
their kernels do anyway. The layers that read from it have the factor in their weights.

A factor weighs the rounding of every tensor of the stream against the rounding of the weights behind it. An error
counts relative to the sums that it ends in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.compiler.quantization.calibration import Histogram
from ocrm55.compiler.quantization.kinds import Family, adds_images, gate_of, has_weights, is_depthwise, kind_of

STEP = 2**0.5  # factors are powers of it, see equalise.STEP
SWEEPS = 8  # over all channels, each of which may move by some powers
MOVES = (-4, -2, -1, 1, 2, 4)
LEAST_GAIN = 0.9  # a stream is scaled if the error falls to this share

Array = np.ndarray


@dataclass
class Stream:
    """members: tensors with the same channels, in the order in which they are written. writers: layers that end in a
    member. readers: member -> layers that read it.
    """

    members: list[str]
    writers: list[onnx.NodeProto]
    readers: dict[str, list[onnx.NodeProto]]


def equalise(graph: Graph, histograms: Mapping[str, Histogram]) -> dict[str, Histogram]:
    """Scale the streams of a float network where that gains; return the histograms of the tensors to quantise.

    Scaled tensors get `.equalised` behind their names. In their histograms, channels count by what their errors do.
    """
    found = dict(histograms)
    for stream in streams(graph, histograms):
        errors = _Errors.of(graph, stream, found)
        factor = _best(errors)
        if factor is None:
            continue
        _scale(graph, stream, factor)
        for place, name in enumerate(stream.members):
            found[f"{name}.equalised"] = _divided(found.pop(name), factor, errors.weights[place])
    return found


def streams(graph: Graph, histograms: Mapping[str, Histogram]) -> list[Stream]:
    """The streams of which every channel can be scaled, in the order of the network."""
    groups: list[list[str]] = []
    for node in graph.nodes:
        joined = _joined(graph, node)
        if not joined and _is_layer(graph, node) and node.output[0] in histograms:
            joined = [str(node.output[0])]
        if joined:
            touched = [group for group in groups if set(group) & set(joined)]
            groups = [group for group in groups if group not in touched]
            groups.append(list(dict.fromkeys([*(name for group in touched for name in group), *joined])))
    order = {str(name): place for place, node in enumerate(graph.nodes) for name in node.output}
    whole = [_stream(graph, sorted(group, key=lambda name: order.get(name, -1)), histograms) for group in groups]
    kept = [stream for stream in whole if stream is not None]
    return sorted(kept, key=lambda stream: order[stream.members[0]])


def _joined(graph: Graph, node: onnx.NodeProto) -> list[str]:
    """The tensors that share their channels because of a node: what it adds, averages or gates, and its result."""
    if kind_of(graph, node).by_channel:
        gate = gate_of(graph, node)
        return [*(str(name) for name in node.input if name != gate), str(node.output[0])]
    return [*map(str, node.input), str(node.output[0])] if adds_images(graph, node) else []


def _is_layer(graph: Graph, node: onnx.NodeProto) -> bool:
    return kind_of(graph, node).family is Family.CONVOLUTION and has_weights(graph, node)


def _stream(graph: Graph, members: list[str], histograms: Mapping[str, Histogram]) -> Stream | None:
    """A stream of these tensors; None if a tensor is written or read by anything that cannot take a factor."""
    stream = Stream(members, [], {})
    for name in members:
        writer = graph.producer(name)
        known = histograms.get(name)
        if writer is None or known is None or name in graph.outputs or len(graph.shape(name)) != 4:
            return None
        if not _joined(graph, writer):
            if not _is_layer(graph, writer):
                return None
            stream.writers.append(writer)
        for user in graph.users(name):
            if _joined(graph, user) and name != gate_of(graph, user):
                continue
            whole = not is_depthwise(user) or attributes(user)["group"] == len(known.low) == _outputs(graph, user)
            if not _is_layer(graph, user) or user.input[0] != name or not whole:
                return None
            stream.readers.setdefault(name, []).append(user)
    if len(members) == 1 and all(map(is_depthwise, graph.users(members[0]))):
        return None  # its channels have scales of their own
    return stream if stream.readers else None


def _outputs(graph: Graph, layer: onnx.NodeProto) -> int:
    return len(graph.constants[layer.input[1]])


# --- the error of a stream -------------------------------------------------------------------------------------------


@dataclass
class _Errors:
    """The error of a stream as a function of its factors.

    low, high: [members, channels], ends of the values. weights: [members, channels], what the square of an error of one
    in a channel adds, relative to the sums behind it. layers: what the rounding of weights that sum over channels does:
    largest weights [outputs, channels]; and for each channel its mean square over that of the layer's sums.
    """

    low: Array
    high: Array
    weights: Array
    layers: list[tuple[Array, Array]]

    @staticmethod
    def of(graph: Graph, stream: Stream, histograms: Mapping[str, Histogram]) -> _Errors:
        squares = {name: _mean_squares(histograms[name]) for name in stream.members}
        weights = [_weight(graph, name, squares, set()) for name in stream.members]
        layers = []
        for name, readers in stream.readers.items():
            for reader in (each for each in readers if not is_depthwise(each)):
                values = np.abs(graph.constants[reader.input[1]].astype(np.float64))
                taps = values.shape[2] * values.shape[3]
                layers.append((values.max(axis=(2, 3)), taps * squares[name] / _power(graph, reader, squares[name])))
        ends = [(histograms[name].low, histograms[name].high) for name in stream.members]
        low, high = (np.stack([each[side] for each in ends]).astype(np.float64) for side in (0, 1))
        return _Errors(np.minimum(low, 0), np.maximum(high, 0), np.stack(weights), layers)

    def __call__(self, factor: Array) -> float:
        step = ((self.high / factor).max(axis=1) - (self.low / factor).min(axis=1)) / 255
        total = float((np.square(step)[:, None] * np.square(factor) * self.weights).sum()) / 12
        for largest, share in self.layers:
            scales = (largest * factor).max(axis=1) / 127
            total += float(np.square(scales).sum() / 12 * (share / np.square(factor)).sum())
        return total


def _weight(graph: Graph, name: str, squares: Mapping[str, Array], seen: set[str]) -> Array:
    """The share that the square of an error of one in each channel has of the sums that it ends in: [channels]."""
    total = np.zeros(len(squares[name]))
    for user in graph.users(name):
        output = str(user.output[0])
        if _is_layer(graph, user) and not is_depthwise(user):
            values = np.square(graph.constants[user.input[1]].astype(np.float64)).sum(axis=(0, 2, 3))
            total += values / _power(graph, user, squares[name])
        elif _is_layer(graph, user):
            total += _behind_depthwise(graph, user, squares[name])
        elif output in squares and output not in seen:
            passed = _weight(graph, output, squares, seen | {name})
            if gate_of(graph, user) is not None:
                passed = passed * squares[output] / np.maximum(squares[name], 1e-12)
            elif user.op_type.endswith("AveragePool"):  # rounding errors of an image's pixels cancel
                passed = passed * np.prod(graph.shape(output)[2:]) / np.prod(graph.shape(name)[2:])
            total += passed
    return total


def _behind_depthwise(graph: Graph, layer: onnx.NodeProto, squares: Array) -> Array:
    """The same behind a depthwise layer, from the weights of the layers that read its output."""
    taps = np.square(graph.constants[layer.input[1]].astype(np.float64)).sum(axis=(1, 2, 3))
    power = np.maximum(taps * squares, 1e-12)
    for user in graph.users(str(layer.output[0])):
        if _is_layer(graph, user) and not is_depthwise(user):
            values = np.square(graph.constants[user.input[1]].astype(np.float64)).sum(axis=(0, 2, 3))
            return taps * values / max(float((values * power).sum()), 1e-12)
    return taps / power.sum()


def _power(graph: Graph, layer: onnx.NodeProto, squares: Array) -> float:
    """About the sum of the squares of a layer's sums, where channels vary by themselves."""
    values = np.square(graph.constants[layer.input[1]].astype(np.float64)).sum(axis=(0, 2, 3))
    return max(float((values * squares).sum()), 1e-12)


def _mean_squares(histogram: Histogram) -> Array:
    shares = histogram.counts / np.maximum(histogram.counts.sum(axis=1, keepdims=True), 1)
    return np.maximum((shares * histogram.centres**2).sum(axis=1), 1e-12)


def _best(errors: _Errors) -> Array | None:
    """Factors with the least error, found channel by channel; None where they hardly gain."""
    channels = errors.low.shape[1]
    reach = np.maximum((errors.high - errors.low).max(axis=0), 1e-6)
    logs = np.log(reach / reach.max()) / np.log(STEP)
    starts = [np.rint(logs * power) for power in (0.0, 0.25, 0.5, 0.75, 1.0)]
    powers = min(starts, key=lambda each: errors(STEP**each))
    least = errors(STEP**powers)
    for _ in range(SWEEPS):
        before = least
        for channel in range(channels):
            for move in MOVES:
                tried = powers.copy()
                tried[channel] += move
                error = errors(STEP**tried)
                if error < least:
                    powers, least = tried, error
        if least > before * 0.999:
            break
    return STEP**powers if least < LEAST_GAIN * errors(np.ones(channels)) else None


# --- scaling ---------------------------------------------------------------------------------------------------------


def _scale(graph: Graph, stream: Stream, factor: Array) -> None:
    """Divide all tensors of a stream by `factor`, and multiply the weights that read them."""
    for name in stream.members:
        graph.rename(name, f"{name}.equalised")
    for reader in (each for readers in stream.readers.values() for each in readers):
        weights = graph.constants[reader.input[1]]
        shape = (-1, 1, 1, 1) if is_depthwise(reader) else (1, -1, 1, 1)
        graph.constants[reader.input[1]] = weights * factor.astype(np.float32).reshape(shape)
    written = {str(writer.output[0]): writer for writer in stream.writers}
    for node in graph.nodes:
        if any(name in stream.members and name not in written for name in node.output):
            graph.write(node, [f"{name}.equalised" for name in node.output])
    for name, writer in written.items():
        scaled = f"{name}.equalised"
        graph.constants[f"{scaled}.factor"] = (1 / factor).astype(np.float32).reshape(1, -1, 1, 1)
        multiply = helper.make_node("Mul", [name, f"{scaled}.factor"], [scaled], scaled)
        graph.insert_behind(writer, multiply, {scaled: name})


def _divided(histogram: Histogram, factor: Array, weights: Array) -> Histogram:
    low, high = ((end / factor).astype(np.float32) for end in (histogram.low, histogram.high))
    counts = histogram.counts / np.maximum(histogram.counts.sum(axis=1, keepdims=True), 1)
    return replace(histogram, low=low, high=high, counts=counts * (weights * np.square(factor))[:, None])
