"""Operators over whole rows: layer norm and softmax."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.repeat import Repeat


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

    repeat: an element of each row that stands for several; only with an int8 result.
    """

    kind: ClassVar[str] = "softmax_rows"
    rows: int
    count: int
    quantised: bool
    repeat: Repeat | None = None

    @property
    def in_place(self) -> bool:
        """As float32: it pays where the classes are many."""
        return not self.quantised

    def with_last_column_for_all(self, steps: int, columns: int, full: int) -> Spec | None:
        """Of attention: the softmax that gives probabilities ends in float32."""
        attention = self.quantised and self.count == steps
        return replace(self, repeat=last_for_all(steps, columns, full)) if attention else None


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

    def with_last_column_for_all(self, steps: int, columns: int, full: int) -> Spec | None:
        """Of attention."""
        return replace(self, repeat=last_for_all(steps, columns, full)) if self.count == steps else None


def last_for_all(steps: int, columns: int, full: int) -> Repeat:
    """The last of `steps` elements, standing for those that an input of `full` columns has more."""
    return Repeat(steps - 1, 1, (full - columns) * steps // columns)
