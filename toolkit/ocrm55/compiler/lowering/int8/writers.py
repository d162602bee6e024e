"""Writing integer operators into a Program, once it is known whether their result is int8 or float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from ocrm55.compiler.lowering.int8.values import Origin, Quantised, Value, rows_by_channels, strides
from ocrm55.compiler.operators import advice
from ocrm55.compiler.operators.float32 import Activation, Conv2d, DepthwiseConv2d, Spec
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, Dequantize, Lookup, Quantize, Sum, SumInt8
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.operators.int8.rows import NormalisedRows, SoftmaxInt8, SoftmaxRows
from ocrm55.compiler.operators.program import Operator, Program, Quantization, Tensor
from ocrm55.errors import UnsupportedError

TRIES = ["--precision float32", advice.INTEGER]
Writer = Callable[[Quantised | None, np.ndarray], str]
TABLE_SHIFT = 3  # 8192 entries: an activation's argument is known to a thirtieth of the output's step
# Below this many products an output, computing hard-swish costs more than the sum that it is applied to: a look-up in a
# table of the channel's own costs half. Its entries are bounded by CHANNEL_TABLE_BYTES for all channels together.
FEW_PRODUCTS = 32
CHANNEL_TABLE_BYTES = 64 * 1024
SWISH_TABLE_BYTES = 128 * 1024  # where a scale for each channel leaves no other way


@dataclass(frozen=True)
class Factor:
    """The constant side of a product: weights int8 as ONNX has them, a scale for each output, bias int32."""

    weights: np.ndarray
    scale: np.ndarray
    bias: np.ndarray


@dataclass
class Builder:
    """A Program under construction."""

    program: Program

    def tensor(self, shape: tuple[int, ...], dtype: str, layer: str) -> str:
        return self.program.add(Tensor(layer, shape, dtype, "activation", layer)).name

    def weight(self, data: np.ndarray, layer: str, what: str) -> str:
        data = np.ascontiguousarray(data)
        return self.program.add(Tensor(f"{layer}_{what}", data.shape, str(data.dtype), "weight", layer, data)).name

    def operator(self, spec: Spec, inputs: Sequence[str], output: str, layer: str) -> str:
        self.program.operators.append(Operator(layer, layer, spec, list(inputs), [output]))
        return output

    def quantise(self, value: Value, quantised: Quantised) -> Value:
        """The value as int8: its operator writes it so, or an operator of its own converts it."""
        origin = value.origin
        if origin.quantised is not None and not value.is_scaled:
            # Quantisers ask again behind what only moves elements, mostly for the same integers.
            if origin.quantised.equals(quantised):
                return value
            self.real(value)
        written = quantised
        if origin.real is None and origin.write is not None:
            written = _unscaled(quantised, value)
            name = origin.write(written, value.index)
            reordered = origin.any_order
        else:
            self.real(value)
            name, reordered = self._convert(origin, quantised), False
        if written.has_one_step:
            self.program.tensors[name].quantization = Quantization(written.step, written.zero_point)
        channels = value.index.shape[-1] if reordered else origin.channels
        stored = Origin(origin.count // channels, channels, origin.layer, int8=name, quantised=quantised)
        index = np.arange(value.index.size).reshape(value.index.shape) if reordered else value.index
        return Value(stored, index)

    def real(self, value: Value) -> str:
        """The value as a float32 tensor, dense in the value's order or in its origin's."""
        origin = value.origin
        if value.is_scaled:
            raise UnsupportedError(f"{origin.layer} is scaled where no kernel does it.", TRIES)
        if origin.real is None:
            if origin.int8 is not None and origin.quantised is not None:
                origin.real = self._dequantize(origin, origin.int8, origin.quantised)
            else:
                assert origin.write is not None
                origin.real = origin.write(None, value.index)
        return origin.real

    def _convert(self, origin: Origin, quantised: Quantised) -> str:
        assert origin.real is not None
        step = _step(quantised, origin.layer)
        name = self.tensor((origin.rows, origin.channels), "int8", origin.layer)
        spec = Quantize(origin.count, _float32(1 / step), quantised.zero_point)
        return self.operator(spec, [origin.real], name, origin.layer)

    def _dequantize(self, origin: Origin, stored: str, quantised: Quantised) -> str:
        name = self.tensor((origin.rows, origin.channels), "float32", origin.layer)
        if quantised.has_one_step:
            spec = Dequantize(origin.count, quantised.step, quantised.zero_point)
            return self.operator(spec, [stored], name, origin.layer)
        spec = Dequantize(origin.count, 0.0, quantised.zero_point, origin.channels)
        steps = self.weight(quantised.scale.astype(np.float32), origin.layer, "steps")
        return self.operator(spec, [stored, steps], name, origin.layer)

    def mark_output(self, name: str) -> None:
        self.program.tensors[name].role = "output"


def _float32(value: float) -> float:
    return float(np.float32(value))


def _step(quantised: Quantised, layer: str) -> float:
    try:
        return quantised.step
    except ValueError as trouble:
        raise UnsupportedError(f"{layer} has a scale for each channel where no kernel takes it.", TRIES) from trouble


def _has_one_step(origin: Origin) -> bool:
    """Whether a value is stored as int8 with one scale for all channels."""
    return origin.int8 is not None and origin.quantised is not None and origin.quantised.has_one_step


def _unscaled(quantised: Quantised, value: Value) -> Quantised:
    """How the origin must be written so that the scaled value has the given quantisation."""
    if not value.is_scaled:
        return quantised
    factor = value.factor * (1.0 if value.channel_factor is None else value.channel_factor.astype(np.float64))
    return Quantised((quantised.scale / factor).astype(np.float32), quantised.zero_point)


def _integers(value: Value, layer: str, *, dense: bool = True) -> tuple[str, Quantised]:
    """The int8 tensor behind a value that an integer kernel reads whole."""
    origin = value.origin
    if origin.int8 is None or origin.quantised is None:
        raise UnsupportedError(f"layer {layer} reads {origin.layer}, which is not quantised.", TRIES)
    if value.is_scaled and dense:
        raise UnsupportedError(f"{origin.layer} is scaled where no kernel does it.", TRIES)
    if dense and not Value(origin, rows_by_channels(value.index)).is_dense:
        raise UnsupportedError(f"layer {layer} reads {origin.layer} in an order that no kernel walks.", TRIES)
    return origin.int8, origin.quantised


def input_writer(build: Builder, origin: Origin, size: tuple[int, int]) -> Writer:
    """The input: the firmware writes it as int8, by a table of 256 entries that does what `quantize` asks."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        if quantised is None:
            raise UnsupportedError("the network reads its input as float32.", TRIES)
        shape = (1, *size, origin.channels)
        tensor = Tensor(origin.layer, shape, "int8", "input", origin.layer, channels_last=True)
        tensor.quantization = Quantization(_step(quantised, origin.layer), quantised.zero_point)
        return build.program.add(tensor).name

    return write


