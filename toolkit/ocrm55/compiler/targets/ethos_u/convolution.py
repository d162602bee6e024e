"""Convolutions and fully connected layers.

Fully connected layers become convolutions of 1x1, which the NPU and TFLite round alike. A padding that TFLite lacks
becomes a PAD in front, which Vela folds into the convolution.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.program import Operator
from ocrm55.compiler.targets.ethos_u.npu_operator import LARGEST_KERNEL, LARGEST_STRIDE, NpuOperator
from ocrm55.compiler.targets.ethos_u.padding import PADDINGS, VALID, padding
from ocrm55.compiler.targets.ethos_u.tflite_file import NONE, RELU, File, Image

MOST_BIAS = 2**30  # of what moves a result: int32, and room for the sums


def _convolution(file: File, operator: Operator) -> None:
    spec = operator.spec
    assert isinstance(spec, Convolution)
    source = file.program.tensors[operator.inputs[0]]
    rows = _rows_read(spec)
    image = file.image(operator.inputs[0], (1, min(rows, spec.height), spec.width, spec.channels))
    padding, image = _padded(file, operator, spec, image)
    result = file.write_output(operator, (1, spec.output_height, spec.output_width, spec.outputs))
    assert source.quantization is not None
    step_in, step_out = source.quantization.step, result.quantization.step
    weights, bias, ratio = numbers(spec, file.weights(operator), result.quantization.zero_point)
    # The scale of weights that gives the factor of the sums.
    scale = (ratio * step_out / step_in).astype(np.float32)
    names = [f"{operator.outputs[0]}_{what}" for what in ("weights", "bias")]
    bias_index = file.constant(names[1], bias, step_in * scale.astype(np.float64))
    kernel = weights.reshape(spec.outputs, -1, *spec.kernel)
    fused, limits = _activation(spec, result.quantization.zero_point)
    options: dict[str, Any] = {
        "Padding": padding, "StrideH": spec.strides[0], "StrideW": spec.strides[1],
        "DilationHFactor": 1, "DilationWFactor": 1,
        "FusedActivationFunction": fused,
    }  # fmt: skip
    if isinstance(spec, Depthwise):
        data = np.ascontiguousarray(kernel.transpose(1, 2, 3, 0))
        index = file.constant(names[0], data, scale, axis=3)
        name, table = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
        options["DepthMultiplier"] = 1
    else:
        index = file.constant(names[0], np.ascontiguousarray(kernel.transpose(0, 2, 3, 1)), scale)
        name, table = "CONV_2D", "Conv2DOptions"
    unlimited = result if not limits else file.new(f"{operator.outputs[0]}_open", result.shape, result.quantization)
    file.writer.operator(name, [image.index, index, bias_index], [unlimited.index], table, **options)
    _limit(file, operator.outputs[0], unlimited, result, limits)


def numbers(spec: Convolution, data: list[np.ndarray], zero_point: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights int8 and bias int32 as the file has them, and the factor of each output's sums, float64.

    data: the operator's weights, bias and factors. zero_point: of the result in the file. Where it is not the
    operator's (hard-sigmoid's middle), the bias moves the result. An output that hardly depends on the input has a tiny
    factor, and that bias exceeds int32. Its weights then are in larger steps, which the result cannot show: it moves
    by less than 2**-14 of a step for each weight.
    """
    weights, bias, ratio = data[0], data[1].astype(np.int64), data[2].astype(np.float64)
    moved = spec.epilogue.zero_point - zero_point
    rows = weights.reshape(spec.outputs, -1).astype(np.int64)
    whole = bias + spec.zero_point * rows.sum(1)  # without the input's zero point, which TFLite takes off itself
    if moved:
        halvings = np.ceil(np.log2(np.maximum(1.0, abs(moved) / (ratio * MOST_BIAS))))
        ratio = ratio * 2.0**halvings
        coarse = np.rint(rows / 2.0 ** halvings[:, None])
        weights = coarse.astype(np.int8).reshape(weights.shape)
        whole = np.rint(whole / 2.0**halvings).astype(np.int64) + np.rint(moved / ratio).astype(np.int64)
    return weights, whole.astype(np.int32), ratio


def _activation(spec: Convolution, zero_point: int) -> tuple[int, dict[str, int]]:
    """TFLite's activation for the range of the output, or else what MAXIMUM and MINIMUM have to do after it."""
    low, high = spec.epilogue.low, spec.epilogue.high
    if high == 127 and low in (-128, zero_point):
        return (NONE if low == -128 else RELU), {}
    return NONE, {name: limit for name, limit, end in (("MAXIMUM", low, -128), ("MINIMUM", high, 127)) if limit != end}


def _limit(file: File, name: str, image: Image, result: Image, limits: dict[str, int]) -> None:
    """Bring values within limits, the last step into `result`."""
    for number, (kind, limit) in enumerate(limits.items(), 1):
        target = result if number == len(limits) else file.new(f"{name}_above", result.shape, result.quantization)
        at = file.same(f"{name}_{kind.lower()}", limit, result.quantization)
        file.writer.operator(kind, [image.index, at], [target.index], "MaximumMinimumOptions")
        image = target


def _rows_read(spec: Convolution) -> int:
    """Rows of the input that the output's rows need."""
    return (spec.output_height - 1) * spec.strides[0] + spec.kernel[0] - spec.pads[0]


def _padded(file: File, operator: Operator, spec: Convolution, image: Image) -> tuple[int, Image]:
    """The convolution's padding: TFLite's SAME or VALID where possible, else VALID behind a PAD."""
    before, sizes = spec.pads, image.shape[1:3]
    outputs = (spec.output_height, spec.output_width)
    known = padding(sizes, outputs, spec.kernel, spec.strides, before)
    if known is not None:
        return PADDINGS[known], image
    geometry = zip(sizes, outputs, spec.kernel, spec.strides, strict=True)
    totals = [max((count - 1) * stride + taps - size, 0) for size, count, taps, stride in geometry]
    paddings = [(pad, total - pad) for total, pad in zip(totals, before, strict=True)]
    shape = (1, sizes[0] + totals[0], sizes[1] + totals[1], image.shape[3])
    name = f"{operator.outputs[0]}_padded"
    padded = file.new(name, shape, image.quantization)
    amounts = np.asarray([(0, 0), *paddings, (0, 0)], np.int32)
    file.writer.operator("PAD", [image.index, file.constant(f"{name}_by", amounts)], [padded.index], "PadOptions")
    return VALID, padded


def _refusal(spec: Convolution) -> str | None:
    if spec.epilogue.activation != "clamp":
        return f"fuses no {spec.epilogue.activation.replace('table16', 'table')} with the sum"
    if max(spec.strides) > LARGEST_STRIDE or max(spec.kernel) > LARGEST_KERNEL:
        return f"has strides up to {LARGEST_STRIDE} and kernels up to {LARGEST_KERNEL}"
    return None


OPERATORS: dict[type[Spec], NpuOperator] = {
    Pointwise: NpuOperator(_convolution, _refusal),
    Convolution: NpuOperator(_convolution, _refusal),
    Depthwise: NpuOperator(_convolution, _refusal),
}
