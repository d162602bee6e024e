"""Sums and factors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, SumInt8
from ocrm55.compiler.reference.cmsis_nn.fixed_point import Requantise, by, limited
from ocrm55.compiler.targets.cmsis_nn.fixed_point import ADD_SHIFT, Factor, addition


def _channel_multiply(requantise: Requantise, spec: ChannelMultiply, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    left = a.reshape(spec.rows, spec.count).astype(np.int32) - spec.zero_a
    products = left * (b.reshape(1, spec.count).astype(np.int32) - spec.zero_b)
    return limited(by(requantise, products, Factor.of(spec.gain)), spec.zero_y)


def _add(requantise: Requantise, spec: SumInt8, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    scale = addition(spec.step_a, spec.step_b, spec.step_y)
    left = by(requantise, (a.reshape(-1).astype(np.int64) - spec.zero_a) << ADD_SHIFT, scale.a)
    right = by(requantise, (b.reshape(-1).astype(np.int64) - spec.zero_b) << ADD_SHIFT, scale.b)
    return limited(by(requantise, left + right, scale.y), spec.zero_y)


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    ChannelMultiply: _channel_multiply,
    SumInt8: _add,
}