# --- convolutions ----------------------------------------------------------------------------------------------------


def convolution_writer(build: Builder, origin: Origin, source: Value, spec: Conv2d, factor: Factor) -> Writer:
    """A convolution, or a fully connected layer, with its bias and activation."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        layer = origin.layer
        image, read = _integers(source, layer)
        if isinstance(spec, DepthwiseConv2d):
            step = read.scale.astype(np.float64)
        else:
            step = np.full(spec.outputs, _step(read, source.origin.layer), np.float64)
        bias = tables.fold_zero_point(factor.weights, factor.bias, read.zero_point)
        step = step * factor.scale.astype(np.float64)
        if quantised is not None and (_prefers_tables(spec, quantised) or _needs_tables(spec, quantised)):
            epilogue, arrays, centre = _channel_tables(spec.activation, step, quantised, spec.outputs)
            bias = (bias - centre).astype(np.int32)
        else:
            epilogue, arrays = _epilogue(spec.activation, step, quantised, spec.outputs)
        shape = (1, spec.output_height, spec.output_width, spec.outputs)
        dtype = "int8" if quantised is not None else "float32"
        operator = _kind(spec)(
            spec.channels, spec.height, spec.width, spec.outputs, spec.output_height, spec.output_width,
            spec.kernel, spec.strides, (spec.pads[0], spec.pads[1]), read.zero_point, epilogue,
        )  # fmt: skip
        inputs = [image, build.weight(factor.weights, layer, "weights"), build.weight(bias, layer, "bias")]
        inputs += [build.weight(data, layer, what) for what, data in arrays.items()]
        return build.operator(operator, inputs, build.tensor(shape, dtype, layer), layer)

    return write


def _kind(spec: Conv2d) -> type[Convolution]:
    if isinstance(spec, DepthwiseConv2d):
        return Depthwise
    plain = spec.kernel == (1, 1) and spec.strides == (1, 1) and not any(spec.pads)
    return Pointwise if plain else Convolution


def _epilogue(
    activation: Activation, step: np.ndarray, quantised: Quantised | None, channels: int
) -> tuple[Epilogue, dict[str, np.ndarray]]:
    """How sums, whose steps are worth `step`, become the output; and the arrays that say it for each channel."""
    if quantised is None:
        if activation.kind != "none":
            raise UnsupportedError(f"no kernel gives {activation.kind} as float32.", TRIES)
        return Epilogue("real", channels), {"scale": step.astype(np.float32)}
    out, zero = quantised.scale.astype(np.float64), quantised.zero_point
    kind = activation.kind
    if activation.is_affine and not (kind == "hard_swish" and activation.offset == 0):
        return _table(activation, step, quantised, channels)
    if kind in ("none", "relu"):
        low = zero if kind == "relu" else -128
        return Epilogue("clamp", channels, zero, low), {"scale": (step / out).astype(np.float32)}
    if kind == "hard_swish":
        gain = (activation.gain / (6 * out)).astype(np.float32)
        return Epilogue("hard_swish", channels, zero), {"scale": step.astype(np.float32), "gain": gain}
    if kind == "hard_sigmoid":
        return _hard_sigmoid(activation, step / out, quantised, channels)
    return _table(activation, step, quantised, channels)


def _hard_sigmoid(
    activation: Activation, scale: np.ndarray, quantised: Quantised, channels: int
) -> tuple[Epilogue, dict[str, np.ndarray]]:
    """clip(alpha * x + beta, 0, 1) is a requantisation within limits when beta is a whole number of steps."""
    out = _step(quantised, "hard-sigmoid")
    middle = activation.beta / out
    if abs(middle - round(middle)) > 1e-3:
        raise UnsupportedError("a hard-sigmoid's offset is no whole number of steps of its output.", TRIES)
    high = min(quantised.zero_point + round(1 / out), 127)
    epilogue = Epilogue("clamp", channels, quantised.zero_point + round(middle), quantised.zero_point, high)
    return epilogue, {"scale": (scale * activation.alpha).astype(np.float32)}


def _table(
    activation: Activation, step: np.ndarray, quantised: Quantised, channels: int
) -> tuple[Epilogue, dict[str, np.ndarray]]:
    """Any other function, by a table over the sum as int16.

    Beyond the largest output, and below -10, where sigmoid and swish are at most 5e-4, the argument may saturate.
    """
    out = _step(quantised, "an activation by table")
    ends = [(q - quantised.zero_point) * out for q in (-128, 127)]
    reach = max(*((end - activation.offset) / activation.gain * 1.02 + 0.5 for end in ends), 10.0)
    unit = reach / 32768
    table = tables.table16(_function(activation), unit, TABLE_SHIFT, out, quantised.zero_point)
    epilogue = Epilogue("table16", channels, quantised.zero_point, table_shift=TABLE_SHIFT)
    return epilogue, {"scale": (step / unit).astype(np.float32), "table": table}


def _prefers_tables(spec: Conv2d, quantised: Quantised) -> bool:
    """Whether hard-swish is to be looked up in a table for each channel: after few products, and where that is exact.

    Of a channel that hardly leaves zero a step of the output is less than an entry of its table.
    """
    few = not isinstance(spec, DepthwiseConv2d) and spec.channels * prod(spec.kernel) <= FEW_PRODUCTS
    if not few or spec.activation.kind != "hard_swish" or spec.activation.is_affine:
        return False
    low, high, shift = _reach_of_tables(spec.activation, quantised, spec.outputs)
    return bool(((high - low) / 65536 * (1 << shift) <= np.abs(quantised.scale)).all())


def _needs_tables(spec: Conv2d, quantised: Quantised) -> bool:
    """Whether a function that only a table gives is to have a scale of its own for each channel."""
    return spec.activation.kind == "swish" and not spec.activation.is_affine and not quantised.has_one_step


def _reach_of_tables(activation: Activation, quantised: Quantised, channels: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Where each channel's table begins and ends, and the bits that its index leaves out.

    The int16 range covers what matters: from -3, below which hard-swish is 0, or from where swish is within a quarter
    of a step of 0, to where the output ends.
    """
    out = np.abs(quantised.scale.astype(np.float64))
    ends = np.where(quantised.scale < 0, quantised.zero_point + 128, 127 - quantised.zero_point)  # turned over, or not
    most = np.maximum(ends * out, 0.1)
    if activation.kind == "swish":  # at least x - 0.279; falls towards 0 from its least value, at -1.28, on
        falling = np.arange(-1.28, -10, -0.01)
        low = np.interp(-out / 4, falling * _sigmoid(falling), falling)
        high, room = most + 0.3, SWISH_TABLE_BYTES
    else:  # x (x + 3) / 6 below 3, x above
        low, room = np.full(channels, -3.0), CHANNEL_TABLE_BYTES
        high = np.where(most < 3, (np.sqrt(9 + 24 * most) - 3) / 2, most)
    return low, high, max(int(np.ceil(np.log2(65536 * channels / room))), 2)


