"""Write scales and zero points into the graph, as QuantizeLinear and DequantizeLinear (QDQ).

Weights are symmetric with a scale for each output channel; biases are int32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.quantization import exact_scales, ranges
from ocrm55.compiler.quantization.int4_rounding import Rounded
from ocrm55.compiler.quantization.kinds import Family, bias_behind, computed_input, has_weights, kind_of, outputs_axis
from ocrm55.errors import UnsupportedError

WEIGHT_MAX = 127
LARGEST_BIAS = 2**30  # share of an int32 for a bias; the products and the folded zero point have the rest

Array = np.ndarray


def stored(graph: Graph, name: str, chosen: Mapping[str, Quantization]) -> str:
    """The quantised tensor behind `name`, possibly under another shape."""
    while name not in chosen:
        node = graph.producer(name)
        assert node is not None
        name = computed_input(graph, node)
    return name


class Writer:
    """Quantises a graph: QDQ behind every tensor that has a scale, int8 weights and int32 biases in front of layers.

    chosen: scale and zero point of every tensor that becomes int8. rounded: weights that were rounded beforehand, by
    name; the others take the nearest integers.
    """

    def __init__(
        self, graph: Graph, chosen: Mapping[str, Quantization], rounded: Mapping[str, Rounded] | None = None
    ) -> None:
        self.graph = graph
        self.chosen = chosen
        self.rounded = rounded or {}
        self.renamed: dict[str, str] = {}  # tensor -> its dequantised twin, which later nodes read
        self.biases = dict(self._find_biases())
        axes = {name: len(graph.shape(name)) for name in chosen}
        self._axes = {name: 1 if count == 4 else count - 1 for name, count in axes.items()}

    def write(self) -> None:
        """Edit the graph: rebuild the list of nodes once, in order."""
        for name, known in self.rounded.items():
            add_to_bias(self.graph, self.bias_of(name), known.lost)
        new: list[onnx.NodeProto] = []
        for name in self.graph.inputs:
            new += self._activation(name)
        for node in self.graph.nodes:
            new += self._parameters(node)
            self.graph.read(node, [self.renamed.get(name, name) for name in node.input])
            new.append(node)
            for name in node.output:
                new += self._activation(name)
        like = {twin: name for name, twin in self.renamed.items()}
        like |= {f"{name}.int8": name for name in self.chosen if name in self.renamed}
        self.graph.rebuild(new, like)

    def _find_biases(self) -> Iterable[tuple[str, tuple[str, str]]]:
        """A constant that a node adds as a bias -> (quantised input, weights) of its product."""
        for node in self.graph.nodes:
            if not has_weights(self.graph, node):
                continue
            origin = (stored(self.graph, str(node.input[0]), self.chosen), str(node.input[1]))
            if len(node.input) > 2:
                yield str(node.input[2]), origin
            behind = bias_behind(self.graph, node) if kind_of(self.graph, node).family is Family.PRODUCT else None
            if behind is not None:
                yield behind, origin

    def bias_of(self, name: str) -> str | None:
        """The constant that is added to the result of these weights."""
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
        make, axis = helper.make_node, self._axes[name]
        return [
            make("QuantizeLinear", [name, scale, zero], [quantised], f"{name}.quantize", axis=axis),
            make("DequantizeLinear", [quantised, scale, zero], [self.renamed[name]], f"{name}.dequantize", axis=axis),
        ]

    def _parameters(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Put dequantised weights and biases in front of the node that reads them."""
        new = []
        if has_weights(self.graph, node):
            new += self._weights(node.input[1], outputs_axis(node))
        for name in node.input:
            if name in self.biases and name not in self.renamed:
                new += self._bias(name)
        return new

    def _weights(self, name: str, axis: int) -> list[onnx.NodeProto]:
        known = self.rounded.get(name)
        if known is None:
            q, scale = quantise_weights(finite(self.graph, name), axis, self.least_scale(name))
        else:
            q, scale = known.values, known.scale
        return self._constant(name, q, scale, np.zeros(len(scale), np.int8), axis)

    def least_scale(self, weights: str) -> Array | float:
        """For each output channel, the least scale that lets its bias be an int32. Nearly dead channels need it."""
        bias = self.bias_of(weights)
        if bias is None:
            return 0.0
        source, _ = self.biases[bias]
        reach = np.abs(self.graph.constants[bias].astype(np.float64)).reshape(-1)
        return reach / (LARGEST_BIAS * self.chosen[source].scale.astype(np.float64))

    def _bias(self, name: str) -> list[onnx.NodeProto]:
        source, weights = self.biases[name]
        scale = bias_scale(self.chosen[source], self.graph.constants[f"{weights}.scale"])
        bias = np.rint(finite(self.graph, name).reshape(-1).astype(np.float64) / scale.astype(np.float64))
        q = np.clip(bias, -(2**31) + 1, 2**31 - 1).astype(np.int32)
        return self._constant(name, q, scale, np.zeros(len(scale), np.int32), 0)

    def _constant(self, name: str, q: Array, scale: Array, zero: Array, axis: int) -> list[onnx.NodeProto]:
        self.renamed[name] = f"{name}.dequantised"
        names = [f"{name}.int", f"{name}.scale", f"{name}.zero_point"]
        self.graph.constants |= dict(zip(names, (q, scale, zero), strict=True))
        return [helper.make_node("DequantizeLinear", names, [self.renamed[name]], f"{name}.dequantize", axis=axis)]


