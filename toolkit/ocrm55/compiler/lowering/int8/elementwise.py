"""Quantisation, sums, factors and functions, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ocrm55.compiler.lowering.flat import Node
from ocrm55.compiler.lowering.functions import function_after
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder, Writer, float32, has_one_step, step_of
from ocrm55.compiler.lowering.int8.state import Lowering, Visitor
from ocrm55.compiler.lowering.int8.values import Origin, Value, dense_index, rows_by_channels
from ocrm55.compiler.operators.activations import real_function
from ocrm55.compiler.operators.float32 import Activation
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, Lookup, Sum, SumInt8, SumUpsampled
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError


def _quantize(s: Lowering, node: Node) -> None:
    value = s.values[node.args[0].name]
    scale, zero = (s.function.constant(a) for a in node.args[1:3])
    assert scale is not None and zero is not None
    quantised = _per_channel(value, scale, zero, int(node.value.attrs.axis))
    stored = s.build.quantise(value, quantised)
    s.values[node.name] = stored
    if stored.origin.int8 is not None and stored.origin.int8 not in s.build.program.sources:
        source = s.function.layers.get(node.name, "").removesuffix(".quantize")
        s.build.program.sources[stored.origin.int8] = source
        order = rows_by_channels(stored.index).reshape(-1)
        if not np.array_equal(order, np.arange(order.size)):
            s.build.program.orders[stored.origin.int8] = stored.index


def _dequantize(s: Lowering, node: Node) -> None:
    value = s.values[node.args[0].name]
    s.values[node.name] = value
    activation, last, absorbed = function_after(s.function, node, shared=True)
    if activation.kind != "none":  # quantised on both sides: a function of 256 values
        origin = Origin(value.origin.rows, value.origin.channels, s.function.layer(last))
        origin.write = lookup_writer(s.build, origin, value, activation)
        s.absorb(last, [node, *absorbed])
        s.bind(last, origin, value.index)


def _multiply(s: Lowering, node: Node) -> None:
    left, right = (s.value(a) for a in node.args)
    if left is not None and right is not None:
        gated, gate = (left, right) if left.index.size > right.index.size else (right, left)
        origin = _dense_origin(gated.index.shape, s.function.layer(node))
        origin.write = gate_writer(s.build, origin, gated, gate)
        s.bind(node, origin, dense_index(gated.index.shape, image=True))
        return
    value = left or right
    constant = next((c for c in map(s.function.constant, node.args) if c is not None), None)
    if value is not None and constant is not None and constant.size == 1:
        factor = value.factor * float(constant.item())
        index = value.index.reshape(node.shape)  # a constant of more axes adds some
        s.values[node.name] = Value(value.origin, index, factor, value.channel_factor)
    elif value is not None and constant is not None and _is_by_channel(constant, value):
        s.values[node.name] = Value(value.origin, value.index, value.factor, constant.reshape(-1))
    else:
        raise UnsupportedError(f"the product of layer {s.function.layer(node)} has no int8 operator.", TRIES)


def _add(s: Lowering, node: Node) -> None:
    left, right = (s.value(a) for a in node.args)
    layer = s.function.layer(node)
    if left is None or right is None or left.index.shape != right.index.shape:
        raise UnsupportedError(f"the sum of layer {layer} has no int8 operator.", TRIES)
    same_order = left.origin.count == right.origin.count and np.array_equal(left.index, right.index)
    same_order = same_order and not (left.origin.any_order or right.origin.any_order)
    if same_order:
        origin, index = Origin(left.origin.rows, left.origin.channels, layer), left.index
    else:
        origin, index = _dense_origin(left.index.shape, layer), dense_index(left.index.shape, image=True)
        if enlarged(left) is not None:
            left, right = right, left
    origin.write = sum_writer(s.build, origin, left, right, same_order=same_order)
    s.bind(node, origin, index)


def _dense_origin(shape: Sequence[int], layer: str) -> Origin:
    """A tensor of the kernels' order for a value in the network's."""
    channels = shape[1] if len(shape) == 4 else shape[-1]
    return Origin(prod(shape) // channels, channels, layer)


def _is_by_channel(constant: np.ndarray, value: Value) -> bool:
    """Whether a constant is a factor for each channel of an image, and the image has no factor yet."""
    channels = value.origin.channels
    is_image = value.index.ndim == 4 and value.index.shape[1] == channels and constant.ndim >= 3
    return is_image and value.channel_factor is None and constant.size == channels == constant.shape[-3]


def _per_channel(value: Value, scale: np.ndarray, zero: np.ndarray, axis: int) -> Quantization:
    """A QuantizeLinear's parameters in the order of the tensor's channels."""
    if len(np.unique(zero)) != 1:
        raise UnsupportedError(f"{value.origin.layer} has several zero points.", TRIES)
    zero_point = int(np.ravel(zero)[0])
    if scale.size == 1:
        return Quantization(np.full(value.origin.channels, scale.reshape(-1)[0], np.float32), zero_point)
    spread = scale.reshape([-1 if i == axis % value.index.ndim else 1 for i in range(value.index.ndim)])
    spread = np.broadcast_to(spread, value.index.shape)
    stored = np.full(value.origin.count, np.nan, np.float32)  # a slice leaves the others out
    stored[value.index] = spread
    rows = stored.reshape(-1, value.origin.channels)
    read = ~np.isnan(rows)
    steps = np.where(read.any(axis=0), np.max(rows, axis=0, initial=-np.inf, where=read), scale.flat[0])
    if not ((rows == steps) | ~read).all() or not (stored[value.index] == spread).all():
        raise UnsupportedError(f"{value.origin.layer} has scales along an axis that no kernel knows.", TRIES)
    return Quantization(steps.astype(np.float32), zero_point)


def gate_writer(build: Builder, origin: Origin, gated: Value, gate: Value) -> Writer:
    """Squeeze-and-excite: an image times one factor for each channel."""

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        (image, read), (factors, read_gate) = (build.integers(v, origin.layer) for v in (gated, gate))
        one_row = rows_by_channels(gate.index).shape[-1] == gate.index.size == origin.channels
        one_row = one_row and (gated.index.ndim < 4 or gate.index.ndim == 4)  # of fewer axes it is a row of columns
        if quantised is None or not one_row:
            raise UnsupportedError(f"the product of layer {origin.layer} has no int8 operator.", TRIES)
        gain = step_of(read, origin.layer) * step_of(read_gate, origin.layer) / step_of(quantised, origin.layer)
        spec = ChannelMultiply(
            origin.rows, origin.channels, read.zero_point, read_gate.zero_point, quantised.zero_point, float32(gain)
        )
        output = build.tensor(build.program.tensors[image].shape, "int8", origin.layer)
        return build.operator(spec, [image, factors], output, origin.layer)

    return write


def sum_writer(build: Builder, origin: Origin, left: Value, right: Value, *, same_order: bool) -> Writer:
    """The residual stream: float32, or int8 if it is quantised on all sides with one scale for each tensor.

    same_order: both sides lie in memory as the sum does; otherwise both are brought to the kernels' order.
    """

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        layer = origin.layer
        if quantised is not None and all(has_one_step(value.origin) for value in (left, right)):
            if any(value.channel_factor is not None for value in (left, right)):
                raise UnsupportedError(f"layer {layer} adds what is scaled by channel.", TRIES)
            factors = None if same_order else enlarged(right)
            if factors is not None:
                return _upsampled_sum(build, origin, (left, right), right.index.shape, factors, quantised)
            a, b = (value if same_order else build.dense(value, layer) for value in (left, right))
            (first, read_a), (second, read_b) = (build.stored(value, layer) for value in (a, b))
            spec = SumInt8(
                origin.count, step_of(read_a, layer) * a.factor, read_a.zero_point, step_of(read_b, layer) * b.factor,
                read_b.zero_point, step_of(quantised, layer), quantised.zero_point,
            )  # fmt: skip
            # Where both sides are parts of larger tensors, all of these are added.
            stored = rows_by_channels(order).shape
            shape = stored if order.size == origin.count else (origin.rows, origin.channels)
            return build.operator(spec, [first, second], build.tensor(shape, "int8", layer), layer)
        inputs = [build.real(v) if same_order else build.dense_real(v, layer, image=True) for v in (left, right)]
        output = build.tensor((origin.rows, origin.channels), "float32", layer)
        origin.real = build.operator(Sum(origin.count), inputs, output, layer)
        return origin.real if quantised is None else build.convert(origin, quantised)

    return write


def enlarged(value: Value) -> tuple[int, int] | None:
    """How many times an image is enlarged to the nearest pixels, in height and in width; None for any other value."""
    if value.index.ndim != 4 or value.origin.gaps is not None or value.origin.any_order:
        return None
    _, channels, height, width = value.index.shape
    size = value.origin.rows
    for rows in (n for n in range(1, height + 1) if height % n == 0):
        columns, rest = divmod(height // rows * width, max(size, 1))
        if rest or not columns or width % columns or (rows, columns) == (1, 1):
            continue
        small = dense_index((1, channels, height // rows, width // columns), image=True)
        if np.array_equal(value.index, small.repeat(rows, axis=2).repeat(columns, axis=3)):
            return rows, columns
    return None


def _upsampled_sum(
    build: Builder,
    origin: Origin,
    sides: tuple[Value, Value],
    shape: Sequence[int],
    factors: tuple[int, int],
    quantised: Quantization,
) -> str:
    """The sum of an image and of a smaller one that is enlarged on the way; shape: of the sum, [1, C, H, W]."""
    layer = origin.layer
    left, right = build.dense(sides[0], layer), sides[1]
    (first, read_a), (second, read_b) = (build.stored(value, layer) for value in (left, right))
    _, channels, height, width = shape
    spec = SumUpsampled(
        height, width, channels, factors, step_of(read_a, layer) * left.factor, read_a.zero_point,
        step_of(read_b, layer) * right.factor, read_b.zero_point, step_of(quantised, layer), quantised.zero_point,
    )  # fmt: skip
    output = build.tensor((1, height, width, channels), "int8", layer)
    return build.operator(spec, [first, second], output, layer)


def lookup_writer(build: Builder, origin: Origin, source: Value, activation: Activation) -> Writer:
    """An activation between two quantised tensors."""

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        layer = origin.layer
        if source.is_scaled:
            raise UnsupportedError(f"{source.origin.layer} is scaled at a place where no kernel scales.", TRIES)
        name, read = build.stored(source, layer)
        if quantised is None:
            raise UnsupportedError(f"no kernel gives {activation.kind} as float32.", TRIES)
        table = tables.table8(
            real_function(activation),
            step_of(read, layer),
            read.zero_point,
            step_of(quantised, layer),
            quantised.zero_point,
        )
        output = build.tensor(build.program.tensors[name].shape, "int8", layer)
        spec = Lookup(origin.count, activation.kind, activation.gain, activation.offset)
        return build.operator(spec, [name, build.weight(table, layer, "table")], output, layer)

    return write


VISITORS: dict[str, Visitor] = {
    "relax.quantize": _quantize,
    "relax.dequantize": _dequantize,
    "relax.multiply": _multiply,
    "relax.add": _add,
}
