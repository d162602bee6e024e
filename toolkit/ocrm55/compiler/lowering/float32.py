"""Float32: find the operators that have schedules of their own; TVM legalises and fuses what is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tvm import relax

from ocrm55.compiler.lowering.flat import FlatFunction, Node, dtype_of, rows_of, shape_of, view_offset
from ocrm55.compiler.operators.float32 import (
    NO_ACTIVATION,
    Activation,
    Conv2d,
    DepthwiseConv2d,
    LayerNorm,
    Matmul,
    Softmax,
    View,
)


def lower(function: FlatFunction) -> None:
    """Replace convolutions, products, softmax, layer norms and views by operators of ours."""
    matchers = {
        "relax.nn.conv2d": _conv2d,
        "relax.matmul": _matmul,
        "relax.nn.softmax": _softmax,
        "relax.nn.layer_norm": _layer_norm,
    }
    for node in function.nodes:
        if function.is_taken(node) or dtype_of_node(node) != "float32":
            continue
        offset = view_offset(function, node)
        if offset is not None:
            function.replace(node, View(offset), [node.args[0]], [], function.layer(node))
        elif node.op in matchers:
            matchers[node.op](function, node)


def dtype_of_node(node: Node) -> str:
    """Type of a node's result, empty for tuples and shapes."""
    return dtype_of(node.var) if isinstance(node.var.ty, relax.TensorType) else ""


def _conv2d(function: FlatFunction, node: Node) -> None:
    attrs = node.value.attrs
    image, weight = node.args
    value = function.constant(weight)
    batch, channels, height, width = shape_of(image)
    if value is None or batch != 1 or attrs.data_layout != "NCHW" or any(int(d) != 1 for d in attrs.dilation):
        return
    groups, outputs = int(attrs.groups), value.shape[0]
    if groups != 1 and not (groups == channels == outputs):
        return
    bias, biased = _bias(function, node, outputs, axis=1)
    activation, last, absorbed = _activation(function, biased)
    if (height, width, *value.shape[2:]) == (1, 1, 1, 1) and groups == 1:
        # One pixel: the channels are the columns of a product, and its vectors are full.
        product = Matmul(1, 1, channels, outputs, constant=True, bias=True, activation=activation)
        columns = np.ascontiguousarray(value.reshape(outputs, channels).T)
        inputs = [image, relax.const(columns), relax.const(bias)]
        function.replace(last, product, inputs, [node, biased, *absorbed], function.layer(node))
        return
    kind = Conv2d if groups == 1 else DepthwiseConv2d
    padding = [int(p) for p in attrs.padding]
    spec = kind(
        channels=channels,
        height=height,
        width=width,
        outputs=outputs,
        kernel=(int(value.shape[2]), int(value.shape[3])),
        strides=(int(attrs.strides[0]), int(attrs.strides[1])),
        pads=(padding[0], padding[1], padding[2], padding[3]),
        activation=activation,
    )
    inputs = [image, relax.const(value), relax.const(bias)]
    function.replace(last, spec, inputs, [node, biased, *absorbed], function.layer(node))


def _matmul(function: FlatFunction, node: Node) -> None:
    left, right = node.args
    weight = function.constant(right)
    left_shape, right_shape = shape_of(left), shape_of(right)
    if len(left_shape) < 2 or len(right_shape) < 2 or function.constant(left) is not None:
        return
    depth, columns = right_shape[-2:]
    if weight is not None and weight.ndim == 2:
        batch, rows = 1, rows_of(left_shape)
    elif weight is None and left_shape[:-2] == right_shape[:-2]:
        batch, rows = rows_of(left_shape[:-1]), left_shape[-2]
    else:
        return
    constant = weight is not None
    bias, biased = _bias(function, node, columns, axis=-1) if constant else (None, node)
    activation, last, absorbed = _activation(function, biased)
    has_bias = bias is not None and biased is not node
    spec = Matmul(batch, rows, depth, columns, constant, has_bias, activation)
    inputs = [left, relax.const(weight) if constant else right, *([relax.const(bias)] if has_bias else [])]
    function.replace(last, spec, inputs, [node, biased, *absorbed], function.layer(node))


def _softmax(function: FlatFunction, node: Node) -> None:
    shape = node.shape
    if int(node.value.attrs.axis) in (-1, len(shape) - 1):
        spec = Softmax(rows_of(shape), shape[-1])
        function.replace(node, spec, node.args[:1], [], function.layer(node))


