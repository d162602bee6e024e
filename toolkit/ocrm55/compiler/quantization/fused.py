"""A float network becomes an int8 one, as an ONNX model with QuantizeLinear and DequantizeLinear (QDQ).

The integer kernels decide which tensors are quantised: the inputs of convolutions and products, and values that pass
through pooling, squeeze-and-excite and concatenation. Nothing is quantised between a convolution and its activation,
because one kernel computes both. Layer norm, softmax and the residual stream around the attention stay float32; they
are under 1 % of the work.

Activations have one scale and one zero point for each tensor. There are two exceptions: between a convolution and the
next depthwise convolution, and in front of the residual stream, every channel has a scale of its own. This costs the
kernels nothing. Weights are symmetric with a scale for each output channel; biases are int32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ocrm55.compiler.onnx_graph import functions
from ocrm55.compiler.onnx_graph.folding import fold, ungroup, unshare
from ocrm55.compiler.onnx_graph.graph import Function, Graph
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.quantization import calibration, int8_rounding, kinds, ranges, streams
from ocrm55.compiler.quantization.calibration import Histogram
from ocrm55.compiler.quantization.equalise import equalise, turn
from ocrm55.compiler.quantization.kinds import Family, Int8, ScaledBy, kind_of, writer_of
from ocrm55.compiler.quantization.qdq import Writer, stored
from ocrm55.compiler.quantization.ranges import Method

# A channel with its own scale needs a table of its own, with fewer entries. So scales of their own need one channel
# that is OUTLIER times wider than most. No scale is more than LARGEST_RATIO times finer than the widest.
OUTLIER, LARGEST_RATIO = 4.0, 32.0


@dataclass(frozen=True)
class QuantizeOptions:
    """method: the way to choose ranges. channel_scales: one scale for each channel in front of depthwise convolutions.
    equalise: scale channels in front of the other convolutions, see equalise.py. input_range: least and largest value
    of the input, for all calibration pictures.
    """

    method: Method = "mse"
    channel_scales: bool = True
    equalise: bool = True
    input_range: tuple[float, float] = (-1.0, 1.0)


def quantize(graph: Graph, inputs: Sequence[np.ndarray], options: QuantizeOptions | None = None) -> None:
    """Calibrate a float network on `inputs` and edit it to one with QDQ nodes; input and output stay float32.

    No inputs: a network of the same sizes that computes nothing of use.
    """
    options = options or QuantizeOptions()
    fold(graph)
    kinds.check(graph)
    ungroup(graph)
    unshare(graph)
    functions.find(graph)
    histograms = calibration.collect(graph, quantised_tensors(graph), inputs)
    if options.equalise and inputs:
        histograms = streams.equalise(graph, equalise(graph, histograms))
        if options.channel_scales:
            histograms = turn(graph, histograms)
    chosen = choose(graph, histograms, options)
    Writer(graph, chosen, int8_rounding.rounded(graph, chosen, inputs) if inputs else {}).write()


def quantised_tensors(graph: Graph) -> list[str]:
    """The tensors that the integer kernels read, in the order in which they are written."""
    wanted: set[str] = set()
    for node in graph.nodes:
        match kind_of(graph, node).int8:
            case Int8.INPUT:
                wanted.add(node.input[0])
            case Int8.FACTORS:
                wanted.update(kinds.origin(graph, name)[0] for name in node.input)
            case Int8.ALL:
                wanted.update((*node.input, *node.output))
            case Int8.RESULT:
                wanted.add(kinds.affine_end(graph, node))
    wanted.update(each.source for each in graph.functions.values() if not _is_summed(graph, each))
    written = [*graph.inputs, *(name for node in graph.nodes for name in node.output)]
    # A quantised tensor under another shape is quantised already.
    return [name for name in written if name in wanted and not kinds.follows_one_of(graph, name, wanted)]


def _is_summed(graph: Graph, function: Function) -> bool:
    """Whether a function's source is a sum of products that nothing else reads: one kernel computes both."""
    if any(user.output[0] not in function.outputs for user in graph.users(function.source)):
        return False
    writer = graph.producer(function.source)
    if writer is not None and kinds.adds_bias(graph, writer):
        writer = graph.producer(kinds.computed_input(graph, writer))
    return writer is not None and kinds.has_weights(graph, writer)


def choose(graph: Graph, histograms: dict[str, Histogram], options: QuantizeOptions) -> dict[str, Quantization]:
    """Scale and zero point of every quantised tensor."""
    chosen = {name: _of_ranges(graph, name, histogram, options) for name, histogram in histograms.items()}
    for node in graph.nodes:
        match kind_of(graph, node).scaled_by:
            case ScaledBy.GATE:
                gate = str(kinds.gate_of(graph, node))
                chosen[stored(graph, gate, chosen)] = kinds.gate_quantization(graph, gate)
            case ScaledBy.PROBABILITY if node.output[0] in chosen:
                chosen[node.output[0]] = kinds.PROBABILITY
    for name, groups in _factors(graph).items():
        chosen[name] = ranges.symmetric(histograms[name], groups)
    for group, leaders in _with_one_scale(graph, chosen):
        chosen |= dict.fromkeys(group, ranges.common([chosen[name] for name in leaders]))
    return chosen


