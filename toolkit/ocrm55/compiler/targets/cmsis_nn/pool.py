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


def _pool(spec: AveragePool | MaxPool, constants: Sequence[np.ndarray]) -> Call:
    function = "arm_max_pool_s8" if isinstance(spec, MaxPool) else "arm_avgpool_s8"
    top, left = spec.pads if isinstance(spec, MaxPool) else (0, 0)
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


def _pool_refusal(spec: AveragePool) -> str | None:
    return None if spec.keeps_scale else "averages without changing the scale"


FUNCTIONS: dict[type[Spec], LibraryFunction] = {
    AveragePool: LibraryFunction(_pool, _pool_refusal),
    MaxPool: LibraryFunction(_pool),
}
