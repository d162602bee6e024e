"""Sums and products of single elements."""

from __future__ import annotations

import numpy as np

from tests.unit.kernels.reference.rounding import F, quantised


def add(
    a: np.ndarray, b: np.ndarray, zeros: tuple[int, int, int], steps: tuple[float, float], gain: float
) -> np.ndarray:
    u = (a.astype(np.int32) - zeros[0]).astype(F) * F(steps[0])
    v = (b.astype(np.int32) - zeros[1]).astype(F) * F(steps[1])
    return quantised((u + v) * F(gain), zeros[2])


def multiply(a: np.ndarray, b: np.ndarray, zeros: tuple[int, int, int], gain: float) -> np.ndarray:
    product = (a.astype(np.int32) - zeros[0]) * (b.astype(np.int32) - zeros[1])
    return quantised(product.astype(F) * F(gain), zeros[2])
