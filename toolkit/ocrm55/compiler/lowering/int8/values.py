"""The value of a Relax variable while an int8 network is lowered.

The network's logical order of elements (NCHW, heads in front of tokens) is never made in memory. A value is a tensor in
the kernels' order and an array that says which of its elements stands where; reshapes, transposes and slices only
rearrange that array. Each reader checks that its kernel supports the order, and has the elements copied where not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ocrm55.compiler.operators.quantization import Quantization


@dataclass
class Origin:
    """A tensor in the kernels' order: rows by channels.

    rows, channels: its shape. layer: of the model. When an operator has written it, `real` is the float32 tensor's
    name, or `int8` is the int8 tensor's name with its quantisation. write makes that operator: write(None, order)
    returns the name of a float32 tensor, write(quantisation, order) that of an int8 tensor. `order` is the array of
    the value that becomes dense. any_order: whether
    write follows it; `order` here is then what `real` follows. Where `int8` became a part of a wider tensor, `gaps` has
    its first element there and the elements from one of its rows to the next.
    """

    rows: int
    channels: int
    layer: str
    write: Callable[[Quantization | None, np.ndarray], str] | None = None
    any_order: bool = False
    real: str | None = None
    int8: str | None = None
    quantised: Quantization | None = None
    order: np.ndarray | None = None
    gaps: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        return self.rows * self.channels


@dataclass
class Value:
    """index: the origin's element at each place, in the network's logical shape.

    factor: one number that multiplies all. channel_factor: a number for each of the origin's channels.
    """

    origin: Origin
    index: np.ndarray
    factor: float = 1.0
    channel_factor: np.ndarray | None = None

    @property
    def is_dense(self) -> bool:
        """Whether the elements, read in logical order, follow each other in memory."""
        return self.index.size == self.origin.count and bool(
            (self.index.reshape(-1) == np.arange(self.index.size)).all()
        )

    def moved(self, index: np.ndarray) -> Value:
        return Value(self.origin, index, self.factor, self.channel_factor)

    @property
    def is_scaled(self) -> bool:
        return self.factor != 1.0 or self.channel_factor is not None


def rows_by_channels(index: np.ndarray) -> np.ndarray:
    """A value's array with channels last, the kernels' order: [1, C, H, W] becomes [1, H, W, C]; others stay."""
    return index.transpose(0, 2, 3, 1) if index.ndim == 4 else index


def image_index(height: int, width: int, channels: int) -> np.ndarray:
    """The array of an image in NHWC, in the network's logical order [1, C, H, W]."""
    return np.arange(height * width * channels).reshape(1, height, width, channels).transpose(0, 3, 1, 2)


def dense_index(shape: Sequence[int], *, image: bool) -> np.ndarray:
    """The array of a value that is dense: as an image, channels last, if it has four axes; else as rows."""
    index = np.arange(prod(shape))
    if not image or len(shape) != 4:
        return index.reshape(tuple(shape))
    batch, channels, height, width = shape
    return index.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)


def strides(index: np.ndarray) -> tuple[int, list[int]] | None:
    """First element and element strides of an affine array; None when it is none."""
    first = int(index.reshape(-1)[0])
    steps = []
    for axis, extent in enumerate(index.shape):
        neighbour = [0] * index.ndim
        neighbour[axis] = 1
        steps.append(int(index[tuple(neighbour)]) - first if extent > 1 else 0)
    grid = sum(
        np.arange(n).reshape([-1 if a == b else 1 for b in range(index.ndim)]) * s
        for a, (n, s) in enumerate(zip(index.shape, steps, strict=True))
    )
    return (first, steps) if (index == first + grid).all() else None
