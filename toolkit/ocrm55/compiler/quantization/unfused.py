"""QDQ for libraries that fuse nothing but a clamp: int8 also between a convolution and its activation.

CMSIS-NN, like the TFLite operators that it follows, ends every operator in int8: a sum is requantised and clamped, and
whatever else follows reads int8 again. So there are scales at more places than in quantize.py, all of them one for the
whole tensor, and an average leaves the scale of its input as it is. What ReLU and hard-sigmoid do is a clamp: nothing
is quantised in front of them. In front of hard-swish and swish a range is chosen for what comes out behind them: below
-3, where hard-swish is 0, there is nothing to tell apart.

Scales of weights, and of products, are chosen so that requantisations have no halves (exact_scales.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from math import prod

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph.folding import Graph, attributes, fold, shapes
from ocrm55.compiler.quantization import calibration, exact_scales, int4, int4_rounding, ranges
from ocrm55.compiler.quantization.calibration import Histogram
from ocrm55.compiler.quantization.fused import (
    MOVES,
    WEIGHT_MAX,
    QuantizeOptions,
    choose,
    has_weights,
    quantise_weights,
    quantised_tensors,
)
from ocrm55.compiler.quantization.fused import _Writer as Writer
from ocrm55.compiler.quantization.ranges import Quantisation
from ocrm55.compiler.quantization.sensitivity import weighed

CLAMPS = ("Relu", "HardSigmoid")
POOLS = ("GlobalAveragePool", "AveragePool")
LARGEST_WINDOW = 25  # pixels of an average that costs little as a depthwise convolution
# By how much the scale behind an average over an image is lifted, so that ONNX's halves go down, as the library's do.
# More than float32's rounding of a mean, less than the distance of a mean of 960 pixels from a half.
LIFT = 2.0**-16
SHARES_OF_HIGH = np.linspace(1.0, 0.3, 29)

Array = np.ndarray


def quantize(
    model: onnx.ModelProto,
    inputs: Sequence[np.ndarray],
    options: QuantizeOptions | None = None,
    *,
    halves_down: bool = True,
    weights: str = "int8",
    max_drop: float | None = None,
) -> onnx.ModelProto:
    """Calibrate a float model on `inputs` and return it with QDQ nodes around every operator.

    halves_down: averages such that ONNX Runtime rounds them as CMSIS-NN does; otherwise they stay as they are, with one
    scale in front and behind. weights: int8, or int4 in as many layers as cost no more than max_drop (see int4.py);
    both are stored as int8, those of int4 are -8 .. 7.
    """
    options = options or QuantizeOptions(channel_scales=False)
    folded = fold(model)
    if halves_down:
        folded = small_pools_as_convolutions(folded)
    graph = Graph(folded)
    histograms = weighed(graph, calibration.collect(folded, tensors(graph), inputs))
    chosen = choose(graph, histograms, options)
    chosen |= in_front_of_activations(graph, histograms)
    for group in alike(graph, chosen):
        chosen |= dict.fromkeys(group, ranges.of_range(*_reach([chosen[name] for name in group])))
    _fit_products(graph, chosen)
    if halves_down:
        _lift(graph, chosen)
    if weights == "int4":
        return _with_int4(model, folded, chosen, inputs, int4.MAX_DROP if max_drop is None else max_drop)
    return ExactWriter(folded, chosen).write()


def _with_int4(
    model: onnx.ModelProto,
    folded: onnx.ModelProto,
    chosen: dict[str, Quantisation],
    inputs: Sequence[np.ndarray],
    max_drop: float,
) -> onnx.ModelProto:
    """The quantised model with int4 weights where they cost little. folded: what `model` was made into."""
    graph, exact = Graph(folded), ExactWriter(folded, chosen)
    sizes, others = may_be_int4(graph)
    few = {
        name: int4_rounding.rounded(graph.constants[name], exact.axis(name), seen, partial(exact.fitted, name))
        for name, seen in int4_rounding.inputs_of(folded, list(sizes), inputs).items()
    }

    def quantised(names: Collection[str]) -> onnx.ModelProto:
        return ExactWriter(folded, chosen, {name: few[name] for name in names}).write()

    def real(name: str) -> onnx.ModelProto:
        changed = Graph(folded)
        changed.constants[name] = few[name].real(exact.axis(name))
        add_to_bias(changed, exact.bias_of(name), few[name].lost)
        return changed.model()

    layers = [int4.Layer(name, size, few[name].snr) for name, size in sizes.items()]
    return int4.choose(int4.Networks(model, quantised, real), layers, others, inputs, max_drop)


def may_be_int4(graph: Graph) -> tuple[dict[str, int], int]:
    """Weights that a library may have in int4, and how many each has; and how many the others have together.

    Not those of depthwise convolutions, which are few, nor those of an odd number for each output.
    """
    layers, others, known = {}, 0, shapes(graph.model())
    for node in graph.nodes:
        if not has_weights(graph, node):
            continue
        values = graph.constants[node.input[1]]
        outputs = len(values) if node.op_type == "Conv" else values.shape[1]
        depthwise = node.op_type == "Conv" and attributes(node).get("group", 1) > 1
        size = values.size
        if node.op_type == "Conv" and known[node.input[0]][2] == 1:  # rows of the window that meet nothing but borders
            size //= values.shape[2]
        if depthwise or size // outputs % 2:
            others += size
        else:
            layers[str(node.input[1])] = size
    return layers, others


# --- averages --------------------------------------------------------------------------------------------------------


def small_pools_as_convolutions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Averages over a few pixels as depthwise convolutions, which requantise: a mean of four is often a half.

    CMSIS-NN rounds the halves of its average away from zero, ONNX to even: a fourth of all values would differ.
    """
    graph, known = Graph(model), shapes(model)
    for index, node in enumerate(graph.nodes):
        if node.op_type != "AveragePool":
            continue
        given = attributes(node)
        kernel = [int(k) for k in given["kernel_shape"]]
        if any(given.get("pads", [0])) or given.get("ceil_mode", 0) or prod(kernel) > LARGEST_WINDOW:
            continue
        channels, weights = known[str(node.input[0])][1], f"{node.output[0]}.mean"
        graph.constants[weights] = np.full((channels, 1, *kernel), 1 / prod(kernel), np.float32)
        graph.nodes[index] = helper.make_node(
            "Conv", [node.input[0], weights], list(node.output), node.name, group=channels, kernel_shape=kernel,
            strides=[int(s) for s in given.get("strides", [1, 1])],
        )  # fmt: skip
    return graph.model()


