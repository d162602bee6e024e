"""Pooling by arm_avgpool_s8 and arm_max_pool_s8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.targets.cmsis_nn.library import (
    Call,
    LibraryFunction,
    checked,
    context,
    dims,
    limits,
)


def _average_pool(spec: AveragePool, constants: Sequence[np.ndarray]) -> Call:
    return _pool("arm_avgpool_s8", spec, (0, 0))


def _max_pool(spec: MaxPool, constants: Sequence[np.ndarray]) -> Call:
    return _pool("arm_max_pool_s8", spec, spec.pads)


def _pool(function: str, spec: AveragePool | MaxPool, pads: tuple[int, int]) -> Call:
    """A call of a function for windows. pads: rows above and columns to the left that the input lacks."""
    top, left = pads
    body = [
        context(0),
        f"const cmsis_nn_pool_params parameters = {{.stride = {{.w = {spec.strides[1]}, .h = {spec.strides[0]}}},",
        f"    .padding = {{.w = {left}, .h = {top}}}, {limits(-128, 127)}}};",
        dims("input", 1, spec.height, spec.width, spec.channels),
        dims("window", 1, *spec.kernel, 1),
        dims("output", 1, spec.output_height, spec.output_width, spec.channels),
        *checked(function, "&context, &parameters, &input, x, &window, &output, y"),
    ]
    return Call(body, {})


def _average_pool_refusal(spec: AveragePool) -> str | None:
    return None if spec.keeps_scale else "averages without changing the scale"


FUNCTIONS: dict[type[Spec], LibraryFunction] = {
    AveragePool: LibraryFunction(_average_pool, _average_pool_refusal),
    MaxPool: LibraryFunction(_max_pool),
}
