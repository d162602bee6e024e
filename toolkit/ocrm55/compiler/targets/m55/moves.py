"""Moves of int8 elements as calls of copy.c."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.moves import CopyRows, ExtendColumns
from ocrm55.compiler.targets.m55.kernel import (
    Call,
    Kernel,
)


def _copy(spec: CopyRows, constants: Sequence[np.ndarray]) -> Call:
    return Call([f"ocrm55_copy_rows_s8(x, {spec.count}, y, {spec.stride}, {spec.rows}, {spec.count});"], {})


def _extend(spec: ExtendColumns, constants: Sequence[np.ndarray]) -> Call:
    size = f"{spec.height}, {spec.width}, {spec.channels}, {spec.more}"
    beyond = "beyond" if constants else "NULL"
    return Call([f"ocrm55_extend_columns_s8(x, y, {size}, {beyond});"], {"beyond": constants[0]} if constants else {})


KERNELS: dict[type[Spec], Kernel] = {
    CopyRows: Kernel(_copy, ("copy",)),
    ExtendColumns: Kernel(_extend, ("copy",)),
}
