"""Say operators of a float graph by others that are cheaper, or that the integer kernels know. The function stays.

Exporters write hard-swish in several operators, and detectors' necks and heads have some that no kernel computes.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph.graph import Graph, attributes

SIXTH = 1 / 6
_CLOSE = 1e-4  # how far an exporter's 0.1666667 may be from a sixth
_FIRST_HARD_SWISH = 14  # the opset that knows it


def rewrite(graph: Graph) -> None:
    """Edit a graph whose batch norms and biases are folded."""
    if all(each.version >= _FIRST_HARD_SWISH for each in graph.opsets if each.domain in ("", "ai.onnx")):
        _join_hard_swish(graph)
    _gate_residuals(graph)
    _average_first(graph)
    _spread_blocks(graph)


# --- hard-swish ------------------------------------------------------------------------------------------------------


def _join_hard_swish(graph: Graph) -> None:
    """x * clip(x + 3, 0, 6) / 6, or x * hard-sigmoid(x), is one node."""
    for node in list(graph.nodes):
        if node.op_type == "HardSigmoid":
            _join_hard_sigmoid(graph, node)
        elif node.op_type == "Clip":
            _join_clip(graph, node)


def _join_hard_sigmoid(graph: Graph, node: onnx.NodeProto) -> None:
    given, product = attributes(node), graph.only_user(node.output[0])
    is_swish = abs(given.get("alpha", 0.2) - SIXTH) < _CLOSE and abs(given.get("beta", 0.5) - 0.5) < _CLOSE
    if is_swish and product is not None and product.op_type == "Mul" and node.input[0] in product.input:
        _become_hard_swish(graph, str(node.input[0]), [node], product)


def _join_clip(graph: Graph, clip: onnx.NodeProto) -> None:
    """The division may stand before the product or behind it."""
    add = graph.producer(str(clip.input[0]))
    bounds = [_number(graph, str(name)) for name in clip.input[1:3]]
    if add is None or add.op_type != "Add" or bounds != [0.0, 6.0] or graph.only_user(add.output[0]) is not clip:
        return
    source = next((str(name) for name in add.input if name not in graph.constants), "")
    if _constant(graph, add) != 3.0 or not source:
        return
    first = graph.only_user(clip.output[0])
    second = None if first is None else graph.only_user(first.output[0])
    if first is None or second is None:
        return
    product, factor = (first, second) if source in first.input else (second, first)
    if product.op_type == "Mul" and source in product.input and abs(_factor(graph, factor) - SIXTH) < _CLOSE:
        _become_hard_swish(graph, source, [add, clip, first], second)


def _become_hard_swish(graph: Graph, source: str, others: list[onnx.NodeProto], last: onnx.NodeProto) -> None:
    name = last.name or str(last.output[0])
    graph.replace(last, [helper.make_node("HardSwish", [source], list(last.output), name)], {})
    graph.rebuild([node for node in graph.nodes if all(node is not other for other in others)], {})


def _factor(graph: Graph, node: onnx.NodeProto) -> float:
    """The number that a node multiplies with; 0 for another node."""
    value = _constant(graph, node)
    if value is None or node.op_type not in ("Mul", "Div") or (node.op_type == "Div" and not value):
        return 0.0
    return value if node.op_type == "Mul" else 1 / value


def _constant(graph: Graph, node: onnx.NodeProto) -> float | None:
    """The one number that a node of two inputs takes besides its image; a divisor stands second."""
    names = [str(name) for name in node.input]
    places = (1,) if node.op_type == "Div" else (0, 1)
    found = [_number(graph, names[place]) for place in places if place < len(names)]
    return next((value for value in found if value is not None), None)


def _number(graph: Graph, name: str) -> float | None:
    value = graph.constants.get(name)
    return float(value.reshape(-1)[0]) if value is not None and value.size == 1 else None


# --- gates -----------------------------------------------------------------------------------------------------------


def _gate_residuals(graph: Graph) -> None:
    """x + x * gate is x * (gate + 1): one product by channel, and no sum of images."""
    for add in [node for node in graph.nodes if node.op_type == "Add"]:
        for source, name in (tuple(add.input), tuple(add.input)[::-1]):
            product = graph.producer(str(name))
            if product is None or product.op_type != "Mul" or source not in product.input:
                continue
            gate = next((str(each) for each in product.input if each != source), "")
            writer = graph.producer(gate)
            if writer is None or writer.op_type != "HardSigmoid" or graph.only_user(product.output[0]) is not add:
                continue
            one, raised = f"{gate}.one", f"{gate}.raised"
            graph.constants[one] = np.asarray(np.float32(1))
            plus = helper.make_node("Add", [gate, one], [raised], f"{writer.name or gate}/plus_one")
            graph.read(product, (source, raised))
            graph.insert_behind(writer, plus, {raised: gate})
            graph.drop(add, str(product.output[0]))
            break


def _average_first(graph: Graph) -> None:
    """The mean of a 1x1 convolution is the same convolution of the mean: a gate is then known before its image is.

    The convolution's own image stays for whoever else reads it. It pays where the mean is over no more channels.
    """
    for pool in [node for node in graph.nodes if node.op_type == "GlobalAveragePool"]:
        conv = graph.producer(str(pool.input[0]))
        if conv is None or not _is_linear_pointwise(graph, conv):
            continue
        outputs, inputs = graph.constants[conv.input[1]].shape[:2]
        if inputs > outputs:
            continue
        mean, layer = str(pool.output[0]), conv.name or str(conv.output[0])
        first = helper.make_node("GlobalAveragePool", [conv.input[0]], [f"{mean}.before"], f"{pool.name or mean}.first")
        weights = []
        for name in conv.input[1:]:  # copies: the two layers get scales of their own
            graph.constants[f"{name}.of_mean"] = graph.constants[name]
            weights.append(f"{name}.of_mean")
        then = helper.make_node("Conv", [f"{mean}.before", *weights], [mean], f"{layer}.of_mean")
        then.attribute.extend(conv.attribute)
        graph.replace(pool, [first, then], {})
        if not graph.users(conv.output[0]) and conv.output[0] not in graph.outputs:
            graph.rebuild([node for node in graph.nodes if node is not conv], {})
        graph.forget_shapes()


def _is_linear_pointwise(graph: Graph, node: onnx.NodeProto) -> bool:
    if node.op_type != "Conv" or not graph.has_parameters(node):
        return False
    given, shape = attributes(node), graph.constants[node.input[1]].shape
    plain = not any(given.get("pads", ())) and all(step == 1 for step in given.get("strides", ()))
    return plain and shape[2:] == (1, 1) and given.get("group", 1) == 1


# --- transposed convolutions -----------------------------------------------------------------------------------------


def _spread_blocks(graph: Graph) -> None:
    """A transposed convolution whose windows do not overlap: a 1x1 convolution to all pixels of the block that an
    input makes, and a move. Biases, batch norms and an activation go before the move.
    """
    for node in [n for n in graph.nodes if n.op_type == "ConvTranspose"]:
        if _makes_blocks(graph, node):
            _spread(graph, node)


def _makes_blocks(graph: Graph, node: onnx.NodeProto) -> bool:
    given = attributes(node)
    shape = graph.constants[node.input[1]].shape if node.input[1] in graph.constants else ()
    if len(shape) != 4 or shape[2] != shape[3] or shape[2] < 2 or given.get("group", 1) != 1:
        return False
    if given.get("auto_pad", b"NOTSET") != b"NOTSET" or given.get("output_shape"):
        return False
    exact = list(given.get("strides", ())) == list(shape[2:]) and all(d == 1 for d in given.get("dilations", ()))
    borders = (*given.get("pads", ()), *given.get("output_padding", ()))
    return exact and not any(borders) and graph.has_parameters(node)


def _spread(graph: Graph, node: onnx.NodeProto) -> None:
    weight, bias = _with_what_follows(graph, node)
    block = weight.shape[2]
    layer, name = node.name or str(node.output[0]), str(node.output[0])  # names of layers may be the same
    last, activation = node, graph.only_user(node.output[0])
    graph.constants |= {
        f"{name}.blocks.weight": weight.transpose(2, 3, 1, 0).reshape(-1, weight.shape[0], 1, 1).astype(np.float32),
        f"{name}.blocks.bias": np.tile(bias, block * block).astype(np.float32),
    }
    one = [1, 1]
    parts = [f"{name}.blocks.{part}" for part in ("weight", "bias")]
    made = f"{name}.blocks"
    nodes = [
        helper.make_node(
            "Conv", [node.input[0], *parts], [made], layer,
            kernel_shape=one, strides=one, pads=[0] * 4, dilations=one, group=1,
        )
    ]  # fmt: skip
    if activation is not None and activation.op_type in ("Relu", "Sigmoid", "HardSwish"):
        nodes.append(helper.make_node(activation.op_type, [made], [f"{made}.active"], activation.name))
        made, last = f"{made}.active", activation
    target = str(last.output[0])
    nodes.append(helper.make_node("DepthToSpace", [made], [target], f"{layer}/spread", blocksize=block, mode="DCR"))
    if last is not node:
        graph.rebuild([each for each in graph.nodes if each is not last], {})
    graph.replace(node, nodes, {})
    graph.forget_shapes()


def _with_what_follows(graph: Graph, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
    """Weights [inputs, outputs, height, width] and bias [outputs], float64, with biases and batch norms behind them."""
    weight = graph.constants[node.input[1]].astype(np.float64)
    bias = graph.constants[node.input[2]].astype(np.float64) if len(node.input) > 2 else np.zeros(weight.shape[1])
    while (user := graph.only_user(node.output[0])) is not None:
        if user.op_type == "Add" and (addend := _by_channel(graph, user, len(bias))) is not None:
            bias = bias + addend
        elif user.op_type == "BatchNormalization" and graph.has_parameters(user):
            gamma, beta, mean, variance = (graph.constants[each].astype(np.float64) for each in user.input[1:5])
            factor = gamma / np.sqrt(variance + attributes(user).get("epsilon", 1e-5))
            weight, bias = weight * factor[None, :, None, None], (bias - mean) * factor + beta
        else:
            break
        graph.drop(user, str(node.output[0]))
    return weight, bias


def _by_channel(graph: Graph, add: onnx.NodeProto, channels: int) -> np.ndarray | None:
    values = [graph.constants[name].astype(np.float64) for name in add.input if name in graph.constants]
    if len(values) != 1 or values[0].ndim > 4:
        return None
    if values[0].size != 1 and values[0].shape[-3:] != (channels, 1, 1):
        return None
    return np.broadcast_to(values[0].reshape(-1), (channels,))
