"""Softmax and layer norm."""

from __future__ import annotations

import numpy as np

from tests.unit.kernels.reference.rounding import F, quantised


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