class ExactWriter(Writer):
    """Writes weights whose sums requantise by factors that leave no halves.

    in_int4: weights that become int4, by name.
    """

    def __init__(
        self,
        graph: Graph,
        chosen: Mapping[str, Quantization],
        in_int4: Mapping[str, Rounded] | None = None,
    ) -> None:
        super().__init__(graph, chosen, in_int4)
        self._layers = {str(node.input[1]): node for node in self.graph.nodes if has_weights(self.graph, node)}
        self._requantised = {
            name: found for name, node in self._layers.items() if (found := self._requantisation(node)) is not None
        }

    def _requantisation(self, node: onnx.NodeProto) -> tuple[float, Array, float] | None:
        """Scale of the input, scales of the output, and the gain of a clamp in between; None for float32 results."""
        source = stored(self.graph, str(node.input[0]), self.chosen)
        name, gain = str(node.output[0]), 1.0
        user = self.graph.only_user(name)
        if user is not None and bias_behind(self.graph, node) is not None:
            name = str(user.output[0])
            user = self.graph.only_user(name)
        if name not in self.chosen and user is not None and kind_of(self.graph, user).clamps:
            name = str(user.output[0])
            gain = float(attributes(user).get("alpha", 1.0))
        if name not in self.chosen or self.chosen[source].per_channel:
            return None
        return float(self.chosen[source].scale), self.chosen[name].scale, gain

    def axis(self, name: str) -> int:
        """The axis of the outputs in these weights."""
        return outputs_axis(self._layers[name])

    def fitted(self, name: str, scale: Array) -> Array:
        """Scales of these weights, no smaller than `scale`, that requantise by exact factors."""
        found = self._requantised.get(name)
        return scale if found is None else exact_scales.of_weights(scale, *found)

    def _weights(self, name: str, axis: int) -> list[onnx.NodeProto]:
        if name in self.rounded:
            return super()._weights(name, axis)
        weights = finite(self.graph, name)
        scale = self.fitted(name, quantise_weights(weights, axis, self.least_scale(name))[1])
        return self._constant(name, rounded(weights, scale, axis), scale, np.zeros(len(scale), np.int8), axis)


def add_to_bias(graph: Graph, bias: str | None, lost: Array) -> None:
    """Correct the change of every sum's mean by rounding; a layer without a bias gets no correction."""
    if bias is not None:
        values = graph.constants[bias]
        # One number for all outputs becomes one for each.
        graph.constants[bias] = (values.reshape(-1) + lost.reshape(-1)).astype(np.float32)


def finite(graph: Graph, name: str) -> Array:
    """A constant that becomes integers. Raises UnsupportedError where it is infinite somewhere, or no number."""
    values = graph.constants[name]
    if not np.isfinite(values).all():
        raise UnsupportedError(f"the constant {name} is not finite; int8 cannot hold it.", ["--precision float32"])
    return values


def rounded(weights: Array, scale: Array, axis: int) -> Array:
    """int8 weights for given scales, one for each index of `axis`."""
    spread = scale.reshape([-1 if i == axis else 1 for i in range(weights.ndim)])
    return np.clip(np.rint(weights / spread), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8)


def quantise_weights(weights: Array, axis: int, least: Array | float = 0.0) -> tuple[Array, Array]:
    """int8 weights and float32 scales, one for each index of `axis`: the output channels. `least`: of the scales."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    scale = np.maximum(np.abs(weights).max(axis=others) / WEIGHT_MAX, ranges.SMALLEST_SCALE)
    scale = np.maximum(scale, least).astype(np.float32)
    return rounded(weights, scale, axis), scale


def bias_scale(source: Quantization, weight_scale: Array) -> Array:
    """Real value of one step of a sum, for each output channel: scale of the input times scale of the weights."""
    return (source.scale * weight_scale).astype(np.float32)
