"""Means and largest values over windows of an int8 image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.repeat import Repeat

SAME_SCALE = 1e-4  # a scale may be raised by less than a mean of 960 pixels can show, see quantization/unfused.py


@dataclass(frozen=True)
class AveragePool(Spec):
    """Mean over windows: rint(float(sum of (x - zero_x)) * gain) + zero_y. gain is a float32. Input: image.

    repeat: columns that the sum counts more than once, if the window is the whole image.
    """

    kind: ClassVar[str] = "average_pool_int8"
    channels: int
    height: int
    width: int
    output_height: int
    output_width: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    zero_x: int
    zero_y: int
    gain: float
    repeat: Repeat | None = None

    @property
    def keeps_scale(self) -> bool:
        """Whether the mean is rounded to an integer without a change of scale, as in TFLite."""
        count = self.kernel[0] * self.kernel[1]
        return self.zero_x == self.zero_y and abs(self.gain * count - 1) < SAME_SCALE

    @property
    def elements(self) -> int:
        """Those that it reads."""
        return self.channels * self.height * self.width

    def with_last_column_for_all(self, steps: int, columns: int, full: int) -> Spec | None:
        """Of a mean over the whole image."""
        if self.kernel != (self.height, self.width) or self.width % steps:
            return None
        more = (full - columns) * self.width // columns
        gain = float(np.float32(self.gain * columns / full))
        return replace(self, gain=gain, repeat=Repeat(self.width - 1, 1, more))

    @property
    def rows_read(self) -> int:
        return (self.output_height - 1) * self.strides[0] + self.kernel[0]

    def with_input_rows(self, rows: int) -> Spec:
        return replace(self, height=rows)


@dataclass(frozen=True)
class MaxPool(Spec):
    """Largest of each window; places outside of the image do not count. pads: top and left. Input: image."""

    kind: ClassVar[str] = "max_pool_int8"
    channels: int
    height: int
    width: int
    output_height: int
    output_width: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int]
