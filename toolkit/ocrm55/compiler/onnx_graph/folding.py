"""Simplify the float ONNX graph before it is quantised: remove nodes that are constant or do nothing.

A quantiser would quantise between a convolution and its BatchNorm. After folding, the pair is one convolution with a
bias, exactly as the integer kernel computes it.
"""

from __future__ import annotations

import numpy as np
import onnx

from ocrm55.compiler.onnx_graph import equivalents, spelling
from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.compiler.operators.groups import dense, is_computed

_LAYERS = ("Conv", "MatMul")


@np.errstate(all="ignore")  # what leaves float32 is not folded
def fold(graph: Graph) -> None:
    """Fold BatchNorm, biases and factors into convolutions; remove nodes that copy; join and replace operators.

    The function stays the same.
    """
    for node in list(graph.nodes):
        if node.op_type == "Identity" and node.input[0] not in graph.constants:
            graph.drop(node, node.input[0])
        elif node.op_type in ("Add", "Mul"):
            _drop_neutral(graph, node)
    spelling.rewrite(graph)
    for conv in [n for n in graph.nodes if _is_of_images(graph, n)]:
        while _fold_batch_norm(graph, conv) or _fold_added_bias(graph, conv) or _fold_factor(graph, conv):
            pass
    for node in [n for n in graph.nodes[::-1] if n.op_type in ("Add", "Mul")]:
        _fold_forward(graph, node)
    equivalents.rewrite(graph)


def ungroup(graph: Graph) -> None:
    """Make plain convolutions of those in groups that no integer kernel knows."""
    for conv in [n for n in graph.nodes if n.op_type == "Conv" and n.input[1] in graph.constants]:
        groups, weight = attributes(conv).get("group", 1), graph.constants[conv.input[1]]
        if is_computed(groups, groups * weight.shape[1], len(weight)):
            continue
        name = f"{conv.output[0]}.dense"
        graph.constants[name] = dense(weight, groups)
        graph.read(conv, (conv.input[0], name, *conv.input[2:]))
        graph.set_attribute(conv, "group", 1)


def unshare(graph: Graph) -> None:
    """Give each layer weights and a bias of its own: what quantises a layer renames and rounds them."""
    seen: set[str] = set()
    layers = {name for node in graph.nodes if node.op_type in _LAYERS for name in node.output}
    for node in graph.nodes:
        if node.op_type not in _LAYERS and (node.op_type != "Add" or not layers.intersection(node.input)):
            continue
        names = []
        for name in node.input:
            if name in graph.constants and name in seen:
                own = f"{name}.of.{node.output[0]}"
                graph.constants[own] = graph.constants[name]
                name = own  # noqa: PLW2901
            seen.add(name)
            names.append(name)
        graph.read(node, names)


def _drop_neutral(graph: Graph, node: onnx.NodeProto) -> None:
    """`x + 0` and `x * 1`, as paddle2onnx writes for a scale without an offset."""
    neutral = 0.0 if node.op_type == "Add" else 1.0
    for constant, other in (tuple(node.input), tuple(node.input)[::-1]):
        value = graph.constants.get(constant)
        if value is None or other in graph.constants or value.size != 1 or float(value.item()) != neutral:
            continue
        if value.ndim <= max(len(graph.shape(other)), 1) and graph.may_drop(node, other):  # more axes are no copy
            graph.drop(node, other)
            return


