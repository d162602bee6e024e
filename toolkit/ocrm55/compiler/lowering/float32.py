"""Float32: find the operators that have schedules of their own. TVM legalises and fuses the others."""

from __future__ import annotations

import numpy as np
from tvm import relax

from ocrm55.compiler.lowering.activations import activation_after
from ocrm55.compiler.lowering.flat import FlatFunction, Node, dtype_of, rows_of, shape_of, view_offset
from ocrm55.compiler.operators.float32 import (
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
        if offset is not None and not (node.op == "relax.strided_slice" and _is_result(function, node)):
            function.replace(node, View(offset), [node.args[0]], [], function.layer(node))
        elif node.op in matchers:
            matchers[node.op](function, node)


def _is_result(function: FlatFunction, node: Node) -> bool:
    """Whether the function's result is this node under any shape; the output has bytes of its own, and all of them."""
    return any(user.value.same_as(function.result) or _views(function, user) for user in function.users(node))


def _views(function: FlatFunction, user: Node) -> bool:
    is_view = isinstance(user.value, relax.Var) or view_offset(function, user) is not None
    return is_view and _is_result(function, user)


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
    activation, last, absorbed = activation_after(function, biased)
    padding = [int(p) for p in attrs.padding]
    if (height, width, *value.shape[2:]) == (1, 1, 1, 1) and groups == 1 and not any(padding):
        # One pixel: the channels are the columns of a product, so its vectors are full.
        product = Matmul(1, 1, channels, outputs, constant=True, bias=True, activation=activation)
        columns = np.ascontiguousarray(value.reshape(outputs, channels).T)
        inputs = [image, relax.const(columns), relax.const(bias)]
        function.replace(last, product, inputs, [node, biased, *absorbed], function.layer(node))
        return
    kind = Conv2d if groups == 1 else DepthwiseConv2d
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
    activation, last, absorbed = activation_after(function, biased)
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
