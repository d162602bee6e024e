"""Convolutions with any window."""

from __future__ import annotations

import numpy as np


def conv(
    x: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    zero: int,
) -> np.ndarray:
    """Sums of a convolution: x [H, W, C], weights [O, I, kh, kw] (I = 1, O = C: depthwise), pads top left bottom right.

    The bias has the zero point folded in, so x counts as it is and the border holds the zero point.
    """
    top, left, bottom, right = pads
    padded = np.pad(x.astype(np.int64), ((top, bottom), (left, right), (0, 0)), constant_values=zero)
    out, inputs, kh, kw = weights.shape
    depthwise = inputs == 1 and out == x.shape[2] and out > 1
    height = (padded.shape[0] - kh) // strides[0] + 1
    width = (padded.shape[1] - kw) // strides[1] + 1
    acc = np.broadcast_to(bias.astype(np.int64), (height, width, out)).copy()
    for dy in range(kh):
        for dx in range(kw):
            part = padded[
                dy : dy + (height - 1) * strides[0] + 1 : strides[0],
                dx : dx + (width - 1) * strides[1] + 1 : strides[1],
            ]
            w = weights[:, :, dy, dx].astype(np.int64)
            acc += part * w[:, 0] if depthwise else part @ w.T
    return acc
