"""Operators on single elements: sums, factors, functions, and conversions to and from float32."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor, log2
from typing import ClassVar

from ocrm55.compiler.operators.float32 import Spec

LARGEST_GAIN, LARGEST_SHIFT = 32767, 22  # of a sum of int8: gains are int16, sums int32


@dataclass(frozen=True)
class ChannelMultiply(Spec):
    """Every row of an image times one row of gates: rint(float((a - zero_a) * (b - zero_b)) * gain) + zero_y."""

    kind: ClassVar[str] = "multiply_int8"
    rows: int
    count: int
    zero_a: int
    zero_b: int
    zero_y: int
    gain: float

    @property
    def in_place(self) -> bool:
        return True


@dataclass(frozen=True)
class Sum(Spec):
    """a + b, float32."""

    kind: ClassVar[str] = "add_float32"
    count: int

    @property
    def in_place(self) -> bool:
        return True


@dataclass(frozen=True)
class WholeSum:
    """A sum in whole numbers: (a * gain_a + b * gain_b + offset) >> shift, rounded half up."""

    gain_a: int
    gain_b: int
    offset: int
    shift: int


@dataclass(frozen=True)
class SumInt8(Spec):
    """a + b of int8 tensors; a step and a zero point give the real values of each."""

    kind: ClassVar[str] = "add_int8"
    count: int
    step_a: float
    zero_a: int
    step_b: float
    zero_b: int
    step_y: float
    zero_y: int

    @property
    def in_place(self) -> bool:
        return True

    @property
    def whole(self) -> WholeSum:
        """The sum as kernels compute it: the larger gain has 15 bits. Gains of turned signs are below zero."""
        gains = self.step_a / self.step_y, self.step_b / self.step_y
        largest = max(map(abs, gains))
        shift = min(max(floor(log2(LARGEST_GAIN / largest)), 1), LARGEST_SHIFT) if largest else LARGEST_SHIFT
        a, b = (max(min(round(gain * (1 << shift)), LARGEST_GAIN), -LARGEST_GAIN) for gain in gains)
        return WholeSum(a, b, (self.zero_y << shift) - self.zero_a * a - self.zero_b * b, shift)


@dataclass(frozen=True)
class SumUpsampled(Spec):
    """a + b of int8 images, where b is enlarged to the nearest pixels, `factors` times in height and in width.

    height, width, channels: of a and of the sum. steps, zero points: as those of SumInt8.
    """

    kind: ClassVar[str] = "add_upsampled_int8"
    height: int
    width: int
    channels: int
    factors: tuple[int, int]
    step_a: float
    zero_a: int
    step_b: float
    zero_b: int
    step_y: float
    zero_y: int

    @property
    def in_place(self) -> bool:
        return True

    @property
    def of_one_size(self) -> SumInt8:
        """The same sum of images that are equally large."""
        count = self.height * self.width * self.channels
        return SumInt8(count, self.step_a, self.zero_a, self.step_b, self.zero_b, self.step_y, self.zero_y)


@dataclass(frozen=True)
class Lookup(Spec):
    """A function of one value, where int8 goes in and int8 comes out. Inputs: x int8, table int8 of 256 entries.

    function: the kind of the Activation, for a target that needs no table; its result times gain, plus offset.
    """

    kind: ClassVar[str] = "lookup_int8"
    follows_rows: ClassVar[bool] = True
    count: int
    function: str = ""
    gain: float = 1.0
    offset: float = 0.0

    @property
    def in_place(self) -> bool:
        return True

    @property
    def column_stride(self) -> int:
        return 1

    def with_columns(self, columns: int, outputs: int, elements: int) -> Spec:
        return replace(self, count=elements)

    def with_output_rows(self, rows: int, elements: int) -> Spec:
        return replace(self, count=elements)


@dataclass(frozen=True)
class Quantize(Spec):
    """float32 to int8: rint(x * gain) + zero_point."""

    kind: ClassVar[str] = "quantize"
    count: int
    gain: float
    zero_point: int


@dataclass(frozen=True)
class Dequantize(Spec):
    """int8 to float32: (q - zero_point) * step. With `channels`, their steps are a second input, and `step` is 0."""

    kind: ClassVar[str] = "dequantize"
    count: int
    step: float
    zero_point: int
    channels: int = 0
