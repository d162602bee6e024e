"""A float network becomes an int8 one, as an ONNX model with QuantizeLinear and DequantizeLinear (QDQ).

Which tensors are quantised follows from what the integer kernels read: the inputs of convolutions and products, and
what passes through pooling, squeeze-and-excite and concatenation. Nothing is quantised between a convolution and its
activation, which one kernel computes. Layer norm, softmax and the residual stream around the attention stay float32:
they are under 1 % of the work.

Activations have one scale and zero point a tensor, except between a convolution and the depthwise convolution that
follows, and in front of the residual stream: there every channel has a scale of its own, which costs the kernels
nothing. Weights are symmetric with a scale
for each output channel, biases int32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ocrm55.compiler.onnx_graph.folding import Graph, attributes, fold, shapes
from ocrm55.compiler.quantization import calibration, ranges
from ocrm55.compiler.quantization.calibration import Histogram
from ocrm55.compiler.quantization.equalise import equalise, turn
from ocrm55.compiler.quantization.ranges import Method, Quantisation

WEIGHT_MAX = 127
LARGEST_BIAS = 2**30  # of an int32: the products, and what folds a zero point into it, have the rest
INPUT = Quantisation(np.asarray(np.float32(1 / 127)), 0)  # pixels are -1 .. 1, and the padding's 0 is exact
# A gate is clip(x / 6 + 1/2, 0, 1). With 254 steps its half is a whole number of them, so that the fully connected
# layer before it requantises straight to the gate.
GATE = Quantisation(np.asarray(np.float32(1 / 254)), -127)
PROBABILITY = Quantisation(np.asarray(np.float32(1 / 256)), -128)  # what softmax gives for a product
# Photographs were seen to exceed the calibration's largest sums of means more than twofold.
MARGIN_OF_MEANS, MARGIN_OF_SUMS = 1.2, 3.0
# Scales of their own cost channels a table of their own, with fewer entries: where one is that much wider than most,
# and no finer than that much less than the widest.
OUTLIER, LARGEST_RATIO = 4.0, 32.0
MOVES = ("Reshape", "Transpose", "Slice", "Squeeze", "Unsqueeze")


@dataclass(frozen=True)
class QuantizeOptions:
    """method: how ranges are chosen. channel_scales: a scale a channel in front of depthwise convolutions.

    equalise: scale channels in front of the other convolutions, see equalise.py.
    """

    method: Method = "mse"
    channel_scales: bool = True
    equalise: bool = True


def quantize(
    model: onnx.ModelProto, inputs: Sequence[np.ndarray], options: QuantizeOptions | None = None
) -> onnx.ModelProto:
    """Calibrate a float model on `inputs` and return it with QDQ nodes; input and output stay float32."""
    options = options or QuantizeOptions()
    folded = fold(model)
    graph = Graph(folded)
    points = quantised_tensors(graph)
    histograms = calibration.collect(folded, points, inputs)
    if options.equalise:
        folded, histograms = equalise(folded, histograms)
        if options.channel_scales:
            folded, histograms = turn(folded, histograms)
    return insert(folded, choose(Graph(folded), histograms, options))


def quantised_tensors(graph: Graph) -> list[str]:
    """The tensors that the integer kernels read, in the order in which they are written."""
    wanted: set[str] = set()
    for node in graph.nodes:
        if has_weights(graph, node):
            wanted.add(node.input[0])
        elif node.op_type == "MatMul":
            wanted.update(origin(graph, name)[0] for name in node.input)
        elif (
            node.op_type in ("GlobalAveragePool", "AveragePool", "MaxPool", "Concat") or _gate(graph, node) is not None
        ):
            wanted.update((*node.input, *node.output))
        elif node.op_type == "HardSwish" or _is_swish(graph, node):
            wanted.add(_affine_end(graph, node))
    written = [*graph.inputs, *(name for node in graph.nodes for name in node.output)]
    return [name for name in written if name in wanted and not _moved_from(graph, name, wanted)]


def _moved_from(graph: Graph, name: str, wanted: set[str]) -> bool:
    """Whether a tensor is a quantised one in another shape: there is nothing left to quantise."""
    while (node := graph.producer(name)) is not None and node.op_type in MOVES:
        name = _computed(graph, node)
        if name in wanted:
            return True
    return False


def origin(graph: Graph, name: str) -> tuple[str, list[onnx.NodeProto]]:
    """Where a tensor's values come from, through nodes that move or scale them, and those nodes in their order."""
    path: list[onnx.NodeProto] = []
    while (node := graph.producer(name)) is not None and (node.op_type in MOVES or _scales(graph, node)):
        path.insert(0, node)
        name = _computed(graph, node)
    return name, path


