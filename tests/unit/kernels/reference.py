"""What the kernels must compute, independently of them: numpy, exact int64 sums, one float32 operation at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

CLAMP, HARD_SWISH, TABLE16, REAL = range(4)


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
    table_stride: int = 0
    gain: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def integers(self) -> list[int]:
        """In the order of kernel_runner.c."""
        return [self.activation, self.zero_point, self.low, self.high, self.table_shift, self.table_stride]

    def arrays(self) -> list[np.ndarray]:
        """In the order of kernel_runner.c."""
        return [self.scale, self.gain if self.activation == HARD_SWISH else self.table]

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
        index = rounded16(v).astype(np.uint16) >> e.table_shift
        return e.table[index + np.arange(acc.shape[-1]) * e.table_stride]
    if e.activation == HARD_SWISH:
        gate = np.minimum(np.maximum(v + np.float32(3), np.float32(0)), np.float32(6))
        v = (v * gate) * e.gain[: acc.shape[-1]].astype(np.float32)
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


F = np.float32


def quantised(v: np.ndarray, zero_point: int) -> np.ndarray:
    assert v.dtype == F
    return np.clip(rounded16(v) + zero_point, -128, 127).astype(np.int8)


def add(
    a: np.ndarray, b: np.ndarray, zeros: tuple[int, int, int], steps: tuple[float, float], gain: float
) -> np.ndarray:
    u = (a.astype(np.int32) - zeros[0]).astype(F) * F(steps[0])
    v = (b.astype(np.int32) - zeros[1]).astype(F) * F(steps[1])
    return quantised((u + v) * F(gain), zeros[2])


def multiply(a: np.ndarray, b: np.ndarray, zeros: tuple[int, int, int], gain: float) -> np.ndarray:
    product = (a.astype(np.int32) - zeros[0]) * (b.astype(np.int32) - zeros[1])
    return quantised(product.astype(F) * F(gain), zeros[2])


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


def row_sums(v: np.ndarray) -> np.ndarray:
    """Sums of the rows of [rows, n] floats in four interleaved parts, each added up in order."""
    padded = np.pad(v, ((0, 0), (0, -v.shape[1] % 4)))
    parts = np.zeros((len(v), 4), F)
    for i in range(0, padded.shape[1], 4):
        parts = parts + padded[:, i : i + 4]
    return (parts[:, 0] + parts[:, 1]) + (parts[:, 2] + parts[:, 3])


def power_of(t: np.ndarray) -> np.ndarray:
    """exp of float32 below 0, with the rounding that the kernels have."""
    t = np.maximum(t, F(-64))
    n = np.rint(t * F(1.44269504088896341))
    r = (t - n * F(0.693359375)) - n * F(-2.12194440e-4)
    p = r * F(1.9875691500e-4) + F(1.3981999507e-3)
    for coefficient in (8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        p = p * r + F(coefficient)
    p = (p * (r * r) + r) + F(1)
    assert p.dtype == F
    return (p.view(np.int32) + n.astype(np.int32) * (1 << 23)).view(F)


def softmax(x: np.ndarray, powers: np.ndarray, to_float: bool, place: int = 0, times: int = 1) -> np.ndarray:
    """Of the rows of x, float32 or int8. place: of an element that stands for `times` like it."""
    most = x.max(1, keepdims=True)
    e = power_of(x - most) if x.dtype == F else powers[most.astype(np.int32) - x]
    sums, once = row_sums(e), e[:, place].copy()
    e[:, place] = once * F(times)
    p = e * (F(1) / (sums + (e[:, place] - once)))[:, None]
    return p if to_float else quantised(p * F(256), -128)


def layer_norm(
    v: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float, gain: float | None, zero_y: int
) -> np.ndarray:
    inverse = F(1) / F(v.shape[1])
    d = v - (row_sums(v) * inverse)[:, None]
    r = F(1) / np.sqrt(row_sums(d * d) * inverse + F(epsilon))
    w = (d * r[:, None]) * gamma + beta
    assert w.dtype == F
    return w if gain is None else quantised(w * F(gain), zero_y)
