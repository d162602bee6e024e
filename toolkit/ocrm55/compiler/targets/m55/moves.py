"""Moves of int8 elements as calls of copy.c and move.c."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.moves import AXES, CopyRows, ExtendColumns, Gather, Move
from ocrm55.compiler.operators.strided import Axes
from ocrm55.compiler.targets.m55.kernel import Call, Kernel, structure


def _copy(spec: CopyRows, constants: Sequence[np.ndarray]) -> Call:
    return Call([f"ocrm55_copy_rows_s8(x, {spec.count}, y, {spec.stride}, {spec.rows}, {spec.count});"], {})


def _extend(spec: ExtendColumns, constants: Sequence[np.ndarray]) -> Call:
    size = f"{spec.height}, {spec.width}, {spec.channels}, {spec.more}"
    beyond = "beyond" if constants else "NULL"
    return Call([f"ocrm55_extend_columns_s8(x, y, {size}, {beyond});"], {"beyond": constants[0]} if constants else {})


def _move(spec: Move, constants: Sequence[np.ndarray]) -> Call:
    axes = Axes(spec.sizes, spec.strides, spec.places).in_bytes(spec.element_bytes).padded(AXES)
    shown = (("size", axes.sizes), ("x_stride", axes.strides), ("y_stride", axes.places))
    fields = [f".{name} = {{{', '.join(map(str, values))}}}," for name, values in shown]
    x, y = ("x", "y") if spec.element_bytes == 1 else ("(const int8_t *)x", "(int8_t *)y")
    first = spec.offset * spec.element_bytes
    return Call([*structure("move", fields), f"ocrm55_move_s8(&layer, {x} + {first}, {y});"], {})


def _gather(spec: Gather, constants: Sequence[np.ndarray]) -> Call:
    return Call([f"ocrm55_gather_s8(index, x, y, {spec.count});"], {"index": constants[0]})


KERNELS: dict[type[Spec], Kernel] = {
    CopyRows: Kernel(_copy, ("copy",)),
    ExtendColumns: Kernel(_extend, ("copy",)),
    Move: Kernel(_move, ("copy", "move")),
    Gather: Kernel(_gather, ("move", "copy")),
}
