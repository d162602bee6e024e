"""Operators that compute nothing: they put int8 elements elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ocrm55.compiler.operators.float32 import Spec


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
