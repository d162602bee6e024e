"""A Program under construction: tensors, weights, operators, and the conversions between float32 and int8."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ocrm55.compiler.lowering.int8.values import Origin, Value, rows_by_channels
from ocrm55.compiler.operators import advice
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.elementwise import Dequantize, Quantize
from ocrm55.compiler.operators.program import Operator, Program, Quantization, Tensor
from ocrm55.compiler.operators.scales import Scales
from ocrm55.errors import UnsupportedError

TRIES = ["--precision float32", advice.INTEGER]
Writer = Callable[[Scales | None, np.ndarray], str]


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

    def quantise(self, value: Value, quantised: Scales) -> Value:
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
            name, reordered = self.convert(origin, quantised), False
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

    def convert(self, origin: Origin, quantised: Scales) -> str:
        assert origin.real is not None
        step = step_of(quantised, origin.layer)
        name = self.tensor((origin.rows, origin.channels), "int8", origin.layer)
        spec = Quantize(origin.count, float32(1 / step), quantised.zero_point)
        return self.operator(spec, [origin.real], name, origin.layer)

    def _dequantize(self, origin: Origin, stored: str, quantised: Scales) -> str:
        name = self.tensor((origin.rows, origin.channels), "float32", origin.layer)
        if quantised.has_one_step:
            spec = Dequantize(origin.count, quantised.step, quantised.zero_point)
            return self.operator(spec, [stored], name, origin.layer)
        spec = Dequantize(origin.count, 0.0, quantised.zero_point, origin.channels)
        steps = self.weight(quantised.scale.astype(np.float32), origin.layer, "steps")
        return self.operator(spec, [stored, steps], name, origin.layer)

    def mark_output(self, name: str) -> None:
        self.program.tensors[name].role = "output"


def float32(value: float) -> float:
    return float(np.float32(value))


def step_of(quantised: Scales, layer: str) -> float:
    try:
        return quantised.step
    except ValueError as trouble:
        raise UnsupportedError(f"{layer} has a scale for each channel where no kernel takes it.", TRIES) from trouble


def has_one_step(origin: Origin) -> bool:
    """Whether a value is stored as int8 with one scale for all channels."""
    return origin.int8 is not None and origin.quantised is not None and origin.quantised.has_one_step


def _unscaled(quantised: Scales, value: Value) -> Scales:
    """How the origin must be written so that the scaled value has the given quantisation."""
    if not value.is_scaled:
        return quantised
    factor = value.factor * (1.0 if value.channel_factor is None else value.channel_factor.astype(np.float64))
    return Scales((quantised.scale / factor).astype(np.float32), quantised.zero_point)


def integers(value: Value, layer: str, *, dense: bool = True) -> tuple[str, Scales]:
    """The int8 tensor behind a value that an integer kernel reads whole."""
    origin = value.origin
    if origin.int8 is None or origin.quantised is None:
        raise UnsupportedError(f"layer {layer} reads {origin.layer}, which is not quantised.", TRIES)
    if value.is_scaled and dense:
        raise UnsupportedError(f"{origin.layer} is scaled where no kernel does it.", TRIES)
    if dense and not Value(origin, rows_by_channels(value.index)).is_dense:
        raise UnsupportedError(f"layer {layer} reads {origin.layer} in an order that no kernel walks.", TRIES)
    return origin.int8, origin.quantised
