"""CMSIS-NN's computations in numpy, to the last bit: integer sums requantised by multiplier and shift.

They are written from TFLite's definition of its int8 operators, which CMSIS-NN promises to follow. A library may have
been built to round once (CMSIS_NN_USE_SINGLE_ROUNDING), as TFLite may, or twice. Softmax and averages are the same in
both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, SumInt8
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.int8.pool import AveragePool
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.operators.int8.rows import SoftmaxInt8
from ocrm55.compiler.operators.program import Operator
from ocrm55.compiler.reference.int8 import convolution, pool, product
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets.cmsis_nn import int4 as cmsis_nn_int4
from ocrm55.compiler.targets.cmsis_nn.fixed_point import ADD_SHIFT, Factor, addition, exponent, multiplier_and_shift
from ocrm55.compiler.targets.cmsis_nn.target import NAME

INT32_MAX, INT32_MIN = 2**31 - 1, -(2**31)
ACCUMULATOR_BITS = 12  # of softmax: bits that a sum of exponents may grow by


@dataclass
class CmsisNnReference(IntegerReference):
    """Runs a Program. Some operators are CMSIS-NN's; the others are computed as our own kernels do.

    rounds_once: how the library was built, see libraries.rounds_once.
    """

    rounds_once: bool = True

    def compute(self, operator: Operator) -> Callable[..., np.ndarray] | None:
        kind = type(operator.spec)
        if operator.target != NAME:
            return super().compute(operator)
        if kind in _REQUANTISING:
            return partial(_REQUANTISING[kind], rounded_once if self.rounds_once else rounded_twice)
        return _COMPUTE.get(kind) or super().compute(operator)  # the largest of integers, for one, is the same


# --- fixed point -----------------------------------------------------------------------------------------------------


def high_product(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """a * b / 2^31, rounded to nearest, halves up: VQRDMULH."""
    return np.minimum((np.asarray(a, np.int64) * b + (1 << 30)) >> 31, INT32_MAX)


def shifted_right(v: np.ndarray, bits: np.ndarray | int) -> np.ndarray:
    """v / 2^bits, rounded to nearest, halves away from zero."""
    remainder_mask = (np.int64(1) << bits) - 1
    threshold = (remainder_mask >> 1) + (v < 0)
    return (v >> bits) + ((v & remainder_mask) > threshold)


def rounded_twice(v: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """v * multiplier * 2^(shift - 31): the product is rounded, then the rest of the shift is rounded again."""
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    return shifted_right(high_product(np.asarray(v, np.int64) << left, multiplier), right)


def rounded_once(v: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """v * multiplier * 2^(shift - 31), rounded to nearest, halves up."""
    bits = 31 - np.asarray(shift, np.int64)
    return (((np.asarray(v, np.int64) * multiplier) >> (bits - 1)) + 1) >> 1


def rounded_in_part(v: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int) -> np.ndarray:
    """The arithmetic in partly filled vectors of a library that rounds once: there it rounds the product too."""
    right = np.maximum(-np.asarray(shift, np.int64), 1)
    product = high_product(np.asarray(v, np.int64) << (shift + right), multiplier)
    return (product + (np.int64(1) << (right - 1))) >> right


Requantise = Callable[[np.ndarray, np.ndarray | int, np.ndarray | int], np.ndarray]


def by(requantise: Requantise, v: np.ndarray, factor: Factor) -> np.ndarray:
    return requantise(v, factor.multiplier, factor.shift)


def limited(v: np.ndarray, zero_point: int, low: int = -128, high: int = 127) -> np.ndarray:
    return np.clip(v + zero_point, low, high).astype(np.int8)


# --- operators -------------------------------------------------------------------------------------------------------


def _finish(requantise: Requantise, sums: np.ndarray, spec: Convolution, scale: np.ndarray) -> np.ndarray:
    e = spec.epilogue
    return limited(requantise(sums, *multiplier_and_shift(scale)), e.zero_point, e.low, e.high)


def _summed(
    requantise: Requantise, spec: Convolution, sums: np.ndarray, w: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Sums [pixels, outputs] of int8 or int4 weights to outputs."""
    result = _finish(requantise, sums, spec, scale)
    last = cmsis_nn_int4.last_pixels(len(sums)) if cmsis_nn_int4.in_int4(spec, w) else 0
    if last and requantise is rounded_once:
        result[-last:] = _finish(rounded_in_part, sums[-last:], spec, scale)
    return result


