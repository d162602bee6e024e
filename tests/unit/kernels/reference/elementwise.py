"""Sums and products of single elements."""

from __future__ import annotations

import numpy as np

from tests.unit.kernels.reference.rounding import F, quantised


def add(a: np.ndarray, b: np.ndarray, gains: tuple[int, int], offset: int, shift: int) -> np.ndarray:
    sums = a.astype(np.int64) * gains[0] + b.astype(np.int64) * gains[1] + offset
    return np.clip(np.floor(sums / 2.0**shift + 0.5), -128, 127).astype(np.int8)


def multiply(a: np.ndarray, b: np.ndarray, zeros: tuple[int, int, int], gain: float) -> np.ndarray:
    product = (a.astype(np.int32) - zeros[0]) * (b.astype(np.int32) - zeros[1])
    return quantised(product.astype(F) * F(gain), zeros[2])