def _channel_tables(
    activation: Activation, step: np.ndarray, quantised: Quantised, channels: int
) -> tuple[Epilogue, dict[str, np.ndarray], np.ndarray]:
    """An activation by a table for each channel, and by how much the sums are lowered."""
    out = quantised.scale.astype(np.float64)
    low, high, shift = _reach_of_tables(activation, quantised, channels)
    centre = np.rint((high + low) / 2 / step)
    unit = (high - low) / 65536
    table = tables.channel_tables16(_function(activation), unit, shift, out, quantised.zero_point, centre * step)
    stride = 1 << (16 - shift)
    epilogue = Epilogue("table16", channels, quantised.zero_point, table_shift=shift, table_stride=stride)
    return epilogue, {"scale": (step / unit).astype(np.float32), "table": table}, centre.astype(np.int64)


def _hard_swish(x: np.ndarray) -> np.ndarray:
    return x * np.clip(x + 3, 0, 6) / 6


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.maximum(x, -700)))  # beyond which exp leaves float64


def _function(activation: Activation) -> Callable[[np.ndarray], np.ndarray]:
    """An activation in real numbers."""
    plain: Callable[[np.ndarray], np.ndarray] = {
        "sigmoid": _sigmoid,
        "swish": lambda x: x * _sigmoid(x),
        "relu": lambda x: np.maximum(x, 0),
        "hard_swish": _hard_swish,
        "hard_sigmoid": lambda x: np.clip(activation.alpha * x + activation.beta, 0, 1),
    }[activation.kind]
    if not activation.is_affine:
        return plain
    return lambda x: activation.gain * plain(x) + activation.offset


