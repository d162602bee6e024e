"""Softmax by arm_softmax_s8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.rows import NormalisedRows, SoftmaxInt8, SoftmaxRows
from ocrm55.compiler.targets.cmsis_nn.fixed_point import exponent
from ocrm55.compiler.targets.cmsis_nn.library import (
    Call,
    LibraryFunction,
    refused,
)


def _softmax(spec: SoftmaxInt8, constants: Sequence[np.ndarray]) -> Call:
    scale = exponent(spec.step)
    arguments = f"{scale.factor.multiplier}, {scale.factor.shift}, {scale.least}"
    return Call([f"arm_softmax_s8(x, {spec.rows}, {spec.count}, {arguments}, y);"], {})


FUNCTIONS: dict[type[Spec], LibraryFunction] = {
    SoftmaxInt8: LibraryFunction(_softmax),
    NormalisedRows: refused("has no layer norm"),
    SoftmaxRows: refused("gives int8, this result is float32"),
}
