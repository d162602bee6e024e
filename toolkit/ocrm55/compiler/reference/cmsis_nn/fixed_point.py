"""Products of integers by multiplier and shift, as the library rounds them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.targets.cmsis_nn.fixed_point import Factor

INT32_MAX, INT32_MIN = 2**31 - 1, -(2**31)


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


def saturated_left(v: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(v << bits, INT32_MIN, INT32_MAX)