# --- products of activations -----------------------------------------------------------------------------------------


def product(build: Builder, left: Value, right: Value, layer: str) -> Origin:
    """[batch.., m, k] times [batch.., k, n]. The result is written in whatever affine order its reader wants dense."""
    *batch, rows, depth = left.index.shape
    columns = right.index.shape[-1]
    batches = prod(batch)
    origin = Origin(batches * rows, columns, layer, any_order=True)

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        (a, read_a), (b, read_b) = (_integers(v, layer, dense=False) for v in (left, right))
        if read_b.zero_point != 0:
            raise UnsupportedError(f"the right side of product {layer} has a zero point.", TRIES)
        first_a, (a_batch, a_row, a_depth) = strides(left.index.reshape(batches, rows, depth), layer)
        first_b, (b_batch, b_depth, b_column) = strides(right.index.reshape(batches, depth, columns), layer)
        place = np.empty(origin.count, np.int64)
        place[order.reshape(-1)] = np.arange(origin.count)
        first_y, (y_batch, y_row, y_column) = strides(place.reshape(batches, rows, columns), layer)
        if (a_depth, y_column, first_y) != (1, 1, 0):
            raise UnsupportedError(f"product {layer} walks its tensors in an order that no kernel does.", TRIES)
        step = _slice_step(left, layer) * _slice_step(right, layer) * left.factor * right.factor
        epilogue, arrays = _epilogue(Activation(), np.full(columns, step), quantised and _same(quantised, columns), 1)
        spec = Product(
            batches, rows, columns, depth, a_batch, a_row, b_batch, b_column, b_depth, y_batch, read_a.zero_point,
            replace(epilogue, stride=y_row), first_a, first_b,
        )  # fmt: skip
        output = build.tensor(order.shape, "int8" if quantised else "float32", layer)
        return build.operator(spec, [a, b, build.weight(arrays["scale"], layer, "scale")], output, layer)

    origin.write = write
    return origin


def _slice_step(value: Value, layer: str) -> float:
    """The scale of the channels that a value takes from its tensor."""
    quantised = value.origin.quantised
    assert quantised is not None
    return _step(Quantised(quantised.scale[np.unique(value.index % value.origin.channels)], 0), layer)


