"""Convolutions of one int8 image: any window, one pixel, and one window a channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from ocrm55.compiler.operators.float32 import Spec, live_macs
from ocrm55.compiler.operators.int8.epilogue import Epilogue

TILE = 4  # pixels that share one reading of the weights


@dataclass(frozen=True)
class Convolution(Spec):
    """Convolution with any window.

    pads: top and left. The padding below and to the right follows from the output's size, which may leave out rows that
    nobody reads. Inputs: image int8, weights int8 as ONNX has them, bias int32 with the zero point folded in, scale
    float32, then gain float32 (hard_swish) or table int8 (table16).
    """

    kind: ClassVar[str] = "conv2d_int8"
    channels: int
    height: int
    width: int
    outputs: int
    output_height: int
    output_width: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int]
    zero_point: int
    epilogue: Epilogue

    @property
    def macs(self) -> int:
        return self.outputs * self.output_height * self.output_width * self.channels * prod(self.kernel)

    @property
    def live_macs(self) -> int:
        size, output = (self.height, self.width), (self.output_height, self.output_width)
        return live_macs(self.macs, size, output, self.kernel, self.strides, self.pads)

    @property
    def pixels(self) -> int:
        """Pixels of the output."""
        return self.output_height * self.output_width

    @property
    def variant(self) -> str:
        """The variant is the window; convolutions with one pixel, which are fully connected, are separate."""
        window = "x".join(map(str, self.kernel))
        return f"{self.kind} {window} {'one' if self.pixels == 1 else 'many'}"

    @property
    def elements(self) -> int:
        return self.outputs * self.pixels

    @property
    def weight_reads(self) -> float:
        return float(-(-self.pixels // TILE))

    @property
    def table_reads(self) -> int:
        """One entry an output."""
        return self.elements if self.epilogue.activation == "table16" else 0

    @property
    def column_stride(self) -> int:
        return self.strides[1]

    def with_columns(self, columns: int, outputs: int, elements: int) -> Spec:
        return replace(self, width=columns, output_width=outputs)

    @property
    def columns_beyond(self) -> int | None:
        if self.kernel[1] == 1:
            return None
        reached = (self.output_width - 1) * self.strides[1] + self.kernel[1] - self.pads[1]
        return max(0, reached - self.width)

    def widened(self, more: int) -> Spec:
        return replace(self, width=self.width + more)

    def with_output_rows(self, rows: int, elements: int) -> Spec:
        return replace(self, output_height=rows)


@dataclass(frozen=True)
class Pointwise(Convolution):
    """Convolution with a window of one pixel, and fully connected layers: every pixel, or token, is a row.

    chunk: pixels of one call of the kernel, 0 for all of them. backwards: whether the last pixels come first.
    """

    kind: ClassVar[str] = "pointwise_int8"
    chunk: int = 0
    backwards: bool = False

    @property
    def pixelwise(self) -> tuple[int, int, int]:
        return self.pixels, self.channels, self.outputs

    def in_chunks(self, pixels: int, backwards: bool) -> Spec:
        return replace(self, chunk=pixels, backwards=backwards)

    @property
    def reread_bytes(self) -> int:
        return (-(-self.pixels // self.chunk) - 1) * self.channels * self.outputs if self.chunk else 0

    def with_stride(self, stride: int) -> Spec:
        return replace(self, epilogue=replace(self.epilogue, stride=stride))


@dataclass(frozen=True)
class Depthwise(Convolution):
    """Convolution of each channel with a window of its own: weights [channels, 1, kh, kw]."""

    kind: ClassVar[str] = "depthwise_int8"

    @property
    def macs(self) -> int:
        return self.outputs * self.output_height * self.output_width * prod(self.kernel)

    @property
    def in_place(self) -> bool:
        return True

    @property
    def weight_reads(self) -> float:
        """Taps stay in registers over a row."""
        return float(self.output_height)

    @property
    def table_reads(self) -> int:
        return 0  # as often as its taps

    @property
    def rows_read(self) -> int:
        return (self.output_height - 1) * self.strides[0] + self.kernel[0] - self.pads[0]

    def with_input_rows(self, rows: int) -> Spec:
        return replace(self, height=rows)
