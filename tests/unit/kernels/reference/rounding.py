"""Values to int8."""

from __future__ import annotations

import numpy as np

F = np.float32


def rounded16(v: np.ndarray) -> np.ndarray:
    """To nearest, ties to even, saturated to int16."""
    return np.clip(np.rint(v), -32768, 32767).astype(np.int64)


def quantised(v: np.ndarray, zero_point: int) -> np.ndarray:
    assert v.dtype == F
    return np.clip(rounded16(v) + zero_point, -128, 127).astype(np.int8)