def _computed(graph: Graph, node: onnx.NodeProto) -> str:
    """The input of a node that is no constant."""
    return next(str(name) for name in node.input if name not in graph.constants)


def _scales(graph: Graph, node: onnx.NodeProto) -> bool:
    return node.op_type == "Mul" and any(i in graph.constants and graph.constants[i].size == 1 for i in node.input)


def _is_swish(graph: Graph, node: onnx.NodeProto) -> bool:
    """x * sigmoid(x)"""
    producers = [graph.producer(name) for name in node.input] if node.op_type == "Mul" else []
    return any(p is not None and p.op_type == "Sigmoid" and p.input[0] in node.input for p in producers)


def _affine_end(graph: Graph, activation: onnx.NodeProto) -> str:
    """The output of an activation, or of the factor and the offset behind it, which its kernel computes as well."""
    name = str(activation.output[0])
    for kind in ("Mul", "Add"):
        node = graph.only_user(name)
        constants = [] if node is None else [graph.constants[i] for i in node.input if i in graph.constants]
        if node is not None and node.op_type == kind and [each.size for each in constants] == [1]:
            name = str(node.output[0])
    return name


def _has_offset(graph: Graph, name: str) -> bool:
    """Whether a constant was added to what is quantised: its kernel then needs one scale for all channels."""
    writer = graph.producer(name)
    return writer is not None and writer.op_type == "Add" and any(i in graph.constants for i in writer.input)