def _same(quantised: Quantised, channels: int) -> Quantised:
    return Quantised(np.full(channels, quantised.step, np.float32), quantised.zero_point)


# --- the rest --------------------------------------------------------------------------------------------------------


def pool_writer(
    build: Builder,
    origin: Origin,
    source: Value,
    shape: Sequence[int],
    kernel: tuple[int, int],
    strides_: tuple[int, int],
) -> Writer:
    """Average pooling without borders."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        image, read = _integers(source, origin.layer)
        if quantised is None:
            raise UnsupportedError(f"pooling {origin.layer} gives float32.", TRIES)
        _, channels, height, width = source.index.shape
        gain = _step(read, origin.layer) / (prod(kernel) * _step(quantised, origin.layer))
        spec = AveragePool(
            channels, height, width, int(shape[2]), int(shape[3]), kernel, strides_, read.zero_point,
            quantised.zero_point, _float32(gain),
        )  # fmt: skip
        output = build.tensor((1, int(shape[2]), int(shape[3]), channels), "int8", origin.layer)
        return build.operator(spec, [image], output, origin.layer)

    return write


def max_pool_writer(build: Builder, origin: Origin, source: Value, spec: MaxPool) -> Writer:
    """The largest of each window, in the quantisation that it comes in."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        image, read = _integers(source, origin.layer)
        if quantised is None or not quantised.equals(read):
            raise UnsupportedError(f"pooling {origin.layer} gives another scale than it takes.", TRIES)
        shape = (1, spec.output_height, spec.output_width, spec.channels)
        return build.operator(spec, [image], build.tensor(shape, "int8", origin.layer), origin.layer)

    return write


def gate_writer(build: Builder, origin: Origin, gated: Value, gate: Value) -> Writer:
    """Squeeze-and-excite: an image times one factor a channel."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        (image, read), (factors, read_gate) = (_integers(v, origin.layer) for v in (gated, gate))
        if quantised is None or gate.index.size != origin.channels:
            raise UnsupportedError(f"the product of layer {origin.layer} has no int8 operator.", TRIES)
        gain = _step(read, origin.layer) * _step(read_gate, origin.layer) / _step(quantised, origin.layer)
        spec = ChannelMultiply(
            origin.rows, origin.channels, read.zero_point, read_gate.zero_point, quantised.zero_point, _float32(gain)
        )
        output = build.tensor(build.program.tensors[image].shape, "int8", origin.layer)
        return build.operator(spec, [image, factors], output, origin.layer)

    return write


def sum_writer(build: Builder, origin: Origin, left: Value, right: Value) -> Writer:
    """The residual stream: float32, or int8 where it is quantised on all sides with a scale a tensor."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        if quantised is not None and all(_has_one_step(value.origin) for value in (left, right)):
            (a, read_a), (b, read_b) = (_integers(v, origin.layer, dense=False) for v in (left, right))
            spec = SumInt8(
                origin.count, _step(read_a, origin.layer), read_a.zero_point, _step(read_b, origin.layer),
                read_b.zero_point, _step(quantised, origin.layer), quantised.zero_point,
            )  # fmt: skip
            return build.operator(spec, [a, b], build.tensor(order.shape, "int8", origin.layer), origin.layer)
        inputs = [build.real(left), build.real(right)]
        output = build.tensor((origin.rows, origin.channels), "float32", origin.layer)
        origin.real = build.operator(Sum(origin.count), inputs, output, origin.layer)
        return origin.real if quantised is None else build._convert(origin, quantised)

    return write


def lookup_writer(build: Builder, origin: Origin, source: Value, activation: Activation) -> Writer:
    """An activation between two quantised tensors."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        layer = origin.layer
        name, read = _integers(source, layer)
        if quantised is None:
            raise UnsupportedError(f"no kernel gives {activation.kind} as float32.", TRIES)
        table = tables.table8(
            _function(activation), _step(read, layer), read.zero_point, _step(quantised, layer), quantised.zero_point
        )
        output = build.tensor(build.program.tensors[name].shape, "int8", layer)
        spec = Lookup(origin.count, activation.kind, activation.gain, activation.offset)
        return build.operator(spec, [name, build.weight(table, layer, "table")], output, layer)

    return write


def norm_writer(
    build: Builder, origin: Origin, source: Value, gamma: np.ndarray, beta: np.ndarray, epsilon: float
) -> Writer:
    """Layer norm of float32 rows."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        layer = origin.layer
        inputs = [build.real(source), build.weight(gamma, layer, "gamma"), build.weight(beta, layer, "beta")]
        spec = NormalisedRows(origin.rows, origin.channels, _float32(epsilon))
        if quantised is not None:
            gain = _float32(1 / _step(quantised, layer))
            spec = replace(spec, gain=gain, zero_point=quantised.zero_point)
        output = build.tensor((origin.rows, origin.channels), "float32" if quantised is None else "int8", layer)
        return build.operator(spec, inputs, output, layer)

    return write


