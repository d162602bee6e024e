"""Convolutions of one int8 image: any window, one pixel, and one window a channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ocrm55.compiler.operators.float32 import Spec, live_macs
from ocrm55.compiler.operators.int8.epilogue import Epilogue


@dataclass(frozen=True)
class Convolution(Spec):
    """Convolution with any window.

    pads: top and left; what lies below and to the right follows from the output's size, which may leave out rows that
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


@dataclass(frozen=True)
class Pointwise(Convolution):
    """Convolution with a window of one pixel, and the fully connected layers: every pixel, or token, is a row.

    chunk: pixels of one call of the kernel, 0 for all of them; backwards: whether the last pixels come first.
    """

    kind: ClassVar[str] = "pointwise_int8"
    chunk: int = 0
    backwards: bool = False


@dataclass(frozen=True)
class Depthwise(Convolution):
    """Each channel with a window of its own: weights [channels, 1, kh, kw]."""

    kind: ClassVar[str] = "depthwise_int8"

    @property
    def macs(self) -> int:
        return self.outputs * self.output_height * self.output_width * prod(self.kernel)
