"""Values that cases are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ocrm55.bench.runner import Case
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.targets.m55 import packing
from tests.unit.kernels.reference.epilogue import CLAMP, HARD_SWISH, REAL, TABLE16, Epilogue

Expected = tuple[Case, np.ndarray]
Cases = dict[str, Callable[[], Iterator[Expected]]]  # of each kernel
int8 = np.int8


class Random:
    """Values for cases; `extreme` fills tensors with the ends of the range instead."""

    def __init__(self, seed: int, extreme: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.extreme = extreme

    def tensor(self, *shape: int) -> np.ndarray:
        if self.extreme:  # all at one end, so that sums reach their bounds, or at random ends
            ends = np.array([-128, 127], np.int8)
            return np.full(shape, self.rng.choice(ends)) if self.rng.integers(3) else self.rng.choice(ends, shape)
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def weights(self, *shape: int) -> np.ndarray:
        if self.extreme:  # all of one sign by channel, so that sums reach their bounds
            sign = self.rng.choice(np.array([-128, 127], np.int8), (shape[0], *[1] * (len(shape) - 1)))
            return np.broadcast_to(sign, shape).copy()
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def bias(self, channels: int) -> np.ndarray:
        return self.rng.integers(-50000, 50000, channels).astype(np.int32)

    def zero_point(self) -> int:
        return int(self.rng.choice([-128, -3, 0, 7, 127]))

    def epilogue(self, channels: int, depth: int, activation: int) -> Epilogue:
        """Outputs that use their range and now and then leave it."""
        steps = {CLAMP: 60, HARD_SWISH: 2, TABLE16: 15000, REAL: 1}[activation]
        scales = self.rng.uniform(0.2, 2, channels) * steps / (depth**0.5 * 73 * 73)
        e = Epilogue(packing.scale(scales, channels), activation, self.zero_point())
        if activation in (CLAMP, HARD_SWISH) and self.rng.integers(2):
            e.low, e.high = sorted(int(v) for v in self.rng.integers(-128, 128, 2))
        if activation == HARD_SWISH:
            e.gain = packing.scale(1 / (6 * self.rng.uniform(0.01, 0.1, channels)), channels)
        if activation == TABLE16:
            e.table_shift = int(self.rng.integers(1, 9))
            e.table = self.tensor(1 << (16 - e.table_shift))
            if e.table_shift >= 2 and self.rng.integers(2):  # a table for each channel
                e.table_stride = len(e.table) + int(self.rng.choice([0, 3])) * (e.table_shift > 2)
                e.table = self.tensor(tables.pad_channels(e.scale).size * e.table_stride)
        return e


def bits(value: float) -> int:
    return int(np.float32(value).view(np.int32))


COUNTS = (1, 3, 4, 15, 16, 17, 40, 97, 120, 255, 1000)
