"""Layer norm and softmax, one float32 operation after the other as their kernels do it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.repeat import Repeat
from ocrm55.compiler.operators.int8.rows import NormalisedRows, SoftmaxInt8, SoftmaxRows
from ocrm55.compiler.reference.int8.arithmetic import F, rounded


def _layer_norm(spec: NormalisedRows, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    v = x.reshape(spec.rows, spec.count)
    inverse = F(1) / F(spec.count)
    d = v - (row_sums(v) * inverse)[:, None]
    r = F(1) / np.sqrt(row_sums(d * d) * inverse + F(spec.epsilon))
    w = (d * r[:, None]) * gamma + beta
    return rounded(w * F(spec.gain), spec.zero_point) if spec.gain else w


def _softmax(spec: SoftmaxRows, x: np.ndarray) -> np.ndarray:
    v = x.reshape(spec.rows, spec.count)
    e = power(v - v.max(axis=1, keepdims=True))
    p = shares(e, spec.repeat)
    return rounded(p * F(256), -128) if spec.quantised else p


def _softmax_int8(spec: SoftmaxInt8, x: np.ndarray) -> np.ndarray:
    v = x.reshape(spec.rows, spec.count).astype(np.int32)
    e = tables.softmax_powers(spec.step)[v.max(axis=1, keepdims=True) - v]
    return rounded(shares(e, spec.repeat) * F(256), -128)


def shares(e: np.ndarray, repeat: Repeat | None) -> np.ndarray:
    """Each element's share of its row's sum. A repeated element counts that often in the sum."""
    sums = row_sums(e)
    if repeat is not None:
        e, once = e.copy(), e[:, repeat.first]
        e[:, repeat.first] = once * F(1 + repeat.more)
        sums = sums + (e[:, repeat.first] - once)
    return e * (F(1) / sums)[:, None]


def row_sums(v: np.ndarray) -> np.ndarray:
    """Sums over rows of float32, in the kernels' order: in four parts, i modulo 4, then (0 + 1) + (2 + 3)."""
    padded = np.pad(v, ((0, 0), (0, -v.shape[1] % 4))).reshape(len(v), -1, 4)
    parts = np.zeros((len(v), 4), F)
    for column in range(padded.shape[1]):
        parts += padded[:, column]
    return (parts[:, 0] + parts[:, 1]) + (parts[:, 2] + parts[:, 3])


def power(t: np.ndarray) -> np.ndarray:
    """exp(t) for t <= 0, by the polynomial of softmax.c."""
    t = np.maximum(t, F(-64))
    whole = np.rint(t * F(1.44269504088896341))
    r = (t - whole * F(0.693359375)) - whole * F(-2.12194440e-4)
    p = r * F(1.9875691500e-4) + F(1.3981999507e-3)
    for coefficient in (8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        p = p * r + F(coefficient)
    p = (p * (r * r) + r) + F(1)
    return (p.view(np.int32) + whole.astype(np.int32) * (1 << 23)).view(F)


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    NormalisedRows: _layer_norm,
    SoftmaxRows: _softmax,
    SoftmaxInt8: _softmax_int8,
}
