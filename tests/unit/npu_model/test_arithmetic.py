"""Scaling and rounding against the definitions, in Python's integers."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ocrm55.npu_model import activation
from ocrm55.npu_model.arithmetic import Rounding, count_leading_zeros, scale

ACCUMULATORS = st.integers(-(1 << 39), (1 << 39) - 1)
MULTIPLIERS = st.integers(0, (1 << 32) - 1)
SHIFTS = st.integers(0, 63)


def _half_away(value: Fraction) -> int:
    return floor(value + Fraction(1, 2)) if value >= 0 else -floor(-value + Fraction(1, 2))


@given(ACCUMULATORS, MULTIPLIERS, SHIFTS)
def test_natural_rounds_once_and_halves_up(value: int, multiplier: int, shift: int) -> None:
    expected = floor(Fraction(value * multiplier, 1 << shift) + Fraction(1, 2)) if shift else value * multiplier
    if abs(expected) < 1 << 62:
        assert scale(np.array([value]), multiplier, shift, Rounding.NATURAL)[0] == expected


@given(ACCUMULATORS, MULTIPLIERS, SHIFTS)
def test_tfl_rounds_twice_as_gemmlowp(value: int, multiplier: int, shift: int) -> None:
    first = min(shift, 31)
    high = floor(Fraction(value * multiplier, 1 << first) + Fraction(1, 2)) if first else value * multiplier
    expected = _half_away(Fraction(high, 1 << (shift - first)))
    if abs(expected) < 1 << 62:
        assert scale(np.array([value]), multiplier, shift, Rounding.TFL)[0] == expected


@given(ACCUMULATORS, MULTIPLIERS, SHIFTS)
def test_truncate_goes_towards_zero(value: int, multiplier: int, shift: int) -> None:
    expected = int(Fraction(value * multiplier, 1 << shift))
    if abs(expected) < 1 << 62:
        assert scale(np.array([value]), multiplier, shift, Rounding.TRUNCATE)[0] == expected


def test_each_channel_has_its_own_scale() -> None:
    values = np.array([[100, 100, 100]])
    result = scale(values, np.array([1, 3, 1 << 31]), np.array([1, 1, 31]), Rounding.TFL)
    assert result.tolist() == [[50, 150, 100]]


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_leading_zeros(value: int) -> None:
    assert count_leading_zeros(np.array([value]))[0] == 32 - (value & 0xFFFFFFFF).bit_length()


def test_a_32_bit_map_is_not_clipped_by_16_bit_registers() -> None:
    assert activation.clip_limits(0, 0x8000, 0x7FFF, np.dtype(np.int32)) == (-(1 << 31), (1 << 31) - 1)
    assert activation.clip_limits(3, 0x8000, 0x7FFF, np.dtype(np.int32)) == (-128, 127)
    assert activation.clip_limits(0, 0xFFFB, 20, np.dtype(np.int8)) == (-5, 20)


def test_tanh_and_sigmoid_are_close_to_the_functions() -> None:
    values = np.arange(-120000, 120000, 7)
    real = values / (3 * 4096)
    assert np.abs(activation.sigmoid(values) - 32768 / (1 + np.exp(-real))).max() < 4
    assert np.abs(activation.tanh(values) - 32768 * np.tanh(real)).max() < 6
