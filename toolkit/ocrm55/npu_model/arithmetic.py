"""The output stage's arithmetic: fixed-point scaling with the three rounding modes, exact in 64 bits or beyond.

TFL is TensorFlow Lite's double rounding (gemmlowp): a high multiplication that rounds at bit 31, then a shift that
rounds halves away from zero. NATURAL rounds halves up, once. TRUNCATE rounds towards zero.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.int64]


class Rounding(IntEnum):
    """OFM_PRECISION and IFM_PRECISION, bits 15..14."""

    TFL = 0
    TRUNCATE = 1
    NATURAL = 2


def scale(values: Values, multiplier: Values | int, shift: Values | int, rounding: Rounding) -> Values:
    """values * multiplier / 2**shift, rounded. Multiplier and shift are one number each or one a channel."""
    multiplier, shift = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    if not shift.any() and np.all(multiplier == 1):
        return values
    most = int(np.abs(values).max(initial=0)) * int(np.abs(multiplier).max(initial=0))
    if most >= 1 << 62:
        # Products beyond 64 bits (32-bit operands of a softmax): Python's integers, exact and slow, on few values.
        wide = values.astype(object) * multiplier.astype(object)
        return _round_shift(wide, shift.astype(object), rounding).astype(np.int64)
    return _round_shift(values * multiplier, shift, rounding)


def _round_shift(product: NDArray[Any], shift: NDArray[Any], rounding: Rounding) -> NDArray[Any]:
    if rounding == Rounding.TFL:
        first = np.minimum(shift, 31)
        return half_away(half_up(product, first), shift - first)
    if rounding == Rounding.NATURAL:
        return half_up(product, shift)
    negative = product < 0
    magnitude = np.where(negative, -product, product) >> shift
    return np.where(negative, -magnitude, magnitude)


def half_up(values: NDArray[Any], shift: NDArray[Any]) -> NDArray[Any]:
    """values / 2**shift, halves towards plus infinity."""
    return (values + _half(shift)) >> shift


def half_away(values: NDArray[Any], shift: NDArray[Any]) -> NDArray[Any]:
    """values / 2**shift, halves away from zero."""
    if not np.any(shift):
        return values
    # Taking one off a negative value turns "halves up" into "halves down"; with no shift there are no halves.
    return (values + _half(shift) - ((values < 0) & (shift > 0))) >> shift


def _half(shift: NDArray[Any]) -> NDArray[Any]:
    """Half of the divisor of a shift; 0 for no shift. (1 << 63 does not fit.)"""
    half: NDArray[Any] = (1 << np.maximum(shift - 1, 0)) * (shift > 0)
    return half


def count_leading_zeros(values: Values) -> Values:
    """The number of leading zeros of 32-bit values; 32 for zero."""
    unsigned = values & 0xFFFFFFFF
    # frexp's exponent is the number of bits of an integer, exact below 2**53.
    bits: Values = np.frexp(unsigned.astype(np.float64))[1].astype(np.int64)
    return 32 - bits