def _with_one_scale(graph: Graph, chosen: dict[str, Quantization]) -> list[tuple[set[str], list[str]]]:
    """Tensors that share a scale, and those of them whose ranges decide on it.

    A concatenation and its parts have the scale of the result, the largest of integers that of the input. Where such
    operators follow each other, all of them share one.
    """
    groups: list[tuple[set[str], list[str]]] = []
    followers: set[str] = set()
    for node in graph.nodes:
        scaled_by = kind_of(graph, node).scaled_by
        if scaled_by not in (ScaledBy.RESULT, ScaledBy.INPUT):
            continue
        inputs, result = [stored(graph, str(name), chosen) for name in node.input], str(node.output[0])
        leader, others = (result, inputs) if scaled_by is ScaledBy.RESULT else (inputs[0], [result])
        group, leaders = {leader, *others}, [leader]
        followers.update(others)
        for other in [each for each in groups if each[0] & group]:
            groups.remove(other)
            group, leaders = group | other[0], [*other[1], *leaders]
        groups.append((group, leaders))
    return [(group, [name for name in leaders if name not in followers]) for group, leaders in groups]


def _of_ranges(graph: Graph, name: str, histogram: Histogram, options: QuantizeOptions) -> Quantization:
    """Scale and zero point of one tensor, from its values."""
    if name in graph.inputs:
        return ranges.of_input(*options.input_range)
    shape, writer = graph.shape(name), writer_of(graph, name)
    if options.channel_scales and _scales_channels(graph, name) and _feeds_depthwise_only(graph, name):
        is_linear = writer.family is Family.CONVOLUTION
        return ranges.per_signed_channel(histogram) if is_linear else ranges.per_channel(histogram)
    if options.channel_scales and len(shape) == 4 and _has_outliers(histogram) and _becomes_real(graph, name):
        found = ranges.per_channel(histogram)
        least = np.float32(float(found.scale.max()) / LARGEST_RATIO)
        return replace(found, scale=np.maximum(found.scale, least))
    if len(shape) == 4 and shape[2:] == (1, 1):
        return ranges.with_margin(histogram, writer.margin)
    return ranges.per_tensor(histogram, options.method)


def _factors(graph: Graph) -> dict[str, list[np.ndarray]]:
    """Tensors whose slices are multiplied with each other (an attention's queries, keys and values), and the channels
    of each slice. They get a scale for each slice and the zero point 0, because the kernel needs 0 on a product's right
    side.
    """
    found: dict[str, list[np.ndarray]] = {}
    for node in graph.nodes:
        if kind_of(graph, node).int8 is not Int8.FACTORS:
            continue
        for name in node.input:
            source, path = kinds.origin(graph, name)
            if writer_of(graph, source).scaled_by is ScaledBy.PROBABILITY:
                continue
            channels, shape = _channels_of(graph, source, path), graph.shape(source)
            if len(shape) == 4 and channels.max(initial=0) >= shape[1]:  # columns of an image are none of its channels
                raise kinds.refused(node, "it multiplies an image, whose scales are by channel")
            found.setdefault(source, []).append(channels)
    return found


def _channels_of(graph: Graph, source: str, path: Sequence[onnx.NodeProto]) -> np.ndarray:
    """The channels of `source`, its last axis, that are left after a path of moves. To find them, their numbers are
    moved.
    """
    shape = graph.shape(source)
    feed = helper.make_tensor_value_info(source, onnx.TensorProto.FLOAT, shape)
    constants = [numpy_helper.from_array(v, k) for k, v in graph.constants.items() if any(k in n.input for n in path)]
    # A factor would change the numbers, so it is left out.
    nodes = [
        helper.make_node("Identity", [kinds.computed_input(graph, n)], n.output) if n.op_type == "Mul" else n
        for n in path
    ]
    if not nodes:
        return np.arange(shape[-1])
    result = helper.make_tensor_value_info(nodes[-1].output[0], onnx.TensorProto.FLOAT, None)
    inner = helper.make_model(helper.make_graph(nodes, "path", [feed], [result], constants), opset_imports=graph.opsets)
    inner.ir_version = graph.ir_version
    numbers = np.broadcast_to(np.arange(shape[-1], dtype=np.float32), shape)
    moved = calibration.open_session(inner).run(None, {source: np.ascontiguousarray(numbers)})[0]
    return np.unique(moved).astype(np.int64)


def _feeds_depthwise_only(graph: Graph, name: str) -> bool:
    users = graph.users(name)
    return bool(users) and all(kinds.is_depthwise(user) for user in users)


def _scales_channels(graph: Graph, name: str) -> bool:
    """Whether the kernel that writes a tensor can give each channel a scale: after no function but these."""
    writer = graph.producer(name)
    while writer is not None and writer.op_type == "Mul" and any(each in graph.constants for each in writer.input):
        writer = graph.producer(kinds.computed_input(graph, writer))  # a factor is the kernel's, too
    if writer is None:
        return False
    kind = kind_of(graph, writer)
    return kind.divides or kind.family is Family.CONVOLUTION or kinds.is_swish(graph, writer)


def _has_outliers(histogram: Histogram) -> bool:
    """Whether a few channels leave the others too few steps of a shared scale."""
    reach = np.maximum(np.abs(histogram.low), np.abs(histogram.high))
    return bool(reach.max() > OUTLIER * np.median(reach))


def _becomes_real(graph: Graph, name: str) -> bool:
    """Whether only sums and layer norms, which are float32, read a swish."""
    writer, pending, readers = graph.producer(name), [name], []
    while pending:
        for user in graph.users(pending.pop()):
            kind = kind_of(graph, user)
            if kind.follows:
                pending.append(str(user.output[0]))
            else:
                readers.append(kind)
    is_activation = writer is not None and kinds.is_swish(graph, writer)
    return is_activation and bool(readers) and all(kind.is_real for kind in readers)
