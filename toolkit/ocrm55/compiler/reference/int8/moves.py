"""Operators that only move int8 elements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.moves import CopyRows, ExtendColumns, Gather, Move
from ocrm55.compiler.operators.strided import Axes


def _copy(spec: CopyRows, x: np.ndarray) -> np.ndarray:
    return x


def _extend(spec: ExtendColumns, x: np.ndarray, beyond: np.ndarray | None = None) -> np.ndarray:
    image = x.reshape(spec.height, spec.width, spec.channels)
    column = image[:, -1:] if beyond is None else beyond[:, None]
    return np.concatenate([image, column.repeat(spec.more, axis=1)], axis=1)


def _move(spec: Move, x: np.ndarray) -> np.ndarray:
    return x.reshape(-1)[spec.offset + Axes(spec.sizes, spec.strides, spec.places).index()]


def _gather(spec: Gather, x: np.ndarray, index: np.ndarray) -> np.ndarray:
    return x.reshape(-1)[index]


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    CopyRows: _copy,
    ExtendColumns: _extend,
    Move: _move,
    Gather: _gather,
}