def _lift(graph: Graph, chosen: dict[str, Quantisation]) -> None:
    """The scale behind averages over an image, see LIFT. Their means lie below 0, so the library rounds halves down."""
    for node in graph.nodes:
        if node.op_type == "GlobalAveragePool":
            mean = chosen[node.output[0]]
            scale = np.float32(float(mean.scale) * (1 + LIFT))
            chosen[node.output[0]] = Quantisation(np.asarray(scale), mean.zero_point)


def alike(graph: Graph, chosen: dict[str, Quantisation]) -> list[set[str]]:
    """Tensors that share a scale: what a pool reads and writes, what a concatenation does."""
    groups: list[set[str]] = []
    for node in graph.nodes:
        if node.op_type in (*POOLS, "MaxPool", "Concat"):
            group = {_stored(graph, str(name), chosen) for name in (*node.input, *node.output)}
            for other in [g for g in groups if g & group]:
                groups.remove(other)
                group |= other
            groups.append(group)
    return groups


def _stored(graph: Graph, name: str, chosen: dict[str, Quantisation]) -> str:
    """The quantised tensor that `name` is, perhaps in another shape."""
    while name not in chosen:
        node = graph.producer(name)
        assert node is not None
        name = next(str(i) for i in node.input if i not in graph.constants)
    return name


