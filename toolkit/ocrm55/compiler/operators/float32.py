"""Specs of operators: what they compute, not how. One frozen dataclass a kind; equal specs share a C function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar, Literal


@dataclass(frozen=True)
class Activation:
    """A function of one value, applied to an operator's result before it is stored.

    hard_sigmoid is clip(alpha * x + beta, 0, 1); hard_swish is x * clip(x + 3, 0, 6) / 6; swish is x * sigmoid(x).
    gain, offset: the result is multiplied by the gain, then the offset is added, as in PPLCNetV3's affine blocks.
    table is any other function, of float64 arrays; int8 only.
    """

    kind: Literal["none", "relu", "hard_sigmoid", "hard_swish", "sigmoid", "swish", "table"] = "none"
    alpha: float = 0.0
    beta: float = 0.0
    gain: float = 1.0
    offset: float = 0.0
    function: Callable[[Any], Any] | None = field(default=None, compare=False)

    @property
    def is_affine(self) -> bool:
        """Whether a factor or an offset follows."""
        return (self.gain, self.offset) != (1.0, 0.0)


NO_ACTIVATION = Activation()
LEFT_OUT = {"kept": False}  # metadata of a spec's field that the program of an artifact does not keep


@dataclass(frozen=True)
class Spec:
    """Base of all specs. Passes read these properties of any operator, so that they need not know its kind."""

    kind: ClassVar[str] = ""
    follows_rows: ClassVar[bool] = False  # whether each row of the output needs only the same row of the input

    @property
    def in_place(self) -> bool:
        """Whether the output may take over the first input's bytes."""
        return False

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the model, including taps on padding."""
        return 0

    @property
    def live_macs(self) -> int:
        """The MACs on the image, without those on its padding; no direct kernel needs fewer."""
        return self.macs

    @property
    def variant(self) -> str:
        """Operators of one variant cost the same for each MAC and element."""
        return self.kind

    @property
    def elements(self) -> int:
        """Elements with which its instructions grow, besides MACs: those written, or those read if more."""
        return int(getattr(self, "count", 1) * getattr(self, "rows", 1))

    @property
    def weight_reads(self) -> float:
        """The number of times that it reads each byte of its weights."""
        return 1.0

    @property
    def table_reads(self) -> int:
        """The number of entries that it reads from its last weight, a table; 0 without a table."""
        return 0

    @property
    def pixelwise(self) -> tuple[int, int, int] | None:
        """Pixels, bytes of a pixel before and after, if each pixel needs only itself and `in_chunks` works."""
        return None

    @property
    def parts(self) -> Sequence[Any]:
        """The operators that a target made one of, in their order; none where it stands for itself."""
        return ()

    @property
    def part_tensors(self) -> Mapping[str, Any]:
        """The tensors between its parts that are no longer the program's, by name."""
        return {}

    def in_chunks(self, pixels: int, backwards: bool) -> Spec:
        """The same operator in chunks of pixels; only for one that is `pixelwise`."""
        raise NotImplementedError(self.kind)

    @property
    def reread_bytes(self) -> int:
        """Bytes of weights that it reads again, because it runs in chunks."""
        return 0

    def with_stride(self, stride: int) -> Spec | None:
        """The same operator with pixels `stride` elements apart in the output; None if it only writes dense output."""
        return None

    @property
    def rows_read(self) -> int | None:
        """The number of rows that it reads of its image, if it may leave out the last rows; None if it reads all."""
        return None

    def with_input_rows(self, rows: int) -> Spec:
        """The same operator on an image without the rows that it leaves out; only for one with `rows_read`."""
        raise NotImplementedError(self.kind)

    def with_output_rows(self, rows: int, elements: int) -> Spec | None:
        """The same operator without the output's last rows: `elements` remain; None if it must make all."""
        return None

    @property
    def column_stride(self) -> int | None:
        """Columns of its image for each column of its output; None where it needs the image as it is."""
        return None

    def with_columns(self, columns: int, outputs: int, elements: int) -> Spec:
        """The same of an image of other columns; of what has a `column_stride`. elements: of the output."""
        raise NotImplementedError(self.kind)

    @property
    def columns_beyond(self) -> int | None:
        """How many columns to the right of its image its windows reach; None where they are one column wide."""
        return None

    def widened(self, more: int) -> Spec:
        """The same of an image with `more` columns, its output unchanged; of what has `columns_beyond`."""
        raise NotImplementedError(self.kind)

    def with_last_column_for_all(self, steps: int, columns: int, full: int) -> Spec | None:
        """The same where the last column counts as often as an input of `full` columns has more than `columns`.

        steps: columns of the network's output. None for what needs no such change.
        """
        return None