def _pointwise(
    requantise: Requantise, spec: Pointwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    return _summed(requantise, spec, convolution.pointwise_sums(spec, x, w, bias), w, scale)


def _convolution(
    requantise: Requantise, spec: Convolution, x: np.ndarray, w: np.ndarray, bias: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    return _summed(requantise, spec, convolution.convolution_sums(spec, x, w, bias), w, scale)


def _depthwise(
    requantise: Requantise, spec: Depthwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    return _finish(requantise, convolution.depthwise_sums(spec, x, w, bias), spec, scale)


def _product(requantise: Requantise, spec: Product, a: np.ndarray, b: np.ndarray, scale: np.ndarray) -> np.ndarray:
    e = spec.epilogue
    factor = Factor.of(float(scale[0]))
    result = limited(by(requantise, product.product_sums(spec, a, b), factor), e.zero_point, e.low, e.high)
    return product.placed_product(spec, result)


def _average_pool(spec: AveragePool, x: np.ndarray) -> np.ndarray:
    """The mean of the integers themselves, halves away from zero."""
    sums = pool.pooled_sums(spec, x).astype(np.int64)
    count = spec.kernel[0] * spec.kernel[1]
    mean = (np.abs(sums) + count // 2) // count * np.sign(sums)
    return limited(mean, 0)


def _channel_multiply(requantise: Requantise, spec: ChannelMultiply, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    left = a.reshape(spec.rows, spec.count).astype(np.int32) - spec.zero_a
    products = left * (b.reshape(1, spec.count).astype(np.int32) - spec.zero_b)
    return limited(by(requantise, products, Factor.of(spec.gain)), spec.zero_y)


def _add(requantise: Requantise, spec: SumInt8, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    scale = addition(spec.step_a, spec.step_b, spec.step_y)
    left = by(requantise, (a.reshape(-1).astype(np.int64) - spec.zero_a) << ADD_SHIFT, scale.a)
    right = by(requantise, (b.reshape(-1).astype(np.int64) - spec.zero_b) << ADD_SHIFT, scale.b)
    return limited(by(requantise, left + right, scale.y), spec.zero_y)


def _copy(spec: CopyRows, x: np.ndarray) -> np.ndarray:
    return x


# --- softmax ---------------------------------------------------------------------------------------------------------


def _softmax(spec: SoftmaxInt8, x: np.ndarray) -> np.ndarray:
    scale = exponent(spec.step)
    rows = x.reshape(spec.rows, spec.count).astype(np.int64)
    difference = rows - rows.max(axis=1, keepdims=True)
    counts = difference >= scale.least
    argument = high_product(np.where(counts, difference, 0) << scale.factor.shift, scale.factor.multiplier)
    powers = power(argument)
    sums = np.where(counts, shifted_right(powers, ACCUMULATOR_BITS), 0).sum(axis=1, keepdims=True)
    headroom = np.asarray([32 - int(s).bit_length() for s in sums.reshape(-1)], np.int64).reshape(-1, 1)
    inverse = one_over_one_plus((sums << headroom) - (1 << 31))
    bits = ACCUMULATOR_BITS - headroom + 23
    result = shifted_right(high_product(powers, inverse), bits)
    return np.where(counts, limited(result, -128), np.int8(-128))


def power(v: np.ndarray) -> np.ndarray:
    """exp of v <= 0 with 5 integer bits, as a fraction of 2^31: a polynomial below 1/4, factors for each bit above."""
    quarter = 1 << 24
    part = (v & (quarter - 1)) - quarter
    remainder = part - v
    x = (part << 5) + (1 << 28)
    x2 = high_product(x, x)
    x3, x4 = high_product(x2, x), high_product(x2, x2)
    series = x + shifted_right(high_product(shifted_right(x4, 2) + x3, 715827883) + x2, 1)
    result = 1895147668 + high_product(series, 1895147668)
    factors = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for bit, factor in enumerate(factors, start=24):
        result = np.where(remainder & (1 << bit), high_product(result, factor), result)
    return np.where(v == 0, INT32_MAX, result)


def one_over_one_plus(v: np.ndarray) -> np.ndarray:
    """1 / (1 + v) for a fraction v of 2^31 in 0 .. 1, by three steps of Newton's method."""
    total = v + INT32_MAX
    half = (total + np.where(total >= 0, 1, -1)) // 2  # total is never negative
    x = 1515870810 + high_product(half, -1010580540)
    for _ in range(3):
        x = x + saturated_left(high_product(x, (1 << 29) - high_product(half, x)), 2)
    return saturated_left(x, 1)


def saturated_left(v: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(v << bits, INT32_MIN, INT32_MAX)


_REQUANTISING: dict[type, Callable[..., np.ndarray]] = {
    Pointwise: _pointwise,
    Convolution: _convolution,
    Depthwise: _depthwise,
    Product: _product,
    ChannelMultiply: _channel_multiply,
    SumInt8: _add,
}
_COMPUTE: dict[type, Callable[..., np.ndarray]] = {
    AveragePool: _average_pool,
    SoftmaxInt8: _softmax,
    CopyRows: _copy,
}