def _reach(quantisations: Sequence[Quantisation]) -> tuple[float, float]:
    """Smallest and largest value that any of them has an integer for."""
    low = min(float(q.scale) * (ranges.LOW - q.zero_point) for q in quantisations)
    high = max(float(q.scale) * (ranges.HIGH - q.zero_point) for q in quantisations)
    return low, high


# --- activations -----------------------------------------------------------------------------------------------------


def in_front_of_activations(graph: Graph, histograms: dict[str, Histogram]) -> dict[str, Quantisation]:
    """Ranges of the tensors that only an activation reads, with the least error of what it writes."""
    found = {}
    for name, histogram in histograms.items():
        readers = sorted(str(user.op_type) for user in graph.users(name))
        if readers and set(readers) == {"HardSwish"}:
            found[name] = _for_activation(histogram, _hard_swish, (-3.5, -3.2, -3.0, -2.8, -2.5))
        elif readers == ["Mul", "Sigmoid"]:
            found[name] = _for_activation(histogram, _swish, (-10.0, -8.0, -6.0, -5.0, -4.0))
    return found


def _for_activation(histogram: Histogram, function: Callable[[Array], Array], lows: Sequence[float]) -> Quantisation:
    """lows: ends of the range to try, besides the smallest value that there was."""
    least, most = float(histogram.low.min()), float(histogram.high.max())
    counts, edges = np.histogram(histogram.centres, ranges.MERGED_BINS, (least, most + 1e-9), weights=histogram.counts)
    values, weights = ((edges[:-1] + edges[1:]) / 2)[counts > 0], counts[counts > 0]
    wanted = function(values)
    candidates = [
        ranges.of_range(low, most * share)
        for low in {max(low, least) for low in (least, *lows)}
        for share in SHARES_OF_HIGH
    ]
    errors = [float(weights @ np.square(function(c.round_trip(values)) - wanted)) for c in candidates]
    return candidates[int(np.argmin(errors))]


def _hard_swish(x: Array) -> Array:
    return x * np.clip(x + 3, 0, 6) / 6


def _swish(x: Array) -> Array:
    return x / (1 + np.exp(-x))


# --- which tensors ---------------------------------------------------------------------------------------------------


def tensors(graph: Graph) -> list[str]:
    """The tensors that are int8, in the order in which they are written."""
    wanted = set(quantised_tensors(graph))
    wanted.update(name for node in graph.nodes if (name := _sum_of(graph, node)) is not None)
    written = [*graph.inputs, *(name for node in graph.nodes for name in node.output)]
    return [name for name in written if name in wanted and not _is_moved(graph, name, wanted)]


def _sum_of(graph: Graph, node: onnx.NodeProto) -> str | None:
    """What the operator of a convolution, a product or a sum writes, its bias included; None for other nodes."""
    name = str(node.output[0])
    if node.op_type == "Add" and not _adds_bias(graph, node):
        return name
    if node.op_type not in ("Conv", "MatMul"):
        return None
    user = graph.only_user(name)
    if has_weights(graph, node) and user is not None and _adds_bias(graph, user):
        name = str(user.output[0])
        user = graph.only_user(name)
    while not has_weights(graph, node) and user is not None and user.op_type in MOVES:
        name = str(user.output[0])  # a product of activations is written in the order of its reader
        user = graph.only_user(name)
    return None if user is not None and user.op_type in CLAMPS else name


def _adds_bias(graph: Graph, node: onnx.NodeProto) -> bool:
    return node.op_type == "Add" and any(i in graph.constants for i in node.input)


def _is_moved(graph: Graph, name: str, wanted: set[str]) -> bool:
    """Whether a tensor is another of the wanted ones in another shape."""
    node = graph.producer(name)
    while node is not None and node.op_type in MOVES:
        source = next(str(i) for i in node.input if i not in graph.constants)
        if source in wanted:
            return True
        node = graph.producer(source)
    return False


