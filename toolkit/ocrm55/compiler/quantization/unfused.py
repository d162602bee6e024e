"""QDQ for libraries that fuse nothing but a clamp: int8 also between a convolution and its activation.

CMSIS-NN, like the TFLite operators that it follows, ends every operator in int8: a sum is requantised and clamped, and
the next operator reads int8 again. So there are scales at more places than in fused.py, each for a whole tensor. An
average keeps the scale of its input. ReLU and hard-sigmoid are clamps, so nothing is quantised in front of them. In
front of hard-swish and swish, a range is chosen for the result behind them: hard-swish makes 0 of everything below -3.

Scales of weights, and of products, are chosen so that requantisations have no halves (exact_scales.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph import functions
from ocrm55.compiler.onnx_graph.folding import fold, ungroup, unshare
from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.quantization import calibration, exact_scales, int4, int4_rounding, kinds, ranges
from ocrm55.compiler.quantization.calibration import Histogram
from ocrm55.compiler.quantization.fused import QuantizeOptions, choose, quantised_tensors
from ocrm55.compiler.quantization.kinds import Curve, Family, kind_of
from ocrm55.compiler.quantization.qdq import ExactWriter, add_to_bias, stored
from ocrm55.compiler.quantization.sensitivity import weighed
from ocrm55.tasks.base import Merit

LARGEST_WINDOW = 25  # an average over so many pixels costs little as a depthwise convolution
# The scale behind an average over an image is raised by this share, so that ONNX rounds halves down, as the library
# does. It is more than float32's rounding of a mean, and less than the distance of a mean of 960 pixels from a half.
LIFT = 2.0**-16
SHARES_OF_HIGH = np.linspace(1.0, 0.3, 29)

Array = np.ndarray


def quantize(
    graph: Graph,
    inputs: Sequence[np.ndarray],
    options: QuantizeOptions | None = None,
    *,
    halves_down: bool = True,
    weights: str = "int8",
    max_drop: float | None = None,
    merit: Merit | None = None,
) -> None:
    """Calibrate a float network on `inputs` and edit it to one with QDQ nodes around every operator.

    halves_down: change averages so that ONNX Runtime rounds them as CMSIS-NN does; otherwise they stay, with one scale
    in front and behind. weights: int8, or int4 in as many layers as max_drop by merit allows (see int4.py). Both are
    stored as int8; those of int4 are -8 .. 7. No inputs: a network of the same sizes that computes nothing of use.
    """
    options = replace(options or QuantizeOptions(), channel_scales=False)
    original = graph.model() if weights == "int4" and inputs else None
    fold(graph)
    kinds.check(graph)
    ungroup(graph)
    unshare(graph)
    functions.find(graph)
    if halves_down:
        small_pools_as_convolutions(graph)
    histograms = weighed(graph, calibration.collect(graph, tensors(graph), inputs))
    chosen = choose(graph, histograms, options)
    chosen |= in_front_of_activations(graph, histograms)
    groups = groups_with_one_scale(graph, chosen)
    for group in groups:
        chosen |= dict.fromkeys(group, ranges.of_range(*ranges.reach([chosen[name] for name in group])))
    _fit_products(graph, chosen, set().union(*groups))
    if halves_down:
        _lift(graph, chosen)
    if original is None:
        ExactWriter(graph, chosen).write()
    else:
        assert merit is not None, "int4 weights are chosen by merit"
        _write_with_int4(graph, original, chosen, inputs, merit, int4.MAX_DROP if max_drop is None else max_drop)


def _write_with_int4(
    graph: Graph,
    original: onnx.ModelProto,
    chosen: dict[str, Quantization],
    inputs: Sequence[np.ndarray],
    merit: Merit,
    max_drop: float,
) -> None:
    """Quantise the graph with int4 weights where they cost little. original: the model before any change."""
    exact = ExactWriter(graph, chosen)
    sizes, others = may_be_int4(graph)
    few = {
        name: int4_rounding.rounded(graph.constants[name], exact.axis(name), seen, partial(exact.fitted, name))
        for name, seen in int4_rounding.inputs_of(graph, list(sizes), inputs).items()
    }

    def quantised(names: Collection[str]) -> onnx.ModelProto:
        tried = graph.copy()
        ExactWriter(tried, chosen, {name: few[name] for name in names}).write()
        return tried.model()

    def real(name: str) -> onnx.ModelProto:
        tried = graph.copy()
        tried.constants[name] = few[name].real(exact.axis(name))
        add_to_bias(tried, exact.bias_of(name), few[name].lost)
        return tried.model()

    layers = [int4.Layer(name, size, few[name].snr) for name, size in sizes.items()]
    found = int4.choose(int4.Networks(original, quantised, real), layers, others, inputs, merit, max_drop)
    ExactWriter(graph, chosen, {layer.name: few[layer.name] for layer in found.layers if layer.taken}).write()
    graph.properties |= found.properties


def may_be_int4(graph: Graph) -> tuple[dict[str, int], int]:
    """Weights that a library may have in int4, with the number of each; and the number of all others together.

    Weights of depthwise convolutions are left out, because they are few, and so are those with an odd number for each
    output.
    """
    layers, others = {}, 0
    for node in graph.nodes:
        if not kinds.has_weights(graph, node):
            continue
        values = graph.constants[node.input[1]]
        outputs, size = values.shape[kinds.outputs_axis(node)], values.size
        is_convolution = kind_of(graph, node).family is Family.CONVOLUTION
        if is_convolution and graph.shape(node.input[0])[2] == 1:  # rows of the window that meet nothing but borders
            size //= values.shape[2]
        if kinds.is_depthwise(node) or size // outputs % 2:
            others += size
        else:
            layers[str(node.input[1])] = size
    return layers, others


# --- averages --------------------------------------------------------------------------------------------------------


def small_pools_as_convolutions(graph: Graph) -> None:
    """Turn averages over a few pixels into depthwise convolutions, which requantise, because a mean of four is often a
    half.

    CMSIS-NN rounds the halves of its average away from zero, and ONNX to even. A fourth of all values would differ.
    """
    for node in list(graph.nodes):
        if node.op_type != "AveragePool":
            continue
        given = attributes(node)
        kernel = [int(k) for k in given["kernel_shape"]]
        if any(given.get("pads", [0])) or given.get("ceil_mode", 0) or prod(kernel) > LARGEST_WINDOW:
            continue
        channels, weights = graph.shape(node.input[0])[1], f"{node.output[0]}.mean"
        graph.constants[weights] = np.full((channels, 1, *kernel), 1 / prod(kernel), np.float32)
        convolution = helper.make_node(
            "Conv", [node.input[0], weights], list(node.output), node.name, group=channels, kernel_shape=kernel,
            strides=[int(s) for s in given.get("strides", [1, 1])],
        )  # fmt: skip
        graph.replace(node, [convolution], {})


def _lift(graph: Graph, chosen: dict[str, Quantization]) -> None:
    """The scale behind averages over an image, see LIFT. Their means lie below 0, so the library rounds halves down."""
    for node in graph.nodes:
        if node.op_type == "GlobalAveragePool":
            mean = chosen[node.output[0]]
            scale = np.float32(float(mean.scale) * (1 + LIFT))
            chosen[node.output[0]] = Quantization(np.asarray(scale), mean.zero_point)


def groups_with_one_scale(graph: Graph, chosen: dict[str, Quantization]) -> list[set[str]]:
    """Tensors that share a scale: all inputs and outputs of a pool, or of a concatenation."""
    groups: list[set[str]] = []
    for node in graph.nodes:
        if kind_of(graph, node).one_scale:
            group = {stored(graph, str(name), chosen) for name in (*node.input, *node.output)}
            for other in [g for g in groups if g & group]:
                groups.remove(other)
                group |= other
            groups.append(group)
    return groups


# --- activations -----------------------------------------------------------------------------------------------------


def in_front_of_activations(graph: Graph, histograms: dict[str, Histogram]) -> dict[str, Quantization]:
    """Ranges of the tensors that only an activation reads, with the least error of its result."""
    curves = {name: kinds.curve_before(graph, name) for name in histograms}
    return {name: _for_activation(histograms[name], curve) for name, curve in curves.items() if curve is not None}


def _for_activation(histogram: Histogram, curve: Curve) -> Quantization:
    """The smallest value seen is tried as the lower end too."""
    least, most = float(histogram.low.min()), float(histogram.high.max())
    counts, edges = np.histogram(histogram.centres, ranges.MERGED_BINS, (least, most + 1e-9), weights=histogram.counts)
    values, weights = ((edges[:-1] + edges[1:]) / 2)[counts > 0], counts[counts > 0]
    wanted = curve.function(values)
    candidates = [
        ranges.of_range(low, most * share)
        for low in {max(low, least) for low in (least, *curve.lows)}
        for share in SHARES_OF_HIGH
    ]
    errors = [float(weights @ np.square(curve.function(c.round_trip(values)) - wanted)) for c in candidates]
    return candidates[int(np.argmin(errors))]


# --- which tensors ---------------------------------------------------------------------------------------------------


def tensors(graph: Graph) -> list[str]:
    """The tensors that are int8, in the order in which they are written."""
    wanted = set(quantised_tensors(graph))
    wanted.update(name for node in graph.nodes if (name := _sum_of(graph, node)) is not None)
    wanted.update(each.source for each in graph.functions.values())
    written = [*graph.inputs, *(name for node in graph.nodes for name in node.output)]
    return [name for name in written if name in wanted and not kinds.follows_one_of(graph, name, wanted)]


def _sum_of(graph: Graph, node: onnx.NodeProto) -> str | None:
    """The output of a convolution, a product or a sum, after its bias; None for other nodes."""
    kind, name = kind_of(graph, node), str(node.output[0])
    if not kind.sums:
        return None
    if kind.family is Family.ELEMENTWISE:
        return name
    user = graph.only_user(name)
    if user is not None and kinds.has_weights(graph, node) and kinds.bias_behind(graph, node) is not None:
        name = str(user.output[0])
        user = graph.only_user(name)
    while kind.weights_axis is None and user is not None and kind_of(graph, user).follows:
        name = str(user.output[0])  # a product of activations is written in the order of its reader
        user = graph.only_user(name)
    return None if user is not None and kind_of(graph, user).clamps else name


# --- scales without halves -------------------------------------------------------------------------------------------


def _fit_products(graph: Graph, chosen: dict[str, Quantization], shared: set[str]) -> None:
    """Scales of the tensors that squeeze-and-excite's gates multiply, a little larger if that leaves no halves.

    shared: tensors that have one scale with others, which stays.
    """
    for node in graph.nodes:
        name = str(node.output[0])
        if node.op_type != "Mul" or name not in chosen or name in shared or not all(i in chosen for i in node.input):
            continue
        factors = [chosen[i] for i in node.input]
        if any(q.per_channel for q in (*factors, chosen[name])):
            continue
        left, right = (float(q.scale) for q in factors)
        scale = exact_scales.of_product(float(chosen[name].scale), left, right)
        chosen[name] = Quantization(np.asarray(np.float32(scale)), chosen[name].zero_point)
