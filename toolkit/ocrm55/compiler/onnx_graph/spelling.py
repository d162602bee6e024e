"""Operators that exporters spell out, or spell in another shape, as the kernels know them. The function stays.

Layer norms before opset 17 are seven operators. A convolution along a line is one between an unsqueeze and a squeeze,
whose batch norm and activation then stand behind the squeeze. A mean over an image is a pool.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph.functions import is_elementwise
from ocrm55.compiler.onnx_graph.graph import Graph, attributes

_FIRST_LAYER_NORM = 17  # the opset that knows it


def rewrite(graph: Graph) -> None:
    """Edit a graph before its batch norms are folded."""
    _pool_means(graph)
    _unflatten_rows(graph)
    if all(each.version >= _FIRST_LAYER_NORM for each in graph.opsets if each.domain in ("", "ai.onnx")):
        _join_layer_norms(graph)
    _cancel_moves(graph)
    if any(node.op_type == "Squeeze" for node in graph.nodes):
        _sink_squeezes(graph)
        _cancel_moves(graph)


def _axes(graph: Graph, node: onnx.NodeProto, rank: int) -> list[int]:
    """The axes that a node names, as an attribute or a constant input, from the front and in order; none if unknown."""
    named = attributes(node).get("axes")
    if named is None and len(node.input) > 1 and node.input[1] in graph.constants:
        named = graph.constants[node.input[1]].reshape(-1).tolist()
    return sorted(int(axis) % rank for axis in named) if named is not None and rank else []


# --- means -----------------------------------------------------------------------------------------------------------


def _pool_means(graph: Graph) -> None:
    """The mean over the rows, the columns or both of an image is a pool."""
    for node in [n for n in graph.nodes if n.op_type == "ReduceMean"]:
        shape = graph.shape(node.input[0])
        if len(shape) != 4 or not all(shape) or not attributes(node).get("keepdims", 1):
            continue
        axes, name = _axes(graph, node, 4), node.name
        if axes == [2, 3]:
            pool = helper.make_node("GlobalAveragePool", node.input[:1], node.output, name)
        elif axes in ([2], [3]):
            kernel = [shape[axis] if axis in axes else 1 for axis in (2, 3)]
            pool = helper.make_node(
                "AveragePool", node.input[:1], node.output, name, kernel_shape=kernel, strides=kernel
            )
        else:
            continue
        graph.replace(node, [pool], {})


# --- softmax ---------------------------------------------------------------------------------------------------------


def _unflatten_rows(graph: Graph) -> None:
    """A softmax of rows that were flattened, and get their shape back behind it, is one of the rows as they are.

    opsets.py writes it so for older files, where the number of axes is not known yet.
    """
    for node in [n for n in graph.nodes if n.op_type == "Softmax"]:
        flat, back = graph.producer(node.input[0]), graph.only_user(node.output[0])
        if flat is None or back is None or flat.op_type != "Flatten" or back.op_type != "Reshape":
            continue
        shape = graph.shape(flat.input[0])
        rows = shape and attributes(flat).get("axis", 1) % len(shape) == len(shape) - 1
        is_last = attributes(node).get("axis", -1) in (-1, 1)
        if rows and is_last and all(shape) and graph.shape(back.output[0]) == shape:
            softmax = helper.make_node("Softmax", list(flat.input), list(back.output), node.name, axis=-1)
            graph.replace(back, [softmax], {})
            graph.rebuild([n for n in graph.nodes if n is not node], {})
    unread = [n for n in graph.nodes if n.op_type == "Flatten" and not graph.users(n.output[0])]
    unread = [n for n in unread if n.output[0] not in graph.outputs]
    if unread:
        graph.rebuild([n for n in graph.nodes if all(n is not other for other in unread)], {})


# --- layer norms -----------------------------------------------------------------------------------------------------


def _join_layer_norms(graph: Graph) -> None:
    """(x - mean) / sqrt(mean of squares + epsilon), with a factor and an offset for each column or none."""
    for mean in [n for n in graph.nodes if n.op_type == "ReduceMean"]:
        found = _layer_norm(graph, mean)
        if found is None:
            continue
        source, epsilon, between, last = found
        columns = graph.shape(source)[-1]
        values = {"Mul": np.ones(columns, np.float32), "Add": np.zeros(columns, np.float32)}
        for operator in values:
            user = graph.only_user(last.output[0])
            constant = None if user is None or user.op_type != operator else _of_columns(graph, user, columns)
            if user is not None and constant is not None:
                values[operator] = constant
                between, last = [*between, last], user
        names = [f"{last.output[0]}.{what}" for what in ("factor", "offset")]
        graph.constants |= dict(zip(names, values.values(), strict=True))
        norm = helper.make_node(
            "LayerNormalization", [source, *names], list(last.output), last.name, axis=-1, epsilon=epsilon
        )
        graph.replace(last, [norm], {})
        graph.rebuild([node for node in graph.nodes if all(node is not other for other in between)], {})


def _layer_norm(graph: Graph, mean: onnx.NodeProto) -> tuple[str, float, list[onnx.NodeProto], onnx.NodeProto] | None:
    """The source, the epsilon, the operators of a layer norm that begins with this mean, and its quotient."""
    source = str(mean.input[0])
    rank = len(graph.shape(source))
    centred = graph.only_user(mean.output[0])
    if centred is None or centred.op_type != "Sub" or list(centred.input) != [source, mean.output[0]]:
        return None
    users, name = graph.users(centred.output[0]), str(centred.output[0])
    square = next((user for user in users if _is_square(graph, user, name)), None)
    quotient = next((user for user in users if user.op_type == "Div" and user.input[0] == name), None)
    if square is None or quotient is None or len(users) != 2:
        return None
    chain = _chain(graph, square, ("ReduceMean", "Add", "Sqrt"))
    if not chain or graph.only_user(chain[-1].output[0]) is not quotient:
        return None
    variance, plus, _ = chain
    numbers = [graph.constants[each] for each in plus.input if each in graph.constants]
    over_columns = all(rank and _axes(graph, each, rank) == [rank - 1] for each in (mean, variance))
    if not over_columns or [each.size for each in numbers] != [1]:
        return None
    return source, float(numbers[0].item()), [mean, centred, square, *chain], quotient


def _chain(graph: Graph, node: onnx.NodeProto, operators: Sequence[str]) -> list[onnx.NodeProto]:
    """The operators behind a node, each the only reader of the one before; none if they are others."""
    found: list[onnx.NodeProto] = []
    for operator in operators:
        user = graph.only_user((found or [node])[-1].output[0])
        if user is None or user.op_type != operator:
            return []
        found.append(user)
    return found


def _is_square(graph: Graph, node: onnx.NodeProto, name: str) -> bool:
    if node.op_type == "Mul":
        return list(node.input) == [name, name]
    power = graph.constants.get(node.input[1]) if node.op_type == "Pow" else None
    return power is not None and power.size == 1 and float(power.item()) == 2 and node.input[0] == name


def _of_columns(graph: Graph, node: onnx.NodeProto, columns: int) -> np.ndarray | None:
    """The constant of a node with one number for each column, or one for all."""
    found = [graph.constants[name] for name in node.input if name in graph.constants]
    if len(found) != 1 or (found[0].size > 1 and found[0].shape[-1:] != (found[0].size,)):
        return None
    if found[0].size not in (1, columns):
        return None
    return np.ascontiguousarray(np.broadcast_to(found[0].reshape(-1), (columns,)), np.float32)


# --- moves -----------------------------------------------------------------------------------------------------------


def _sink_squeezes(graph: Graph) -> None:
    """Put squeezes of convolutions' results behind the batch norms and functions, so that these follow at once."""
    fused = {name for node in graph.nodes if node.op_type == "Conv" for name in node.output}
    for node in list(graph.nodes):
        squeezes = [graph.producer(name) for name in node.input if name not in graph.constants]
        if not squeezes or not all(each is not None and each.op_type == "Squeeze" for each in squeezes):
            continue
        sources = [str(each.input[0]) for each in squeezes if each is not None]
        axes = [_axes(graph, each, len(graph.shape(each.input[0]))) for each in squeezes if each is not None]
        if (
            not fused.issuperset(sources)
            or not axes[0]
            or any(each != axes[0] for each in axes)
            or node.output[0] in graph.outputs
        ):
            continue
        by_channel = node.op_type == "BatchNormalization" and axes[0][0] > 1
        if by_channel or (is_elementwise(graph, node) and len({graph.shape(name) for name in sources}) == 1):
            _swap(graph, node, [each for each in squeezes if each is not None], axes[0])
            fused.update(node.output)


