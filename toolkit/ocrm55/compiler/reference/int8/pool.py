"""Means and largest values over windows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.reference.int8.arithmetic import F, rounded, sliding


def _average_pool(spec: AveragePool, x: np.ndarray) -> np.ndarray:
    sums = pooled_sums(spec, x) - spec.kernel[0] * spec.kernel[1] * spec.zero_x
    if spec.repeat is not None:
        image = x.reshape(-1, spec.width, spec.channels)[: spec.height].astype(np.int32) - spec.zero_x
        first, last = spec.repeat.first, spec.repeat.first + spec.repeat.count
        sums = sums + spec.repeat.more * image[:, first:last].sum(axis=(0, 1))
    return rounded(sums.astype(F) * F(spec.gain), spec.zero_y)


def pooled_sums(spec: AveragePool, x: np.ndarray) -> np.ndarray:
    """Sums of the integers, zero point and all, over each window."""
    image = x.reshape(-1, spec.width, spec.channels)[: spec.height].astype(np.int32)
    windows = sliding(image, spec.kernel)
    windows = windows[:: spec.strides[0], :: spec.strides[1]][: spec.output_height, : spec.output_width]
    return windows.sum(axis=(3, 4))


def _max_pool(spec: MaxPool, x: np.ndarray) -> np.ndarray:
    image = x.reshape(spec.height, spec.width, spec.channels)
    starts = [
        np.arange(n) * s - p
        for n, s, p in zip((spec.output_height, spec.output_width), spec.strides, spec.pads, strict=True)
    ]
    y = np.empty((spec.output_height, spec.output_width, spec.channels), np.int8)
    for row, top in enumerate(starts[0]):
        for column, left in enumerate(starts[1]):
            window = image[max(top, 0) : top + spec.kernel[0], max(left, 0) : left + spec.kernel[1]]
            y[row, column] = window.max(axis=(0, 1))
    return y


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    AveragePool: _average_pool,
    MaxPool: _max_pool,
}