Pair = tuple[int, int]


def live_macs(macs: int, size: Pair, output: Pair, kernel: Pair, strides: Pair, pads: Pair) -> int:
    """The MACs of a convolution whose tap lies on the image; everything as (rows, columns).

    pads: elements before the first row and column.
    """
    for extent, count, taps, stride, pad in zip(size, output, kernel, strides, pads, strict=True):
        starts = (place * stride - pad for place in range(count))
        live = sum(max(0, min(start + taps, extent) - max(start, 0)) for start in starts)
        macs = macs // (count * taps) * live
    return macs


@dataclass(frozen=True)
class Conv2d(Spec):
    """2-D convolution of one image in NCHW, with bias and activation.

    pads: top, left, bottom, right. Weights [outputs, channels, kernel height, kernel width].
    Inputs: image, weights, bias.
    """

    kind: ClassVar[str] = "conv2d"
    channels: int
    height: int
    width: int
    outputs: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    activation: Activation = NO_ACTIVATION

    @property
    def output_height(self) -> int:
        return (self.height + self.pads[0] + self.pads[2] - self.kernel[0]) // self.strides[0] + 1

    @property
    def output_width(self) -> int:
        return (self.width + self.pads[1] + self.pads[3] - self.kernel[1]) // self.strides[1] + 1

    @property
    def macs(self) -> int:
        return self.outputs * self.output_height * self.output_width * self.channels * prod(self.kernel)

    @property
    def live_macs(self) -> int:
        size, output = (self.height, self.width), (self.output_height, self.output_width)
        return live_macs(self.macs, size, output, self.kernel, self.strides, self.pads[:2])


@dataclass(frozen=True)
class DepthwiseConv2d(Conv2d):
    """Convolution of each channel with a kernel of its own: outputs == channels, weights [channels, 1, kh, kw]."""

    kind: ClassVar[str] = "depthwise_conv2d"

    @property
    def macs(self) -> int:
        return self.outputs * self.output_height * self.output_width * prod(self.kernel)


@dataclass(frozen=True)
class Matmul(Spec):
    """`batch` products of [rows, depth] by [depth, columns], with an optional bias for each column, and activation.

    constant: the right side is a weight, shared by the whole batch. Inputs: left, right, bias (with `bias`).
    """

    kind: ClassVar[str] = "matmul"
    batch: int
    rows: int
    depth: int
    columns: int
    constant: bool
    bias: bool
    activation: Activation = NO_ACTIVATION

    @property
    def macs(self) -> int:
        return self.batch * self.rows * self.depth * self.columns


@dataclass(frozen=True)
class Softmax(Spec):
    """Softmax over the last axis of [rows, columns]."""

    kind: ClassVar[str] = "softmax"
    rows: int
    columns: int


@dataclass(frozen=True)
class LayerNorm(Spec):
    """Layer normalisation over the last axis of [rows, columns]. Inputs: values, scale, shift."""

    kind: ClassVar[str] = "layer_norm"
    rows: int
    columns: int
    epsilon: float


@dataclass(frozen=True)
class Primitive(Spec):
    """An operator that TVM legalised and fused: a TIR function.

    title: TVM's name for it, e.g. fused_transpose_add. body: the tirx.PrimFunc. text: its script, which makes equal
    functions equal specs. count: its multiply-accumulates.
    """

    kind: ClassVar[str] = "primitive"
    title: str
    text: str
    body: Any = None
    count: int = 0

    @property
    def macs(self) -> int:
        return self.count

    def __hash__(self) -> int:
        return hash((self.title, self.text))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Primitive) and (self.title, self.text) == (other.title, other.text)


@dataclass(frozen=True)
class View(Spec):
    """Bytes of the input under another shape, from byte `offset` on. There is nothing to compute."""

    kind: ClassVar[str] = "view"
    offset: int = 0
