"""QDQ for libraries that fuse nothing but a clamp: int8 also between a convolution and its activation.

CMSIS-NN, like the TFLite operators that it follows, ends every operator in int8: a sum is requantised and clamped, and
whatever else follows reads int8 again. So there are scales at more places than in quantize.py, all of them one for the
whole tensor, and an average leaves the scale of its input as it is. What ReLU and hard-sigmoid do is a clamp: nothing
is quantised in front of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from ocrm55.compiler import calibration, ranges
from ocrm55.compiler.folding import Graph, fold
from ocrm55.compiler.quantize import (
    MOVES,
    QuantizeOptions,
    choose,
    has_weights,
    insert,
    quantised_tensors,
)
from ocrm55.compiler.ranges import Quantisation

CLAMPS = ("Relu", "HardSigmoid")
POOLS = ("GlobalAveragePool", "AveragePool")


def quantize(
    model: onnx.ModelProto, inputs: Sequence[np.ndarray], options: QuantizeOptions | None = None
) -> onnx.ModelProto:
    """Calibrate a float model on `inputs` and return it with QDQ nodes around every operator."""
    options = options or QuantizeOptions(channel_scales=False)
    folded = fold(model)
    graph = Graph(folded)
    histograms = calibration.collect(folded, tensors(graph), inputs)
    chosen = choose(graph, histograms, options)
    for group in alike(graph, chosen):
        chosen |= dict.fromkeys(group, ranges.of_range(*_reach([chosen[name] for name in group])))
    return insert(folded, chosen)


def alike(graph: Graph, chosen: dict[str, Quantisation]) -> list[set[str]]:
    """Tensors that share a scale: what a pool reads and writes, what a concatenation does."""
    groups: list[set[str]] = []
    for node in graph.nodes:
        if node.op_type in (*POOLS, "Concat"):
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