def has_weights(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether a node is a convolution or a product whose right side is constant."""
    return node.op_type in ("Conv", "MatMul") and node.input[1] in graph.constants and len(node.output) == 1


def _gate(graph: Graph, node: onnx.NodeProto) -> str | None:
    """The input of a product that a hard-sigmoid wrote, squeeze-and-excite's gate; None for every other node."""
    for name in node.input if node.op_type == "Mul" else []:
        producer = graph.producer(name)
        if producer is not None and producer.op_type == "HardSigmoid":
            return str(name)
    return None


def choose(graph: Graph, histograms: dict[str, Histogram], options: QuantizeOptions) -> dict[str, Quantisation]:
    """Scale and zero point of every quantised tensor."""
    chosen: dict[str, Quantisation] = {}
    known = shapes(graph.model())
    for name, histogram in histograms.items():
        if name in graph.inputs:
            chosen[name] = INPUT
        elif options.channel_scales and _feeds_depthwise_only(graph, name) and not _has_offset(graph, name):
            is_linear = (writer := graph.producer(name)) is not None and writer.op_type == "Conv"
            chosen[name] = ranges.per_signed_channel(histogram) if is_linear else ranges.per_channel(histogram)
        elif (
            options.channel_scales and len(known[name]) == 4 and _has_outliers(histogram) and _becomes_real(graph, name)
        ):
            found = ranges.per_channel(histogram)
            least = np.float32(float(found.scale.max()) / LARGEST_RATIO)
            chosen[name] = replace(found, scale=np.maximum(found.scale, least))
        elif len(known[name]) == 4 and known[name][2:] == (1, 1):
            writer = graph.producer(name)
            pooled = writer is not None and writer.op_type == "GlobalAveragePool"
            chosen[name] = ranges.with_margin(histogram, MARGIN_OF_MEANS if pooled else MARGIN_OF_SUMS)
        else:
            chosen[name] = ranges.per_tensor(histogram, options.method)
    for node in graph.nodes:
        if (gate := _gate(graph, node)) is not None:
            chosen[gate] = GATE
        elif node.op_type == "Concat":  # its inputs are written side by side: one scale for all
            chosen |= dict.fromkeys(node.input, chosen[node.output[0]])
        elif node.op_type == "MaxPool":  # the largest of integers is the integer of the largest
            chosen[node.output[0]] = chosen[node.input[0]]
        elif node.op_type == "Softmax" and node.output[0] in chosen:
            chosen[node.output[0]] = PROBABILITY
    for name, groups in _factors(graph).items():
        chosen[name] = ranges.symmetric(histograms[name], groups)
    return chosen


def _factors(graph: Graph) -> dict[str, list[np.ndarray]]:
    """Tensors of which slices are multiplied with each other (an attention's queries, keys and values): the channels of
    each slice. They get a scale for each slice, and zero point 0, which the kernel asks of a product's right side.
    """
    found: dict[str, list[np.ndarray]] = {}
    for node in graph.nodes:
        if node.op_type != "MatMul" or has_weights(graph, node):
            continue
        for name in node.input:
            source, path = origin(graph, name)
            writer = graph.producer(source)
            if writer is None or writer.op_type != "Softmax":
                found.setdefault(source, []).append(_channels_of(graph, source, path))
    return found


def _channels_of(graph: Graph, source: str, path: Sequence[onnx.NodeProto]) -> np.ndarray:
    """Which channels of `source`, its last axis, are left after a path of moves: their numbers are moved."""
    shape = shapes(graph.model())[source]
    feed = helper.make_tensor_value_info(source, onnx.TensorProto.FLOAT, shape)
    constants = [numpy_helper.from_array(v, k) for k, v in graph.constants.items() if any(k in n.input for n in path)]
    # A factor would change the numbers: it is left out.
    nodes = [helper.make_node("Identity", [_computed(graph, n)], n.output) if n.op_type == "Mul" else n for n in path]
    if not nodes:
        return np.arange(shape[-1])
    result = helper.make_tensor_value_info(nodes[-1].output[0], onnx.TensorProto.FLOAT, None)
    inner = helper.make_model(
        helper.make_graph(nodes, "path", [feed], [result], constants), opset_imports=graph.model().opset_import
    )
    inner.ir_version = graph.model().ir_version
    numbers = np.broadcast_to(np.arange(shape[-1], dtype=np.float32), shape)
    moved = calibration.open_session(inner).run(None, {source: np.ascontiguousarray(numbers)})[0]
    return np.unique(moved).astype(np.int64)


def _feeds_depthwise_only(graph: Graph, name: str) -> bool:
    users = graph.users(name)
    return bool(users) and all(u.op_type == "Conv" and attributes(u).get("group", 1) > 1 for u in users)


def _has_outliers(histogram: Histogram) -> bool:
    """Whether a channel or a few leave the others too few steps of a scale that all share."""
    reach = np.maximum(np.abs(histogram.low), np.abs(histogram.high))
    return bool(reach.max() > OUTLIER * np.median(reach))


def _becomes_real(graph: Graph, name: str) -> bool:
    """Whether a swish is read by nothing but sums and layer norms, which are float32."""
    writer, pending, readers = graph.producer(name), [name], []
    while pending:
        for user in graph.users(pending.pop()):
            if user.op_type in MOVES:
                pending.append(str(user.output[0]))
            else:
                readers.append(user)
    is_activation = writer is not None and _is_swish(graph, writer)
    return is_activation and bool(readers) and all(user.op_type in ("Add", "LayerNormalization") for user in readers)


def insert(model: onnx.ModelProto, chosen: dict[str, Quantisation]) -> onnx.ModelProto:
    """The quantised model: QDQ behind every chosen tensor, int8 weights and int32 biases with DequantizeLinear."""
    writer = _Writer(model, chosen)
    return writer.write()


class _Writer:
    """Rebuilds the list of nodes once, in order."""

    def __init__(self, model: onnx.ModelProto, chosen: dict[str, Quantisation]) -> None:
        self.graph = Graph(model)
        self.chosen = chosen
        self.shapes = shapes(model)
        self.renamed: dict[str, str] = {}  # tensor -> its dequantised twin, which later nodes read
        self.biases = dict(self._find_biases())

    def write(self) -> onnx.ModelProto:
        old, new = self.graph.nodes, []
        for name in self.graph.inputs:
            new += self._activation(name)
        for node in old:
            new += self._parameters(node)
            for position, name in enumerate(node.input):
                node.input[position] = self.renamed.get(name, name)
            new.append(node)
            for name in node.output:
                new += self._activation(name)
        self.graph.nodes = new
        return self.graph.model()

    def _find_biases(self) -> Iterable[tuple[str, tuple[str, str]]]:
        """Constant that a node adds as a bias -> (quantised input, weights) of the product that it belongs to."""
        for node in self.graph.nodes:
            if not has_weights(self.graph, node):
                continue
            source = str(node.input[0])
            while source not in self.chosen:  # a quantised tensor in another shape
                moved = self.graph.producer(source)
                assert moved is not None
                source = _computed(self.graph, moved)
            origin = (source, str(node.input[1]))
            if node.op_type == "Conv" and len(node.input) > 2:
                yield str(node.input[2]), origin
            add = self.graph.only_user(node.output[0])
            if node.op_type == "MatMul" and add is not None and add.op_type == "Add":
                for name in add.input:
                    if name in self.graph.constants:
                        yield str(name), origin

    def bias_of(self, name: str) -> str | None:
        """The constant that is added to what these weights give."""
        return next((bias for bias, (_, weights) in self.biases.items() if weights == name), None)

    def _activation(self, name: str) -> list[onnx.NodeProto]:
        quantisation = self.chosen.get(name)
        if quantisation is None or not self.graph.users(name):
            return []
        self.renamed[name] = f"{name}.dequantised"
        quantised, scale, zero = f"{name}.int8", f"{name}.scale", f"{name}.zero_point"
        zeros = np.full(quantisation.scale.shape, quantisation.zero_point, np.int8)
        self.graph.constants |= {scale: quantisation.scale, zero: zeros}
        # ONNX ignores the axis of a scalar scale.
        make, axis = helper.make_node, 1 if len(self.shapes[name]) == 4 else len(self.shapes[name]) - 1
        return [
            make("QuantizeLinear", [name, scale, zero], [quantised], f"{name}.quantize", axis=axis),
            make("DequantizeLinear", [quantised, scale, zero], [self.renamed[name]], f"{name}.dequantize", axis=axis),
        ]

    def _parameters(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Dequantised weights and biases in front of the node that reads them."""
        new = []
        if has_weights(self.graph, node):
            new += self._weights(node.input[1], 0 if node.op_type == "Conv" else 1)
        for name in node.input:
            if name in self.biases and name not in self.renamed:
                new += self._bias(name)
        return new

    def _weights(self, name: str, axis: int) -> list[onnx.NodeProto]:
        q, scale = quantise_weights(self.graph.constants[name], axis, self._least_scale(name))
        return self._constant(name, q, scale, np.zeros(len(scale), np.int8), axis)

    def _least_scale(self, weights: str) -> np.ndarray | float:
        """Of each output channel: what lets its bias be an int32. Channels that training left all but dead need it."""
        bias = self.bias_of(weights)
        if bias is None:
            return 0.0
        source, _ = self.biases[bias]
        reach = np.abs(self.graph.constants[bias].astype(np.float64)).reshape(-1)
        return reach / (LARGEST_BIAS * self.chosen[source].scale.astype(np.float64))

    def _bias(self, name: str) -> list[onnx.NodeProto]:
        source, weights = self.biases[name]
        scale = bias_scale(self.chosen[source], self.graph.constants[f"{weights}.scale"])
        bias = np.rint(self.graph.constants[name].astype(np.float64) / scale.astype(np.float64))
        q = np.clip(bias, -(2**31) + 1, 2**31 - 1).astype(np.int32)
        return self._constant(name, q, scale, np.zeros(len(scale), np.int32), 0)

    def _constant(
        self, name: str, q: np.ndarray, scale: np.ndarray, zero: np.ndarray, axis: int
    ) -> list[onnx.NodeProto]:
        self.renamed[name] = f"{name}.dequantised"
        names = [f"{name}.int", f"{name}.scale", f"{name}.zero_point"]
        self.graph.constants |= dict(zip(names, (q, scale, zero), strict=True))
        return [helper.make_node("DequantizeLinear", names, [self.renamed[name]], f"{name}.dequantize", axis=axis)]


def quantise_weights(weights: np.ndarray, axis: int, least: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """int8 weights and float32 scales, one for each index of `axis`: the output channels. `least`: of the scales."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    scale = np.maximum(np.abs(weights).max(axis=others) / WEIGHT_MAX, ranges.SMALLEST_SCALE)
    scale = np.maximum(scale, least).astype(np.float32)
    spread = scale.reshape([-1 if i == axis else 1 for i in range(weights.ndim)])
    return np.clip(np.rint(weights / spread), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8), scale


def bias_scale(source: Quantisation, weight_scale: np.ndarray) -> np.ndarray:
    """Real value of one step of a sum, for each output channel: scale of the input times scale of the weights."""
    return (source.scale * weight_scale).astype(np.float32)
