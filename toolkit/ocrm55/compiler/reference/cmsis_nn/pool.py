"""Means over windows; largest values are the same as in int8."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.pool import AveragePool
from ocrm55.compiler.reference.cmsis_nn.fixed_point import Requantise, limited
from ocrm55.compiler.reference.int8.pool import pooled_sums


def _average_pool(requantise: Requantise, spec: AveragePool, x: np.ndarray) -> np.ndarray:
    """The mean of the integers themselves, halves away from zero."""
    sums = pooled_sums(spec, x).astype(np.int64)
    count = spec.kernel[0] * spec.kernel[1]
    mean = (np.abs(sums) + count // 2) // count * np.sign(sums)
    return limited(mean, 0)


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    AveragePool: _average_pool,
}