def _swap(graph: Graph, node: onnx.NodeProto, squeezes: Sequence[onnx.NodeProto], axes: list[int]) -> None:
    """A node behind squeezes becomes a node before one."""
    behind = {str(each.output[0]): str(each.input[0]) for each in squeezes}
    result = str(node.output[0])
    before, names = f"{result}.before", f"{result}.axes"
    graph.constants[names] = np.array(axes, np.int64)
    graph.read(node, [behind.get(name, name) for name in node.input])
    graph.write(node, [before])
    squeeze = helper.make_node("Squeeze", [before, names], [result], f"{node.name or result}/squeeze")
    graph.insert_behind(node, squeeze, {before: next(iter(behind.values()))})


def _cancel_moves(graph: Graph) -> None:
    """A squeeze and the unsqueeze that undoes it, a transpose and the one that does; moves that nothing reads."""
    for node in list(graph.nodes):
        first = graph.producer(node.input[0]) if node.op_type in ("Unsqueeze", "Transpose") else None
        if first is not None and node.output[0] not in graph.outputs and _undoes(graph, node, first):
            graph.drop(node, str(first.input[0]))
    moves = ("Squeeze", "Unsqueeze", "Transpose")
    unread = [n for n in graph.nodes if n.op_type in moves and not graph.users(n.output[0])]
    unread = [n for n in unread if n.output[0] not in graph.outputs]
    if unread:
        graph.rebuild([n for n in graph.nodes if all(n is not other for other in unread)], {})


def _undoes(graph: Graph, node: onnx.NodeProto, first: onnx.NodeProto) -> bool:
    rank = len(graph.shape(first.input[0]))
    if node.op_type == "Unsqueeze":
        axes = _axes(graph, node, rank)
        return first.op_type == "Squeeze" and bool(axes) and axes == _axes(graph, first, rank)
    if first.op_type != "Transpose":
        return False
    there, back = (attributes(each).get("perm", list(range(rank))[::-1]) for each in (first, node))
    return len(there) == len(back) and [there[axis] for axis in back] == list(range(len(there)))