# --- scales without halves -------------------------------------------------------------------------------------------


def _fit_products(graph: Graph, chosen: dict[str, Quantisation]) -> None:
    """Scales of what squeeze-and-excite's gates multiply, a little larger where that leaves no halves."""
    for node in graph.nodes:
        name = str(node.output[0])
        if node.op_type != "Mul" or name not in chosen or not all(i in chosen for i in node.input):
            continue
        factors = [chosen[i] for i in node.input]
        if any(q.per_channel for q in (*factors, chosen[name])):
            continue
        left, right = (float(q.scale) for q in factors)
        scale = exact_scales.of_product(float(chosen[name].scale), left, right)
        chosen[name] = Quantisation(np.asarray(np.float32(scale)), chosen[name].zero_point)


class ExactWriter(Writer):
    """Writes weights whose sums requantise by factors that leave no halves.

    in_int4: weights that become int4, by name.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        chosen: dict[str, Quantisation],
        in_int4: Mapping[str, int4_rounding.Rounded] | None = None,
    ) -> None:
        super().__init__(model, chosen)
        self._in_int4 = in_int4 or {}
        self._layers = {str(node.input[1]): node for node in self.graph.nodes if has_weights(self.graph, node)}
        self._requantised = {
            name: found for name, node in self._layers.items() if (found := self._requantisation(node)) is not None
        }
        for name, few in self._in_int4.items():
            add_to_bias(self.graph, self.bias_of(name), few.lost)

    def _requantisation(self, node: onnx.NodeProto) -> tuple[float, Array, float] | None:
        """Scale of the input, scales of the output, and the gain of a clamp in between; None for float32 results."""
        source = _stored(self.graph, str(node.input[0]), self.chosen)
        name, gain = str(node.output[0]), 1.0
        user = self.graph.only_user(name)
        if user is not None and _adds_bias(self.graph, user):
            name = str(user.output[0])
            user = self.graph.only_user(name)
        if name not in self.chosen and user is not None and user.op_type in CLAMPS:
            name = str(user.output[0])
            gain = float(attributes(user).get("alpha", 1.0)) if user.op_type == "HardSigmoid" else 1.0
        if name not in self.chosen or self.chosen[source].per_channel:
            return None
        return float(self.chosen[source].scale), self.chosen[name].scale, gain

    def axis(self, name: str) -> int:
        """Which axis of these weights the outputs are."""
        return 0 if self._layers[name].op_type == "Conv" else 1

    def fitted(self, name: str, scale: Array) -> Array:
        """Scales of these weights, no smaller than `scale`, that requantise by exact factors."""
        found = self._requantised.get(name)
        return scale if found is None else exact_scales.of_weights(scale, *found)

    def _weights(self, name: str, axis: int) -> list[onnx.NodeProto]:
        few = self._in_int4.get(name)
        if few is not None:
            return self._constant(name, few.values, few.scale, np.zeros(len(few.scale), np.int8), axis)
        weights = self.graph.constants[name]
        scale = self.fitted(name, quantise_weights(weights, axis, self._least_scale(name))[1])
        return self._constant(name, rounded(weights, scale, axis), scale, np.zeros(len(scale), np.int8), axis)


def add_to_bias(graph: Graph, bias: str | None, lost: Array) -> None:
    """What rounding the weights takes from the mean of every sum; a layer without a bias does without."""
    if bias is not None:
        values = graph.constants[bias]
        graph.constants[bias] = (values + lost.reshape(values.shape)).astype(np.float32)


def rounded(weights: Array, scale: Array, axis: int) -> Array:
    """int8 weights for scales that were chosen already, one for each index of `axis`."""
    spread = scale.reshape([-1 if i == axis else 1 for i in range(weights.ndim)])
    return np.clip(np.rint(weights / spread), -WEIGHT_MAX, WEIGHT_MAX).astype(np.int8)
