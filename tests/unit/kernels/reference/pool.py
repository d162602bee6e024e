"""Means and largest values of windows."""

from __future__ import annotations

import numpy as np

from tests.unit.kernels.reference.rounding import F, quantised


def average_pool(
    x: np.ndarray, kernel: tuple[int, int], strides: tuple[int, int], zeros: tuple[int, int], gain: float
) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.int64) - zeros[0], kernel, (0, 1))
    sums = windows[:: strides[0], :: strides[1]].sum((-2, -1))
    return quantised(sums.astype(F) * F(gain), zeros[1])


def max_pool(
    x: np.ndarray, kernel: tuple[int, int], strides: tuple[int, int], pads: tuple[int, int, int, int]
) -> np.ndarray:
    """pads: top, left, bottom, right, of what is less than anything."""
    top, left, bottom, right = pads
    padded = np.pad(x.astype(np.int32), ((top, bottom), (left, right), (0, 0)), constant_values=-999)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, (0, 1))
    return windows[:: strides[0], :: strides[1]].max((-2, -1)).astype(np.int8)
