"""Operators on int8 tensors, as the kernels of firmware/kernels compute them.

Tensors lie in the kernels' order: rows, columns, channels, one image. A real value is scale * (q - zero_point).
reference.py says in numpy what each of these computes, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

from ocrm55.compiler.operators.float32 import Spec, live_macs


@dataclass(frozen=True)
class Epilogue:
    """How int32 sums become the output, see ocrm55_kernels.h.

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


@dataclass(frozen=True)
class Product(Spec):
    """`batches` products of two activations: y[m][n] = epilogue(sum over k of (a[m][k] - zero_a) * b[n][k]).

    Strides in elements. Inputs: a, b int8, scale float32 for each n. offset_a, offset_b: element where each starts.
    """

    kind: ClassVar[str] = "matmul_int8"
    batches: int
    rows: int
    columns: int
    depth: int
    a_batch: int
    a_row: int
    b_batch: int
    b_column: int
    b_depth: int
    y_batch: int
    zero_a: int
    epilogue: Epilogue
    offset_a: int = 0
    offset_b: int = 0

    @property
    def macs(self) -> int:
        return self.batches * self.rows * self.columns * self.depth


@dataclass(frozen=True)
class Repeat:
    """Columns that stand for others like them, see widths.py: `count` from `first` on are there `more` times more."""

    first: int
    count: int
    more: int


@dataclass(frozen=True)
class AveragePool(Spec):
    """Mean over windows: rint(float(sum of (x - zero_x)) * gain) + zero_y. gain is a float32. Input: image.

    repeat: of a window that is the whole image, columns that the sum has more than once.
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


@dataclass(frozen=True)
class MaxPool(Spec):
    """Largest of each window; what lies outside of the image does not count. pads: top and left. Input: image."""

    kind: ClassVar[str] = "max_pool_int8"
    channels: int
    height: int
    width: int
    output_height: int
    output_width: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int]


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


@dataclass(frozen=True)
class CopyRows(Spec):
    """Rows into a wider tensor."""

    kind: ClassVar[str] = "copy_int8"
    rows: int
    count: int
    stride: int


@dataclass(frozen=True)
class ExtendColumns(Spec):
    """`more` columns behind the last one of an image: each like `beyond`, or like the last where there is no `beyond`.

    Inputs: image, and int8 [height, channels] if anything is beyond.
    """

    kind: ClassVar[str] = "extend_int8"
    height: int
    width: int
    channels: int
    more: int


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


@dataclass(frozen=True)
class NormalisedRows(Spec):
    """Layer norm of float32 rows; as int8 by gain and zero_point, or as float32 (gain 0). Inputs: x, gamma, beta."""

    kind: ClassVar[str] = "layer_norm_rows"
    rows: int
    count: int
    epsilon: float
    gain: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class SoftmaxRows(Spec):
    """Softmax of float32 rows, as float32 or as int8 with scale 1/256 and zero point -128.

    repeat: an element of each row, of those as int8, that stands for several.
    """

    kind: ClassVar[str] = "softmax_rows"
    rows: int
    count: int
    quantised: bool
    repeat: Repeat | None = None


@dataclass(frozen=True)
class Sum(Spec):
    """a + b, float32."""

    kind: ClassVar[str] = "add_float32"
    count: int


@dataclass(frozen=True)
class Lookup(Spec):
    """A function of one value, where int8 goes in and int8 comes out. Inputs: x int8, table int8 of 256 entries.

    function: the kind of the Activation, for who has it without a table; its result times gain, plus offset.
    """

    kind: ClassVar[str] = "lookup_int8"
    count: int
    function: str = ""
    gain: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class SumInt8(Spec):
    """a + b of int8 tensors; each is real by its step and zero point."""

    kind: ClassVar[str] = "add_int8"
    count: int
    step_a: float
    zero_a: int
    step_b: float
    zero_b: int
    step_y: float
    zero_y: int


@dataclass(frozen=True)
class SoftmaxInt8(Spec):
    """Softmax of int8 rows, of which a step is worth `step`, as int8 with scale 1/256 and zero point -128.

    repeat: an element of each row that stands for several.
    """

    kind: ClassVar[str] = "softmax_int8"
    rows: int
    count: int
    step: float
    repeat: Repeat | None = None
