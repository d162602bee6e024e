"""The end of convolutions and products: sums of int8 products become an output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Epilogue:
    """The step from int32 sums to the output, see ocrm55_kernels.h.

    clamp: rint(sum * scale) + zero_point, within low..high. hard_swish: the same of the activated real value, times a
    gain. table16: by a table of 1 << (16 - table_shift) entries, one for all channels (table_stride 0) or for each.
    real: sum * scale as float32. stride: elements from one pixel of the output to the next.
    """

    activation: Literal["clamp", "hard_swish", "table16", "real"]
    stride: int
    zero_point: int = 0
    low: int = -128
    high: int = 127
    table_shift: int = 0
    table_stride: int = 0