def softmax_writer(build: Builder, origin: Origin, source: Value) -> Writer:
    """Softmax of float32 rows."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        fits = quantised is not None and (quantised.step, quantised.zero_point) == (1 / 256, -128)
        shape, layer = (origin.rows, origin.channels), origin.layer
        if fits and source.origin.int8 is not None and source.origin.quantised is not None and source.is_dense:
            step = _step(source.origin.quantised, layer) * source.factor
            output = build.tensor((1, *shape), "int8", layer)
            return build.operator(SoftmaxInt8(*shape, step), [source.origin.int8], output, layer)
        output = build.tensor((1, *shape), "int8" if fits else "float32", layer)
        build.operator(SoftmaxRows(*shape, fits), [build.real(source)], output, layer)
        if quantised is None or fits:
            return output
        origin.real = output
        return build._convert(origin, quantised)

    return write


def concat_writer(build: Builder, origin: Origin, parts: Sequence[Value]) -> Writer:
    """Side by side along the channels: who writes a part writes it there, or its rows are copied."""

    def write(quantised: Quantised | None, order: np.ndarray) -> str:
        program, layer = build.program, origin.layer
        if quantised is None:
            raise UnsupportedError(f"concatenation {layer} is not quantised.", TRIES)
        _, _, height, width = order.shape
        whole = build.tensor((1, height, width, origin.channels), "int8", layer)
        first = 0
        for part in parts:
            name, read = _integers(part, layer)
            if read.step != quantised.step or read.zero_point != quantised.zero_point:
                raise UnsupportedError(f"the parts of concatenation {layer} differ in scale.", TRIES)
            count = part.origin.channels
            users = [o for o in program.operators if name in o.inputs]
            writer = next(o for o in program.operators if name in o.outputs)
            if not users and isinstance(writer.spec, Pointwise):
                writer.spec = replace(writer.spec, epilogue=replace(writer.spec.epilogue, stride=origin.channels))
                program.tensors[name].view_of, program.tensors[name].view_offset = whole, first
            else:
                view = Tensor(f"{layer}_part", (origin.rows, count), "int8", "activation", layer, None, whole, first)
                spec = CopyRows(origin.rows, count, origin.channels)
                build.operator(spec, [name], program.add(view).name, layer)
            first += count
        return whole

    return write


def drop_unread_rows(program: Program) -> None:
    """Shorten convolutions whose last rows a pooling layer leaves out: 2x2 over three rows reads two of them.

    The pooling layer may be a depthwise convolution; a look-up in front of it is shortened too.
    """
    for reader in program.operators:
        spec = reader.spec
        if not isinstance(spec, AveragePool | Depthwise):
            continue
        above = spec.pads[0] if isinstance(spec, Depthwise) else 0
        read = (spec.output_height - 1) * spec.strides[0] + spec.kernel[0] - above
        writers = _writers(program, reader)
        if not writers or read >= spec.height:
            continue
        reader.spec = replace(spec, height=read)
        for writer in writers:
            tensor = program.tensors[writer.outputs[0]]
            tensor.shape = (1, read, *tensor.shape[2:])
            if isinstance(writer.spec, Lookup):
                writer.spec = replace(writer.spec, count=tensor.size)
            else:
                assert isinstance(writer.spec, Convolution)
                writer.spec = replace(writer.spec, output_height=read)


def _writers(program: Program, reader: Operator) -> list[Operator]:
    """The look-up and the convolution that make what `reader` alone reads; none where it is anything else."""
    found: list[Operator] = []
    while True:
        image = (found[-1] if found else reader).inputs[0]
        writer = next((o for o in program.operators if image in o.outputs), None)
        if writer is None or sum(image in o.inputs for o in program.operators) > 1:
            return []
        found.append(writer)
        if isinstance(writer.spec, Convolution):
            return found
        if not isinstance(writer.spec, Lookup):
            return []
