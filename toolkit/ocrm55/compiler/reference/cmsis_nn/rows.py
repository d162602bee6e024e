"""Softmax."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.rows import SoftmaxInt8
from ocrm55.compiler.reference.cmsis_nn.fixed_point import (
    INT32_MAX,
    Requantise,
    high_product,
    limited,
    saturated_left,
    shifted_right,
)
from ocrm55.compiler.targets.cmsis_nn.fixed_point import exponent

ACCUMULATOR_BITS = 12  # of softmax: bits that a sum of exponents may grow by


def _softmax(requantise: Requantise, spec: SoftmaxInt8, x: np.ndarray) -> np.ndarray:
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


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    SoftmaxInt8: _softmax,
}
