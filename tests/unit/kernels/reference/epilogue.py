"""Sums of products to outputs: struct ocrm55_epilogue."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tests.unit.kernels.reference.rounding import rounded16

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
