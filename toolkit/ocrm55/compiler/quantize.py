"""A float network becomes an int8 one, as an ONNX model with QuantizeLinear and DequantizeLinear (QDQ).

Which tensors are quantised follows from what the integer kernels read: the input of every convolution and of every
product with constant weights, and what passes through pooling, squeeze-and-excite and concatenation. Nothing is
quantised between a convolution and its activation, which one kernel computes. Layer norm, softmax, the attention's
inner products and the residual stream around them stay float32: they are under 1 % of the work.

Activations have one scale and zero point a tensor, except between a convolution and the depthwise convolution that
follows: there every channel has a scale of its own, which costs the kernels nothing. Weights are symmetric with a scale
for each output channel, biases int32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler import calibration, ranges
from ocrm55.compiler.calibration import Histogram
from ocrm55.compiler.folding import Graph, attributes, fold, shapes
from ocrm55.compiler.ranges import Method, Quantisation

WEIGHT_MAX = 127
INPUT = Quantisation(np.asarray(np.float32(1 / 127)), 0)  # pixels are -1 .. 1, and the padding's 0 is exact
# A gate is clip(x / 6 + 1/2, 0, 1). With 254 steps its half is a whole number of them, so that the fully connected
# layer before it requantises straight to the gate.
GATE = Quantisation(np.asarray(np.float32(1 / 254)), -127)


@dataclass(frozen=True)
class QuantizeOptions:
    """method: how ranges are chosen. channel_scales: a scale a channel in front of depthwise convolutions."""

    method: Method = "mse"
    channel_scales: bool = True


def quantize(
    model: onnx.ModelProto, inputs: Sequence[np.ndarray], options: QuantizeOptions | None = None
) -> onnx.ModelProto:
    """Calibrate a float model on `inputs` and return it with QDQ nodes; input and output stay float32."""
    options = options or QuantizeOptions()
    folded = fold(model)
    graph = Graph(folded)
    points = quantised_tensors(graph)
    histograms = calibration.collect(folded, points, inputs)
    return insert(folded, choose(graph, histograms, options))


def quantised_tensors(graph: Graph) -> list[str]:
    """The tensors that the integer kernels read, in the order in which they are written."""
    wanted: set[str] = set()
    for node in graph.nodes:
        if has_weights(graph, node):
            wanted.add(node.input[0])
        elif node.op_type in ("GlobalAveragePool", "AveragePool", "Concat") or _gate(graph, node) is not None:
            wanted.update((*node.input, *node.output))
    written = [*graph.inputs, *(name for node in graph.nodes for name in node.output)]
    return [name for name in written if name in wanted]


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
    for name, histogram in histograms.items():
        if name in graph.inputs:
            chosen[name] = INPUT
        elif options.channel_scales and _feeds_depthwise_only(graph, name):
            chosen[name] = ranges.per_channel(histogram)
        else:
            chosen[name] = ranges.per_tensor(histogram, options.method)
    for node in graph.nodes:
        if (gate := _gate(graph, node)) is not None:
            chosen[gate] = GATE
        elif node.op_type == "Concat":  # its inputs are written side by side: one scale for all
            chosen |= dict.fromkeys(node.input, chosen[node.output[0]])
    return chosen


def _feeds_depthwise_only(graph: Graph, name: str) -> bool:
    users = graph.users(name)
    return bool(users) and all(u.op_type == "Conv" and attributes(u).get("group", 1) > 1 for u in users)


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
            origin = (str(node.input[0]), str(node.input[1]))
            if node.op_type == "Conv" and len(node.input) > 2:
                yield str(node.input[2]), origin
            add = self.graph.only_user(node.output[0])
            if node.op_type == "MatMul" and add is not None and add.op_type == "Add":
                for name in add.input:
                    if name in self.graph.constants:
                        yield str(name), origin

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
        q, scale = quantise_weights(self.graph.constants[name], axis)
        return self._constant(name, q, scale, np.zeros(len(scale), np.int8), axis)

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


def quantise_weights(weights: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """int8 weights and float32 scales, one for each index of `axis`: the output channels."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    scale = np.maximum(np.abs(weights).max(axis=others) / WEIGHT_MAX, ranges.SMALLEST_SCALE).astype(np.float32)
    spread = scale.reshape([-1 if i == axis else 1 for i in range(weights.ndim)])
    return np.clip(np.rint(weights / spread), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8), scale


def bias_scale(source: Quantisation, weight_scale: np.ndarray) -> np.ndarray:
    """Real value of one step of a sum, for each output channel: scale of the input times scale of the weights."""
    return (source.scale * weight_scale).astype(np.float32)
