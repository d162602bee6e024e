"""Operators that compute each element by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.elementwise import (
    ChannelMultiply,
    Dequantize,
    Lookup,
    Quantize,
    Sum,
    SumInt8,
    SumUpsampled,
)
from ocrm55.compiler.reference.int8.arithmetic import F, rounded


def _channel_multiply(spec: ChannelMultiply, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    left = a.reshape(spec.rows, spec.count).astype(np.int32) - spec.zero_a
    products = left * (b.reshape(1, spec.count).astype(np.int32) - spec.zero_b)
    return rounded(products.astype(F) * F(spec.gain), spec.zero_y)


def _sum(spec: Sum, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.reshape(-1) + b.reshape(-1)


def _sum_int8(spec: SumInt8, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    whole = spec.whole
    left, right = (x.reshape(-1).astype(np.int32) for x in (a, b))
    sums = left * whole.gain_a + right * whole.gain_b + whole.offset
    return np.clip((sums + (1 << (whole.shift - 1))) >> whole.shift, -128, 127).astype(np.int8)


def _sum_upsampled(spec: SumUpsampled, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    rows, columns = spec.factors
    low = b.reshape(spec.height // rows, spec.width // columns, spec.channels)
    return _sum_int8(spec.of_one_size, a, low.repeat(rows, axis=0).repeat(columns, axis=1))


def _lookup(spec: Lookup, x: np.ndarray, table: np.ndarray) -> np.ndarray:
    return table[x.view(np.uint8)]


def _quantize(spec: Quantize, x: np.ndarray) -> np.ndarray:
    return rounded(x * F(spec.gain), spec.zero_point)


def _dequantize(spec: Dequantize, x: np.ndarray, *steps: np.ndarray) -> np.ndarray:
    whole = (x.astype(np.int32) - spec.zero_point).astype(F)
    return (whole.reshape(-1, spec.channels) * steps[0]).reshape(x.shape) if steps else whole * F(spec.step)


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    ChannelMultiply: _channel_multiply,
    Sum: _sum,
    SumInt8: _sum_int8,
    SumUpsampled: _sum_upsampled,
    Lookup: _lookup,
    Quantize: _quantize,
    Dequantize: _dequantize,
}
