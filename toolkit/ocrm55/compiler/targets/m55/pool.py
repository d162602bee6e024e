"""Pooling as calls of average_pool.c and max_pool.c."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.c_language.literals import float_literal
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.targets.m55.kernel import (
    Call,
    Kernel,
    repeat_arguments,
    structure,
)


def _average_pool(spec: AveragePool, constants: Sequence[np.ndarray]) -> Call:
    fields = [
        f".channels = {spec.channels}, .height = {spec.height}, .width = {spec.width},",
        f".height_out = {spec.output_height}, .width_out = {spec.output_width},",
        f".kernel_height = {spec.kernel[0]}, .kernel_width = {spec.kernel[1]},",
        f".stride_y = {spec.strides[0]}, .stride_x = {spec.strides[1]}, .y_stride = {spec.channels},",
        f".zero_x = {spec.zero_x}, .zero_y = {spec.zero_y}, .gain = {float_literal(spec.gain)},",
    ]
    call = "ocrm55_average_pool_s8(&layer, x, y);"
    if spec.repeat is not None:
        call = f"ocrm55_average_pool_repeated_s8(&layer, x, y, {repeat_arguments(spec.repeat)});"
    return Call([*structure("average_pool", fields), call], {})


def _max_pool(spec: MaxPool, constants: Sequence[np.ndarray]) -> Call:
    fields = [
        f".channels = {spec.channels}, .height = {spec.height}, .width = {spec.width},",
        f".height_out = {spec.output_height}, .width_out = {spec.output_width},",
        f".kernel_height = {spec.kernel[0]}, .kernel_width = {spec.kernel[1]},",
        f".stride_y = {spec.strides[0]}, .stride_x = {spec.strides[1]},",
        f".pad_top = {spec.pads[0]}, .pad_left = {spec.pads[1]},",
    ]
    return Call([*structure("max_pool", fields), "ocrm55_max_pool_s8(&layer, x, y);"], {})


KERNELS: dict[type[Spec], Kernel] = {
    AveragePool: Kernel(_average_pool, ("average_pool", "quantize")),
    MaxPool: Kernel(_max_pool, ("max_pool",)),
}
