"""Means and largest values over windows."""

from __future__ import annotations

from math import prod

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.program import Operator
from ocrm55.compiler.targets.ethos_u.npu_operator import LARGEST_STRIDE, NpuOperator
from ocrm55.compiler.targets.ethos_u.padding import PADDINGS, VALID, padding
from ocrm55.compiler.targets.ethos_u.tflite_file import NONE, File

# Vela's constraints on windows: rows, elements; columns and elements of a mean over a whole image. Larger ones stay on
# the CPU there.
MOST_ROWS, MOST_ELEMENTS = 256, 256 * 256
MOST_MEAN_COLUMNS, MOST_MEAN_ELEMENTS = 4096, 1 << 24


def _average_pool(file: File, operator: Operator) -> None:
    spec = operator.spec
    assert isinstance(spec, AveragePool)
    image = file.image(operator.inputs[0], (1, _rows_read(spec), spec.width, spec.channels))
    result = file.write_output(operator, (1, spec.output_height, spec.output_width, spec.channels))
    if _is_mean(spec):
        axes = file.constant(f"{operator.outputs[0]}_axes", np.asarray((1, 2), np.int32))
        file.writer.operator("MEAN", [image.index, axes], [result.index], "ReducerOptions", KeepDims=True)
        return
    mean = result
    if not spec.keeps_scale:
        mean = file.new(f"{operator.outputs[0]}_mean", result.shape, image.quantization)
    file.writer.operator(
        "AVERAGE_POOL_2D", [image.index], [mean.index], "Pool2DOptions", Padding=VALID,
        StrideH=spec.strides[0], StrideW=spec.strides[1], FilterHeight=spec.kernel[0], FilterWidth=spec.kernel[1],
        FusedActivationFunction=NONE,
    )  # fmt: skip
    if mean is not result:
        file.writer.operator("QUANTIZE", [mean.index], [result.index], "QuantizeOptions")


def _max_pool(file: File, operator: Operator) -> None:
    spec = operator.spec
    assert isinstance(spec, MaxPool)
    sizes, outputs = (spec.height, spec.width), (spec.output_height, spec.output_width)
    known = padding(sizes, outputs, spec.kernel, spec.strides, spec.pads)
    assert known is not None
    image = file.image(operator.inputs[0], (1, *sizes, spec.channels))
    result = file.write_output(operator, (1, *outputs, spec.channels))
    file.writer.operator(
        "MAX_POOL_2D", [image.index], [result.index], "Pool2DOptions", Padding=PADDINGS[known],
        StrideH=spec.strides[0], StrideW=spec.strides[1], FilterHeight=spec.kernel[0], FilterWidth=spec.kernel[1],
        FusedActivationFunction=NONE,
    )  # fmt: skip


def _rows_read(spec: AveragePool) -> int:
    """Rows of the input that the output's rows need."""
    return min((spec.output_height - 1) * spec.strides[0] + spec.kernel[0], spec.height)


def _is_mean(spec: AveragePool) -> bool:
    """Whether the window is the whole image and the scale changes: TFLite's MEAN does both."""
    return not spec.keeps_scale and spec.kernel == (_rows_read(spec), spec.width)


def _average_pool_refusal(spec: AveragePool) -> str | None:
    if spec.repeat is not None:
        return "counts every column once"
    if not _is_mean(spec):
        return _window_refusal(spec)
    if spec.kernel[1] > MOST_MEAN_COLUMNS or prod(spec.kernel) > MOST_MEAN_ELEMENTS:
        return f"has means of up to {MOST_MEAN_COLUMNS:,} columns and {MOST_MEAN_ELEMENTS:,} elements"
    return None


def _window_refusal(spec: AveragePool | MaxPool) -> str | None:
    if spec.kernel[0] > MOST_ROWS or prod(spec.kernel) > MOST_ELEMENTS:
        return f"has windows of up to {MOST_ROWS} rows and {MOST_ELEMENTS:,} elements"
    return None


def _max_pool_refusal(spec: MaxPool) -> str | None:
    sizes, outputs = (spec.height, spec.width), (spec.output_height, spec.output_width)
    if padding(sizes, outputs, spec.kernel, spec.strides, spec.pads) is None:
        return "pads a largest value alike before and behind, or not at all"
    if max(spec.strides) > LARGEST_STRIDE:
        return f"has strides up to {LARGEST_STRIDE}"
    return _window_refusal(spec)


OPERATORS: dict[type[Spec], NpuOperator] = {
    AveragePool: NpuOperator(_average_pool, _average_pool_refusal),
    MaxPool: NpuOperator(_max_pool, _max_pool_refusal),
}
