"""QDQ to integer operators: walks the Relax function once, before anything folds its constants.

Relax is NCHW and float with quantize and dequantize calls in between; what comes out is a Program in NHWC whose
operators read and write int8. A value is lowered when somebody asks for it: a convolution followed by `quantize`
becomes one operator with an int8 result, the same convolution read by an addition one with a float32 result.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from tvm import relax

from ocrm55.compiler.lowering.flat import FlatFunction, Node, shape_of
from ocrm55.compiler.lowering.float32 import _activation as activation_after
from ocrm55.compiler.lowering.int8 import writers as emit
from ocrm55.compiler.lowering.int8.values import Origin, Quantised, Value, image_index
from ocrm55.compiler.lowering.int8.writers import Builder, Factor
from ocrm55.compiler.operators import advice
from ocrm55.compiler.operators.float32 import Conv2d, DepthwiseConv2d
from ocrm55.compiler.operators.int8.pool import MaxPool
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.targets.c.target import trim
from ocrm55.errors import UnsupportedError

TRIES = ["--precision float32", advice.INTEGER]


def to_program(function: FlatFunction, name: str) -> Program:
    """Lower a quantised network; raises UnsupportedError for what has no integer operator."""
    return _Walk(function, name).program()


class _Walk:
    """Visits the nodes in order; knows the value that each variable stands for."""

    def __init__(self, function: FlatFunction, name: str) -> None:
        self._function = function
        self._build = Builder(Program(name, "int8"))
        self._values: dict[str, Value] = {}
        self._absorbed: set[str] = set()
        self._visit = {
            "relax.quantize": self._quantize,
            "relax.dequantize": self._dequantize,
            "relax.nn.conv2d": self._convolution,
            "relax.matmul": self._matmul,
            "relax.mean": self._mean,
            "relax.nn.avg_pool2d": self._average_pool,
            "relax.nn.max_pool2d": self._max_pool,
            "relax.multiply": self._multiply,
            "relax.add": self._add,
            "relax.nn.layer_norm": self._layer_norm,
            "relax.nn.softmax": self._softmax,
            "relax.concat": self._concat,
            "relax.reshape": self._reshape,
            "relax.squeeze": self._reshape,
            "relax.expand_dims": self._reshape,
            "relax.flatten": self._reshape,
            "relax.permute_dims": self._permute,
            "relax.strided_slice": self._slice,
        }

    def program(self) -> Program:
        for parameter in self._function.params:
            shape = shape_of(parameter)
            if len(shape) != 4 or shape[0] != 1:
                raise UnsupportedError("int8 needs one image, 1 x channels x height x width, as input.", TRIES)
            _, channels, height, width = shape
            origin = Origin(height * width, channels, str(parameter.name))
            origin.write = emit.input_writer(self._build, origin, (height, width))
            self._values[parameter.name] = Value(origin, image_index(height, width, channels))
        for node in self._function.nodes:
            if node.name not in self._absorbed and self._is_computed(node):
                self._node(node)
        self._build.mark_output(self._build.real(self._values[self._function.result.name]))
        emit.drop_unread_rows(self._build.program)
        return self._build.program

    def _is_computed(self, node: Node) -> bool:
        """Whether a node depends on the input; what does not is looked up where it is needed."""
        arguments = node.args if isinstance(node.value, relax.Call) else [node.value]
        flat = [part for a in arguments for part in (a.fields if isinstance(a, relax.Tuple) else [a])]
        return any(isinstance(a, relax.Var) and a.name in self._values for a in flat)

    def _node(self, node: Node) -> None:
        if isinstance(node.value, relax.Var):
            self._values[node.name] = self._values[node.value.name]
        elif node.op in self._visit:
            self._visit[node.op](node)
        else:
            raise UnsupportedError(
                f"operator {node.op.removeprefix('relax.') or type(node.value).__name__} of layer "
                f"{self._function.layer(node)} has no int8 operator.",
                TRIES,
            )

    def _value(self, expression: relax.Expr) -> Value | None:
        return self._values.get(expression.name) if isinstance(expression, relax.Var) else None

    def _bind(self, node: Node, origin: Origin, index: np.ndarray) -> None:
        self._values[node.name] = Value(origin, index)

    # --- quantisation --------------------------------------------------------------------------------------------

    def _quantize(self, node: Node) -> None:
        value = self._values[node.args[0].name]
        scale, zero = (self._function.constant(a) for a in node.args[1:3])
        assert scale is not None and zero is not None
        quantised = _per_channel(value, scale, zero, int(node.value.attrs.axis))
        stored = self._build.quantise(value, quantised)
        self._values[node.name] = stored
        if stored.origin.int8 is not None:
            source = self._function.layers.get(node.name, "").removesuffix(".quantize")
            self._build.program.sources[stored.origin.int8] = source

    def _dequantize(self, node: Node) -> None:
        value = self._values[node.args[0].name]
        self._values[node.name] = value
        activation, last, absorbed = activation_after(self._function, node)
        if activation.kind != "none":  # quantised on both sides: a function of 256 values
            origin = Origin(value.origin.rows, value.origin.channels, self._function.layer(last))
            origin.write = emit.lookup_writer(self._build, origin, value, activation)
            self._absorb(last, [node, *absorbed])
            self._bind(last, origin, value.index)

    def _dequantised(self, expression: relax.Expr) -> tuple[np.ndarray, np.ndarray] | None:
        """Integers and scales of `dequantize(constant, scale, 0)`, seen through reshapes; None for everything else."""
        node = self._function.producer(expression)
        while node is not None and node.op == "relax.reshape":
            node = self._function.producer(node.args[0])
        if node is None or node.op != "relax.dequantize":
            return None
        q, scale, zero = (self._function.constant(a) for a in node.args[:3])
        if q is None or scale is None or zero is None or np.any(zero):
            return None
        return q, np.atleast_1d(scale)

    # --- convolutions and products -------------------------------------------------------------------------------

    def _convolution(self, node: Node) -> None:
        attrs, (image, weight) = node.value.attrs, node.args
        layer = self._function.layer(node)
        weights = self._dequantised(weight)
        source = self._values[image.name]
        _, channels, height, width = shape_of(image)
        if weights is None or attrs.data_layout != "NCHW" or any(int(d) != 1 for d in attrs.dilation):
            raise UnsupportedError(f"convolution {layer} is not quantised, or dilated.", TRIES)
        q, scale = weights
        groups, outputs = int(attrs.groups), len(q)
        if groups != 1 and not (groups == channels == outputs):
            raise UnsupportedError(f"convolution {layer} has {groups} groups.", TRIES)
        bias, biased = self._bias(node, outputs)
        activation, last, absorbed = activation_after(self._function, biased)
        kind = Conv2d if groups == 1 else DepthwiseConv2d
        top, left, bottom, right = (int(p) for p in attrs.padding)
        spec: Conv2d = kind(
            channels, height, width, outputs, (int(q.shape[2]), int(q.shape[3])),
            (int(attrs.strides[0]), int(attrs.strides[1])), (top, left, bottom, right), activation,
        )  # fmt: skip
        if groups == 1:  # dead rows of kernels, as of 3x3 over an image of one row
            spec, q = trim(spec, q)
        origin = Origin(spec.output_height * spec.output_width, outputs, layer)
        origin.write = emit.convolution_writer(self._build, origin, source, spec, Factor(q, scale, bias))
        self._absorb(last, [node, biased, *absorbed])
        self._bind(last, origin, image_index(spec.output_height, spec.output_width, outputs))

    def _matmul(self, node: Node) -> None:
        left, right = node.args
        layer = self._function.layer(node)
        a, b = self._value(left), self._value(right)
        if a is not None and b is not None:
            origin = emit.product(self._build, a, b, layer)
            self._bind(node, origin, np.arange(prod(node.shape)).reshape(node.shape))
            return
        weights = self._dequantised(right)
        if a is None or weights is None or weights[0].ndim != 2:
            raise UnsupportedError(f"product {layer} is not quantised.", TRIES)
        q, scale = weights
        depth, columns = q.shape
        rows = prod(shape_of(left)[:-1])
        bias, biased = self._bias(node, columns)
        activation, last, absorbed = activation_after(self._function, biased)
        spec = Conv2d(depth, 1, rows, columns, (1, 1), (1, 1), (0, 0, 0, 0), activation)
        origin = Origin(rows, columns, layer)
        factor = Factor(np.ascontiguousarray(q.T).reshape(columns, depth, 1, 1), scale, bias)
        origin.write = emit.convolution_writer(self._build, origin, a, spec, factor)
        self._absorb(last, [node, biased, *absorbed])
        self._bind(last, origin, np.arange(rows * columns).reshape(last.shape))

    def _absorb(self, last: Node, nodes: list[Node]) -> None:
        self._absorbed.update(node.name for node in nodes if node.name != last.name)
        self._absorbed.add(last.name)

    def _bias(self, node: Node, size: int) -> tuple[np.ndarray, Node]:
        """The integer bias added to a node, and the node that adds it; zeros and the node itself without one."""
        user = self._function.only_user(node)
        if user is not None and user.op == "relax.add":
            found = self._dequantised(self._function.other_argument(user, node))
            if found is not None and found[0].size == size:
                return found[0].reshape(-1), user
        return np.zeros(size, np.int32), node

    # --- everything else -----------------------------------------------------------------------------------------

    def _mean(self, node: Node) -> None:
        shape = shape_of(node.args[0])
        axes = sorted(int(a) % len(shape) for a in node.value.attrs.axis)
        if len(shape) != 4 or axes != [2, 3] or not node.value.attrs.keepdims:
            raise UnsupportedError(f"the mean of layer {self._function.layer(node)} is not over an image.", TRIES)
        self._pool(node, (shape[2], shape[3]), (1, 1))

    def _average_pool(self, node: Node) -> None:
        attrs = node.value.attrs
        if any(int(p) for p in attrs.padding) or any(int(d) != 1 for d in attrs.dilation):
            raise UnsupportedError(f"pooling {self._function.layer(node)} pads its input.", TRIES)
        kernel, strides = attrs.pool_size, attrs.strides
        self._pool(node, (int(kernel[0]), int(kernel[1])), (int(strides[0]), int(strides[1])))

    def _max_pool(self, node: Node) -> None:
        attrs, layer = node.value.attrs, self._function.layer(node)
        source = self._values[node.args[0].name]
        _, channels, height, width = shape_of(node.args[0])
        if any(int(d) != 1 for d in attrs.dilation) or attrs.layout != "NCHW":
            raise UnsupportedError(f"pooling {layer} is dilated.", TRIES)
        (kernel_height, kernel_width), (stride_y, stride_x), (top, left, *_) = (
            [int(value) for value in values] for values in (attrs.pool_size, attrs.strides, attrs.padding)
        )
        spec = MaxPool(
            channels, height, width, node.shape[2], node.shape[3], (kernel_height, kernel_width),
            (stride_y, stride_x), (top, left),
        )  # fmt: skip
        origin = Origin(node.shape[2] * node.shape[3], channels, layer)
        origin.write = emit.max_pool_writer(self._build, origin, source, spec)
        self._bind(node, origin, image_index(node.shape[2], node.shape[3], channels))

    def _pool(self, node: Node, kernel: tuple[int, int], strides: tuple[int, int]) -> None:
        _, channels, height, width = node.shape
        origin = Origin(height * width, channels, self._function.layer(node))
        source = self._values[node.args[0].name]
        origin.write = emit.pool_writer(self._build, origin, source, node.shape, kernel, strides)
        self._bind(node, origin, image_index(height, width, channels))

    def _multiply(self, node: Node) -> None:
        left, right = (self._value(a) for a in node.args)
        if left is not None and right is not None:
            gated, gate = (left, right) if left.index.size > right.index.size else (right, left)
            origin = Origin(gated.origin.rows, gated.origin.channels, self._function.layer(node))
            origin.write = emit.gate_writer(self._build, origin, gated, gate)
            self._bind(node, origin, gated.index)
            return
        value = left or right
        constant = next((c for c in map(self._function.constant, node.args) if c is not None), None)
        if value is not None and constant is not None and constant.size == 1:
            factor = value.factor * float(constant.item())
            self._values[node.name] = Value(value.origin, value.index, factor, value.channel_factor)
        elif value is not None and constant is not None and _is_by_channel(constant, value):
            self._values[node.name] = Value(value.origin, value.index, value.factor, constant.reshape(-1))
        else:
            raise UnsupportedError(f"the product of layer {self._function.layer(node)} has no int8 operator.", TRIES)

    def _add(self, node: Node) -> None:
        left, right = (self._value(a) for a in node.args)
        if left is None or right is None or not np.array_equal(left.index, right.index):
            raise UnsupportedError(f"the sum of layer {self._function.layer(node)} has no int8 operator.", TRIES)
        origin = Origin(left.origin.rows, left.origin.channels, self._function.layer(node))
        origin.write = emit.sum_writer(self._build, origin, left, right)
        self._bind(node, origin, left.index)

    def _layer_norm(self, node: Node) -> None:
        attrs, shape = node.value.attrs, node.shape
        layer = self._function.layer(node)
        gamma, beta = (self._function.constant(a) for a in node.args[1:3])
        axes = [int(a) % len(shape) for a in attrs.axes]
        if gamma is None or beta is None or axes != [len(shape) - 1]:
            raise UnsupportedError(f"layer norm {layer} is not over the last axis.", TRIES)
        origin = Origin(prod(shape[:-1]), shape[-1], layer)
        source = self._values[node.args[0].name]
        origin.write = emit.norm_writer(self._build, origin, source, gamma, beta, float(attrs.epsilon))
        self._bind(node, origin, np.arange(prod(shape)).reshape(shape))

    def _softmax(self, node: Node) -> None:
        shape, layer = node.shape, self._function.layer(node)
        if int(node.value.attrs.axis) % len(shape) != len(shape) - 1:
            raise UnsupportedError(f"softmax {layer} is not over the last axis.", TRIES)
        origin = Origin(prod(shape[:-1]), shape[-1], layer)
        origin.write = emit.softmax_writer(self._build, origin, self._values[node.args[0].name])
        self._bind(node, origin, np.arange(prod(shape)).reshape(shape))

    def _concat(self, node: Node) -> None:
        parts = [self._value(part) for part in node.args[0].fields]
        layer = self._function.layer(node)
        if int(node.value.attrs.axis) != 1 or len(node.shape) != 4 or any(part is None for part in parts):
            raise UnsupportedError(f"concatenation {layer} is not along the channels.", TRIES)
        _, channels, height, width = node.shape
        origin = Origin(height * width, channels, layer)
        known = [part for part in parts if part is not None]
        origin.write = emit.concat_writer(self._build, origin, known)
        self._bind(node, origin, image_index(height, width, channels))

    # --- moves: only the array changes ---------------------------------------------------------------------------

    def _reshape(self, node: Node) -> None:
        value = self._values[node.args[0].name]
        self._values[node.name] = value.moved(value.index.reshape(node.shape))

    def _permute(self, node: Node) -> None:
        value = self._values[node.args[0].name]
        axes: Any = node.value.attrs.axes
        order = [int(a) for a in axes] if axes is not None else None
        self._values[node.name] = value.moved(value.index.transpose(order))

    def _slice(self, node: Node) -> None:
        value = self._values[node.args[0].name]
        axes, begins, ends = ([int(f.value) for f in a.fields] for a in node.args[1:4])
        steps = [int(f.value) for f in node.args[4].fields] if len(node.args) > 4 else [1] * len(axes)
        cuts = [slice(None)] * value.index.ndim
        for axis, begin, end, step in zip(axes, begins, ends, steps, strict=True):
            cuts[axis] = slice(begin, end, step)
        self._values[node.name] = value.moved(value.index[tuple(cuts)])


def _is_by_channel(constant: np.ndarray, value: Value) -> bool:
    """Whether a constant holds a factor for each channel of an image that has none yet."""
    channels = value.origin.channels
    is_image = value.index.ndim == 4 and value.index.shape[1] == channels and constant.ndim >= 3
    return is_image and value.channel_factor is None and constant.size == channels == constant.shape[-3]


def _per_channel(value: Value, scale: np.ndarray, zero: np.ndarray, axis: int) -> Quantised:
    """A QuantizeLinear's parameters in the order of the tensor's channels."""
    if len(np.unique(zero)) != 1:
        raise UnsupportedError(f"{value.origin.layer} has several zero points.", TRIES)
    zero_point = int(np.ravel(zero)[0])
    if scale.size == 1:
        return Quantised(np.full(value.origin.channels, scale.reshape(-1)[0], np.float32), zero_point)
    spread = scale.reshape([-1 if i == axis % value.index.ndim else 1 for i in range(value.index.ndim)])
    stored = np.empty(value.origin.count, np.float32)
    stored[value.index] = np.broadcast_to(spread, value.index.shape)
    rows = stored.reshape(-1, value.origin.channels)
    if not (rows == rows[0]).all():
        raise UnsupportedError(f"{value.origin.layer} has scales along an axis that no kernel knows.", TRIES)
    return Quantised(rows[0], zero_point)
