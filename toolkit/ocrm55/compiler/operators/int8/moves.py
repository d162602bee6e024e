"""Operators that compute nothing: they move int8 elements."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ocrm55.compiler.operators.float32 import Spec

AXES = 6  # of a Move


@dataclass(frozen=True)
class CopyRows(Spec):
    """Rows into a wider tensor."""

    kind: ClassVar[str] = "copy_int8"
    rows: int
    count: int
    stride: int


@dataclass(frozen=True)
class ExtendColumns(Spec):
    """`more` columns behind the last one of an image. Each equals `beyond`, or the last column if there is no `beyond`.

    Inputs: image, and with `beyond` int8 [height, channels].
    """

    kind: ClassVar[str] = "extend_int8"
    height: int
    width: int
    channels: int
    more: int


@dataclass(frozen=True)
class Move(Spec):
    """Elements in another order: nested loops, outermost first, at most AXES of them.

    strides: how far each goes on in the input, which starts at element `offset`; places: the same in the output.
    element_bytes: 1 of int8; 4 of float32, whose bytes are one loop more.
    """

    kind: ClassVar[str] = "move_int8"
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    places: tuple[int, ...]
    offset: int
    element_bytes: int = 1

    @property
    def elements(self) -> int:
        return prod(self.sizes)


@dataclass(frozen=True)
class Gather(Spec):
    """Elements in an order that no loops say. Inputs: x, index int32 of `count` entries."""

    kind: ClassVar[str] = "gather_int8"
    count: int