def _is_of_images(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether a node is a convolution of two axes with constant weights."""
    return node.op_type == "Conv" and graph.has_parameters(node) and graph.constants[node.input[1]].ndim == 4


def _fold_batch_norm(graph: Graph, conv: onnx.NodeProto) -> bool:
    norm = graph.only_user(conv.output[0])
    if norm is None or norm.op_type != "BatchNormalization" or not graph.has_parameters(norm):
        return False
    gamma, beta, mean, variance = (graph.constants[name].astype(np.float64) for name in norm.input[1:5])
    factor = gamma / np.sqrt(variance + attributes(norm).get("epsilon", 1e-5))
    weight, bias = _weight_and_bias(graph, conv)
    if not _set_weight(graph, conv, weight * factor.reshape(-1, 1, 1, 1), (bias - mean) * factor + beta):
        return False
    graph.drop(norm, conv.output[0])
    return True


def _fold_added_bias(graph: Graph, conv: onnx.NodeProto) -> bool:
    add = graph.only_user(conv.output[0])
    addend = None if add is None or add.op_type != "Add" else by_channel(graph, add)
    weight, bias = _weight_and_bias(graph, conv)
    if add is None or addend is None or addend.size not in (1, len(weight)):
        return False
    if not _set_weight(graph, conv, weight, bias + addend):
        return False
    graph.drop(add, conv.output[0])
    return True


def _fold_factor(graph: Graph, conv: onnx.NodeProto) -> bool:
    multiply = graph.only_user(conv.output[0])
    factor = None if multiply is None or multiply.op_type != "Mul" else by_channel(graph, multiply)
    weight, bias = _weight_and_bias(graph, conv)
    if multiply is None or factor is None or factor.size not in (1, len(weight)):
        return False
    if not _set_weight(graph, conv, weight * factor.reshape(-1, 1, 1, 1), bias * factor):
        return False
    graph.drop(multiply, conv.output[0])
    return True


def _fold_forward(graph: Graph, node: onnx.NodeProto) -> None:
    """Move a factor or an addend in front of convolutions into their weights or biases.

    An addend in front of a border stays, because it is not added to the zeros there.
    """
    value, users = by_channel(graph, node), graph.users(node.output[0])
    other = next((str(name) for name in node.input if name not in graph.constants), "")
    convs = [u for u in users if u.input[0] == node.output[0] and _is_of_images(graph, u)]
    if value is None or not other or not users or len(convs) != len(users) or node.output[0] in graph.outputs:
        return
    if node.op_type == "Add" and any(any(attributes(conv).get("pads", ())) or _pads_itself(conv) for conv in convs):
        return
    if graph.shape(other) != graph.shape(node.output[0]):  # one channel is spread to those of the constant
        return
    folded = []
    for conv in convs:
        weight, bias = _weight_and_bias(graph, conv)
        groups = attributes(conv).get("group", 1)
        channels = np.broadcast_to(value, (groups * weight.shape[1],)).reshape(groups, -1)  # of each group
        channels = channels.repeat(len(weight) // groups, axis=0)[:, :, None, None]
        if node.op_type == "Mul":
            weight = weight * channels
        else:
            bias = bias + (weight * channels).sum(axis=(1, 2, 3))
        folded.append((weight, bias))
    if all(_fit_float32(*parameters) for parameters in folded):
        for conv, parameters in zip(convs, folded, strict=True):
            _set_weight(graph, conv, *parameters)
        graph.drop(node, other)


def _pads_itself(conv: onnx.NodeProto) -> bool:
    return attributes(conv).get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")


def by_channel(graph: Graph, node: onnx.NodeProto) -> np.ndarray | None:
    """The constant of an Add or Mul, float64, with one number for all or for each channel of an image; else None."""
    constants = [graph.constants[name] for name in node.input if name in graph.constants]
    if len(constants) != 1 or len(node.input) != 2:
        return None
    (value,) = constants
    if value.size == 1 and value.ndim <= 4:
        return value.reshape(1).astype(np.float64)
    if value.ndim in (3, 4) and value.shape[-3] == value.size:
        return value.reshape(-1).astype(np.float64)
    return None


def _weight_and_bias(graph: Graph, conv: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
    """float64 [outputs, inputs of a group, height, width] and [outputs]."""
    weight = graph.constants[conv.input[1]].astype(np.float64)
    bias = graph.constants[conv.input[2]].astype(np.float64) if len(conv.input) > 2 else np.zeros(len(weight))
    return weight, bias


def _fit_float32(weight: np.ndarray, bias: np.ndarray) -> bool:
    """Whether both are finite in float32."""
    return all(bool(np.isfinite(each.astype(np.float32)).all()) for each in (weight, bias))


def _set_weight(graph: Graph, conv: onnx.NodeProto, weight: np.ndarray, bias: np.ndarray) -> bool:
    """Give a convolution these; False, and nothing is changed, where they leave float32."""
    if not _fit_float32(weight, bias):
        return False
    old = str(conv.input[1])
    name = old if graph.users(old) == [conv] else f"{old}.of.{conv.output[0]}"  # another convolution may share it
    names = name, name + ".bias"
    for name, value in zip(names, (weight, bias), strict=True):
        graph.constants[name] = value.astype(np.float32)
    graph.read(conv, (conv.input[0], *names))
    return True
