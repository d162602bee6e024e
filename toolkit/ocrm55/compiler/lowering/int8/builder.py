"""A Program under construction: tensors, weights, operators, and the conversions between float32 and int8."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ocrm55.compiler.lowering.int8.values import Origin, Value, dense_index, rows_by_channels
from ocrm55.compiler.operators import advice, strided
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.elementwise import Dequantize, Lookup, Quantize
from ocrm55.compiler.operators.int8.moves import AXES, Gather, Move
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError

TRIES = ["--precision float32", advice.INTEGER]
Writer = Callable[[Quantization | None, np.ndarray], str]


@dataclass
class Builder:
    """A Program under construction."""

    program: Program
    copies: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def tensor(self, shape: tuple[int, ...], dtype: str, layer: str) -> str:
        return self.program.add(Tensor(layer, shape, dtype, "activation", layer)).name

    def weight(self, data: np.ndarray, layer: str, what: str) -> str:
        data = np.ascontiguousarray(data)
        return self.program.add(Tensor(f"{layer}_{what}", data.shape, str(data.dtype), "weight", layer, data)).name

    def operator(self, spec: Spec, inputs: Sequence[str], output: str, layer: str) -> str:
        self.program.operators.append(Operator(layer, layer, spec, list(inputs), [output]))
        return output

    def quantise(self, value: Value, quantised: Quantization) -> Value:
        """The value as int8: its own operator writes int8, or a separate operator converts it."""
        origin = value.origin
        if origin.quantised is not None and not value.is_scaled:
            # Quantisers quantise again behind operators that only move elements, mostly to the same integers.
            if origin.quantised == quantised:
                return value
            self.real(value)
        elif has_one_step(origin) and value.channel_factor is None and origin.quantised is not None:
            return self.requantise(value, quantised)
        written = quantised
        if origin.real is None and origin.write is not None:
            written = _unscaled(quantised, value)
            name = origin.write(written, value.index)
            order = value.index if origin.any_order else None
        else:
            self.real(value)
            name, order = self.convert(origin, quantised), origin.order
        if written.has_one_step:
            self.program.tensors[name].quantization = Quantization(written.step, written.zero_point)
        if order is None:
            stored = Origin(origin.rows, origin.channels, origin.layer, int8=name, quantised=quantised)
            return Value(stored, value.index)
        channels = order.shape[-1]
        stored = Origin(order.size // channels, channels, origin.layer, int8=name, quantised=quantised)
        return Value(stored, _places(order, value.index).reshape(value.index.shape))

    def requantise(self, value: Value, quantised: Quantization) -> Value:
        """An int8 value times a factor as int8 again, by a table."""
        origin, layer = value.origin, value.origin.layer
        name, read = self.stored(value, layer)
        step = step_of(quantised, layer)
        table = tables.table8(lambda x: x * value.factor, read.step, read.zero_point, step, quantised.zero_point)
        output = self.tensor(self.program.tensors[name].shape, "int8", layer)
        spec = Lookup(origin.count, "none", value.factor)
        self.operator(spec, [name, self.weight(table, layer, "table")], output, layer)
        self.program.tensors[output].quantization = Quantization(step, quantised.zero_point)
        stored = Origin(origin.rows, origin.channels, layer, int8=output, quantised=quantised)
        return Value(stored, value.index)

    def real(self, value: Value) -> str:
        """The value as a float32 tensor, dense in the value's order or in its origin's."""
        origin = value.origin
        if value.is_scaled:
            raise UnsupportedError(f"{origin.layer} is scaled at a place where no kernel scales.", TRIES)
        if origin.real is None:
            if origin.int8 is not None and origin.quantised is not None:
                origin.real = self._dequantize(origin, *self.stored(value, origin.layer))
            else:
                assert origin.write is not None
                origin.real = origin.write(None, value.index)
                origin.order = value.index if origin.any_order else None
        return origin.real

    def dense_real(self, value: Value, layer: str, *, image: bool = False) -> str:
        """The value as a float32 tensor, dense in its own order: as rows, or channels last as an image."""
        origin = value.origin
        order = rows_by_channels(value.index) if image else value.index
        if origin.any_order and origin.int8 is None and (origin.real is None or origin.order is not None):
            name = self.real(value)
            if origin.order is not None and np.array_equal(origin.order, order):
                return name
        elif Value(origin, order).is_dense:
            return self.real(value)
        if origin.int8 is not None:
            return self.real(self.dense(value, layer, image=image))
        name = self.real(value)
        channels = order.shape[-1]
        places = order.reshape(-1) if origin.order is None else _places(origin.order, order)
        return self.copy(name, places, (order.size // channels, channels), layer)

    def stored(self, value: Value, layer: str) -> tuple[str, Quantization]:
        """The int8 tensor behind a value, for a reader that follows the value's array."""
        origin = value.origin
        if origin.int8 is None or origin.quantised is None:
            raise UnsupportedError(f"layer {layer} reads {origin.layer}, which is not quantised.", TRIES)
        if origin.gaps is not None:
            first, stride = origin.gaps
            order = first + np.add.outer(np.arange(origin.rows) * stride, np.arange(origin.channels)).reshape(-1)
            origin.int8 = self.copy(origin.int8, order, (origin.rows, origin.channels), layer)
            origin.gaps = None
        return origin.int8, origin.quantised

    def integers(self, value: Value, layer: str, *, image: bool = True) -> tuple[str, Quantization]:
        """The int8 tensor of a value, dense: channels last as an image, or as rows. Copied where it is not."""
        if value.is_scaled:
            raise UnsupportedError(f"{value.origin.layer} is scaled at a place where no kernel scales.", TRIES)
        return self.stored(self.dense(value, layer, image=image), layer)

    def dense(self, value: Value, layer: str, *, image: bool = True) -> Value:
        """The int8 value with its elements in the order in which kernels read them."""
        name, quantised = self.stored(value, layer)
        origin, order = value.origin, rows_by_channels(value.index) if image else value.index
        if Value(origin, order).is_dense:
            return value
        if value.channel_factor is not None:
            raise UnsupportedError(f"{origin.layer} is scaled at a place where no kernel scales.", TRIES)
        channels = order.shape[-1]
        scales = quantised.scale[order % origin.channels].reshape(-1, channels)
        if not (scales == scales[0]).all():
            raise UnsupportedError(f"layer {layer} reads {origin.layer}, whose scales are along another axis.", TRIES)
        shape = order.shape if image and order.ndim == 4 else (order.size // channels, channels)
        moved = Origin(
            order.size // channels, channels, origin.layer, quantised=Quantization(scales[0], quantised.zero_point)
        )
        moved.int8 = self.copy(name, order.reshape(-1), shape, layer)
        self.program.tensors[moved.int8].quantization = self.program.tensors[name].quantization
        return Value(moved, dense_index(value.index.shape, image=image), value.factor)

    def copy(self, source: str, order: np.ndarray, shape: tuple[int, ...], layer: str) -> str:
        """A tensor of the elements of `source` in an order, made once for all who read it so."""
        key = source, shape, order.tobytes()
        if key not in self.copies:
            output = self.tensor(shape, self.program.tensors[source].dtype, f"{layer}_moved")
            self.copies[key] = self.move(source, order, output, layer)
        return self.copies[key]

    def move(self, source: str, order: np.ndarray, output: str, layer: str, places: np.ndarray | None = None) -> str:
        """Write elements of `source`, in an order, to a tensor; `places`: where each goes, if not behind the last."""
        axes, size = strided.axes(order, places), np.dtype(self.program.tensors[source].dtype).itemsize
        if axes is not None and len(axes.in_bytes(size).sizes) <= AXES:
            spec = Move(axes.sizes, axes.strides, axes.places, int(order[0]), size)
            return self.operator(spec, [source], output, layer)
        if size > 1:
            raise UnsupportedError(f"layer {layer} reads float32 in an order that no kernel walks.", TRIES)
        if places is not None:
            dense = self.copy(source, order, (order.size,), layer)
            return self.move(dense, np.arange(order.size), output, layer, places)
        index = self.weight(order.astype(np.int32), layer, "index")
        return self.operator(Gather(order.size), [source, index], output, layer)

    def convert(self, origin: Origin, quantised: Quantization) -> str:
        assert origin.real is not None
        step = step_of(quantised, origin.layer)
        name = self.tensor((origin.rows, origin.channels), "int8", origin.layer)
        spec = Quantize(origin.count, float32(1 / step), quantised.zero_point)
        return self.operator(spec, [origin.real], name, origin.layer)

    def _dequantize(self, origin: Origin, stored: str, quantised: Quantization) -> str:
        name = self.tensor((origin.rows, origin.channels), "float32", origin.layer)
        if quantised.has_one_step:
            spec = Dequantize(origin.count, quantised.step, quantised.zero_point)
            return self.operator(spec, [stored], name, origin.layer)
        spec = Dequantize(origin.count, 0.0, quantised.zero_point, origin.channels)
        steps = self.weight(quantised.scale.astype(np.float32), origin.layer, "steps")
        return self.operator(spec, [stored, steps], name, origin.layer)

    def mark_output(self, name: str) -> None:
        self.program.tensors[name].role = "output"


def _places(written: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The places of the elements of `order` in a tensor that was written in another order, possibly not all of them."""
    place = np.full(max(int(written.max()), int(order.max())) + 1, -1, np.int64)
    place[written.reshape(-1)] = np.arange(written.size)
    places = place[order.reshape(-1)]
    if (places < 0).any():
        raise UnsupportedError("a product is read in two ways, of which the first leaves out a part.", TRIES)
    return places


def float32(value: float) -> float:
    """The value in float32. Raises UnsupportedError for one that float32 cannot hold."""
    with np.errstate(over="ignore"):
        held = float(np.float32(value))
    if not math.isfinite(held):
        raise UnsupportedError(f"a scale of {value:.3g} does not fit float32.", TRIES)
    return held


def step_of(quantised: Quantization, layer: str) -> float:
    try:
        return quantised.step
    except ValueError as trouble:
        raise UnsupportedError(
            f"{layer} has a scale for each channel at a place where no kernel supports it.", TRIES
        ) from trouble


def has_one_step(origin: Origin) -> bool:
    """Whether a value is stored as int8 with one scale for all channels."""
    return origin.int8 is not None and origin.quantised is not None and origin.quantised.has_one_step


def _unscaled(quantised: Quantization, value: Value) -> Quantization:
    """The quantisation of the origin that gives the scaled value the given quantisation."""
    if not value.is_scaled:
        return quantised
    factor = value.factor * (1.0 if value.channel_factor is None else value.channel_factor.astype(np.float64))
    return Quantization((quantised.scale / factor).astype(np.float32), quantised.zero_point)
