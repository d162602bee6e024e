"""Moves by arm_concatenation_s8_x."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.targets.cmsis_nn.library import (
    Call,
    LibraryFunction,
)

LARGEST_EXTENT = 0xFFFF  # arm_concatenation_s8_x counts in uint16_t


def _copy(spec: CopyRows, constants: Sequence[np.ndarray]) -> Call:
    """`y` points at the first element of this part, so the offset is 0."""
    return Call([f"arm_concatenation_s8_x(x, {spec.count}, {spec.rows}, 1, 1, y, {spec.stride}, 0);"], {})


def _copy_refusal(spec: CopyRows) -> str | None:
    fits = max(spec.count, spec.rows, spec.stride) <= LARGEST_EXTENT
    return None if fits else f"concatenates at most {LARGEST_EXTENT} elements along an axis"


FUNCTIONS: dict[type[Spec], LibraryFunction] = {
    CopyRows: LibraryFunction(_copy, _copy_refusal),
}