def _layer_norm(function: FlatFunction, node: Node) -> None:
    shape, attrs = node.shape, node.value.attrs
    axes = [int(a) % len(shape) for a in attrs.axes]
    if axes == [len(shape) - 1] and attrs.center and attrs.scale:
        spec = LayerNorm(rows_of(shape), shape[-1], float(attrs.epsilon))
        function.replace(node, spec, node.args[:3], [], function.layer(node))


def _bias(function: FlatFunction, node: Node, size: int, axis: int) -> tuple[np.ndarray, Node]:
    """The bias added to a node along `axis` and the node that adds it; zeros and the node itself without one."""
    user = function.only_user(node)
    if user is not None and user.op == "relax.add" and user.shape == node.shape:
        value = function.constant(function.other_argument(user, node))
        if value is not None:
            padded = value.reshape((1,) * (len(node.shape) - value.ndim) + value.shape)
            if value.size == size and padded.shape[axis] == size:
                return np.ascontiguousarray(value.reshape(-1), np.float32), user
    return np.zeros(size, np.float32), node


def _activation(function: FlatFunction, node: Node) -> tuple[Activation, Node, list[Node]]:
    """The activation that follows a node, the node that ends it, and the nodes in between."""
    for match in (_relu, _hard_swish, _swish, _hard_sigmoid, _sigmoid):
        found = match(function, node)
        if found is not None:
            return _affine(function, *found)
    return NO_ACTIVATION, node, []


def _affine(
    function: FlatFunction, activation: Activation, last: Node, between: list[Node]
) -> tuple[Activation, Node, list[Node]]:
    """The activation with the factor and the offset, one number each, that follow it."""
    for op in ("relax.multiply", "relax.add"):
        user = function.only_user(last)
        number = None if user is None or user.op != op else function.scalar(function.other_argument(user, last))
        if user is None or not number or user.shape != last.shape:
            continue
        gain, offset = (number, 0.0) if op == "relax.multiply" else (activation.gain, number)
        activation, between, last = replace(activation, gain=gain, offset=offset), [*between, last], user
    return activation, last, between


Match = tuple[Activation, Node, list[Node]] | None


def _relu(function: FlatFunction, node: Node) -> Match:
    user = function.only_user(node)
    return (Activation("relu"), user, []) if user is not None and user.op == "relax.nn.relu" else None


def _sigmoid(function: FlatFunction, node: Node) -> Match:
    user = function.only_user(node)
    return (Activation("sigmoid"), user, []) if user is not None and user.op == "relax.sigmoid" else None


def _hard_sigmoid(function: FlatFunction, node: Node) -> Match:
    """clip(alpha * x + beta, 0, 1)"""
    multiply = function.only_user(node)
    add = function.only_user(multiply) if multiply is not None and multiply.op == "relax.multiply" else None
    clip = function.only_user(add) if add is not None and add.op == "relax.add" else None
    if multiply is None or add is None or clip is None or clip.op != "relax.clip" or _bounds(clip) != (0.0, 1.0):
        return None
    alpha = function.scalar(function.other_argument(multiply, node))
    beta = function.scalar(function.other_argument(add, multiply))
    if alpha is None or beta is None:
        return None
    return Activation("hard_sigmoid", alpha, beta), clip, [multiply, add]


def _hard_swish(function: FlatFunction, node: Node) -> Match:
    """x * (clip(x + 3, 0, 6) / 6)"""
    add, product = _pair(function, node, "relax.add")
    if add is None or product is None or function.scalar(function.other_argument(add, node)) != 3.0:
        return None
    clip = function.only_user(add)
    divide = function.only_user(clip) if clip is not None and clip.op == "relax.clip" else None
    if clip is None or divide is None or divide.op != "relax.divide" or _bounds(clip) != (0.0, 6.0):
        return None
    if function.scalar(divide.args[1]) != 6.0 or function.only_user(divide) is not product:
        return None
    return Activation("hard_swish"), product, [add, clip, divide]


def _swish(function: FlatFunction, node: Node) -> Match:
    """x * sigmoid(x)"""
    sigmoid, product = _pair(function, node, "relax.sigmoid")
    if sigmoid is None or product is None or function.only_user(sigmoid) is not product:
        return None
    return Activation("swish"), product, [sigmoid]


def _pair(function: FlatFunction, node: Node, op: str) -> tuple[Node | None, Node | None]:
    """The two users of a node when one is `op` and the other multiplies."""
    users = function.users(node)
    first = next((user for user in users if user.op == op), None)
    product = next((user for user in users if user.op == "relax.multiply"), None)
    return (first, product) if len(users) == 2 else (None, None)


def _bounds(clip: Node) -> tuple[float, float]:
    low, high = clip.args[1:3]
    return float(low.value), float(high.value)
