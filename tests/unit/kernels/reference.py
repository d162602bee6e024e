"""What the kernels must compute, independently of them: numpy, exact int64 sums, one float32 operation at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

CLAMP, HARD_SWISH, TABLE8, TABLE16, REAL = range(5)


@dataclass
class Epilogue:
    """struct ocrm55_epilogue."""

    scale: np.ndarray
    activation: int = CLAMP
    zero_point: int = 0
    low: int = -128
    high: int = 127
    table: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))
    table_shift: int = 0
    gain: float = 0.0

    def integers(self) -> list[int]:
        """In the order of kernel_runner.c."""
        bits = int(np.float32(self.gain).view(np.int32))
        return [self.activation, self.zero_point, self.low, self.high, self.table_shift, bits]

    def dtype(self) -> type:
        return np.float32 if self.activation == REAL else np.int8


def rounded16(v: np.ndarray) -> np.ndarray:
    """To nearest, ties to even, saturated to int16."""
    return np.clip(np.rint(v), -32768, 32767).astype(np.int64)


def finish(acc: np.ndarray, e: Epilogue) -> np.ndarray:
    """Sums [..., channel] to outputs."""
    assert np.abs(acc).max(initial=0) < 2**31
    v = acc.astype(np.int32).astype(np.float32) * e.scale[: acc.shape[-1]].astype(np.float32)
    assert v.dtype == np.float32
    if e.activation == REAL:
        return v
    if e.activation == TABLE16:
        return e.table[rounded16(v).astype(np.uint16) >> e.table_shift]
    if e.activation == TABLE8:
        return e.table[np.clip(rounded16(v) + e.zero_point, -128, 127).astype(np.uint8)]
    if e.activation == HARD_SWISH:
        gate = np.minimum(np.maximum(v + np.float32(3), np.float32(0)), np.float32(6))
        v = (v * gate) * np.float32(e.gain)
        assert v.dtype == np.float32
    return np.clip(rounded16(v) + e.zero_point, e.low, e.high).astype(np.int8)


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


Function = Callable[[np.ndarray], np.ndarray]
