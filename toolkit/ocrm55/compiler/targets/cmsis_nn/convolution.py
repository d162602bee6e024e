"""Convolutions and fully connected layers by arm_convolve_*, arm_depthwise_conv_* and arm_fully_connected_*."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.targets.cmsis_nn import int4
from ocrm55.compiler.targets.cmsis_nn.library import (
    Call,
    LibraryFunction,
    checked,
    context,
    dims,
    fixed,
    limits,
    quantisation,
    sums_buffer,
)

BLOCK = 16  # int8 in a vector
ROWS = 4  # pixels that a pass of the convolution gathers
DEPTHWISE_CHANNELS = 124  # CH_IN_BLOCK_MVE: channels that the depthwise convolution gathers at once


def unfolded(spec: Convolution, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The bias without the input's zero point, which the library subtracts itself."""
    sums = weights.reshape(spec.outputs, -1).astype(np.int64).sum(1)
    return (bias.astype(np.int64) + spec.zero_point * sums).astype(np.int32)


def _geometry(spec: Convolution) -> list[str]:
    (stride_y, stride_x), (top, left), e = spec.strides, spec.pads, spec.epilogue
    return [
        f".input_offset = {-spec.zero_point}, .output_offset = {e.zero_point},",
        f".stride = {{.w = {stride_x}, .h = {stride_y}}}, .padding = {{.w = {left}, .h = {top}}},",
        f".dilation = {{.w = 1, .h = 1}}, {limits(e.low, e.high)},",
    ]


def _pointwise(spec: Pointwise, constants: Sequence[np.ndarray]) -> Call:
    if spec.pixels == 1 and not int4.in_int4(spec, constants[0]):
        return _fully_connected(spec, *constants)
    return _general(spec, (spec.output_height, spec.output_width), *constants)  # rows that nobody reads are left out


def _convolution(spec: Convolution, constants: Sequence[np.ndarray]) -> Call:
    return _general(spec, (spec.height, spec.width), *constants)


def _general(
    spec: Convolution, read: tuple[int, int], weights: np.ndarray, bias: np.ndarray, scale: np.ndarray
) -> Call:
    """Any convolution but a depthwise one. The library's wrapper chooses 1x1, 1xN or im2col.

    read: rows and columns of the input. weights: int8, or int4 in int8.
    """
    few = int4.in_int4(spec, weights)
    size = int4.buffer_size(spec) if few else convolution_buffer(spec)
    body = [
        context(size),
        "const cmsis_nn_conv_params parameters = {",
        *(f"    {line}" for line in _geometry(spec)),
        "};",
        quantisation(),
        dims("input", 1, *read, spec.channels),
        dims("filter", spec.outputs, *spec.kernel, spec.channels),
        dims("biases", 1, 1, 1, spec.outputs),
        dims("output", 1, spec.output_height, spec.output_width, spec.outputs),
        *checked(
            int4.function(spec) if few else "arm_convolve_wrapper_s8",
            "&context, &parameters, &scale, &input, x, &filter, weights, &biases, bias, &output, y",
        ),
    ]
    ohwi = np.ascontiguousarray(weights.reshape(spec.outputs, spec.channels, *spec.kernel).transpose(0, 2, 3, 1))
    arrays = {"weights": int4.packed(ohwi) if few else ohwi, "bias": unfolded(spec, weights, bias), **fixed(scale)}
    return Call(body, arrays, size)


def _fully_connected(spec: Convolution, weights: np.ndarray, bias: np.ndarray, scale: np.ndarray) -> Call:
    """One pixel. The context is bias - zero point * sum of the weights, known at compile time."""
    e = spec.epilogue
    body = [
        context(sums_buffer(spec.outputs), "sums"),
        f"const cmsis_nn_fc_params parameters = {{.input_offset = {-spec.zero_point}, .filter_offset = 0,",
        f"    .output_offset = {e.zero_point}, {limits(e.low, e.high)}}};",
        "const cmsis_nn_quant_params scale = {(int32_t *)multiplier, (int32_t *)shift, 1};",
        dims("input", 1, 1, 1, spec.channels),
        dims("filter", spec.channels, 1, 1, spec.outputs),
        dims("biases", 1, 1, 1, spec.outputs),
        dims("output", 1, 1, 1, spec.outputs),
        *checked(
            "arm_fully_connected_wrapper_s8",
            "&context, &parameters, &scale, &input, x, &filter, weights, &biases, bias, &output, y",
        ),
    ]
    matrix = np.ascontiguousarray(weights.reshape(spec.outputs, spec.channels))
    arrays = {"weights": matrix, "bias": unfolded(spec, weights, bias), "sums": bias.astype(np.int32)}
    return Call(body, {**arrays, **fixed(scale)})


def _depthwise(spec: Depthwise, constants: Sequence[np.ndarray]) -> Call:
    weights, bias, scale = constants
    size = depthwise_buffer(spec)
    body = [
        context(size),
        "const cmsis_nn_dw_conv_params parameters = {",
        *(f"    {line}" for line in [*_geometry(spec), ".ch_mult = 1,"]),
        "};",
        quantisation(),
        dims("input", 1, spec.height, spec.width, spec.channels),
        dims("filter", 1, *spec.kernel, spec.channels),
        dims("biases", 1, 1, 1, spec.channels),
        dims("output", 1, spec.output_height, spec.output_width, spec.channels),
        *checked(
            "arm_depthwise_conv_wrapper_s8",
            "&context, &parameters, &scale, &input, x, &filter, weights, &biases, bias, &output, y",
        ),
    ]
    hwc = np.ascontiguousarray(weights.reshape(spec.channels, *spec.kernel).transpose(1, 2, 0))
    return Call(body, {"weights": hwc, "bias": unfolded(spec, weights, bias), **fixed(scale)}, size)


def is_1x1(spec: Convolution) -> bool:
    return spec.kernel == (1, 1) and not any(spec.pads)


def is_1xn(spec: Convolution) -> bool:
    """Whether arm_convolve_wrapper_s8 takes arm_convolve_1_x_n_s8."""
    return spec.height == 1 and spec.kernel[0] == 1 and spec.strides[1] * spec.channels % 4 == 0


def convolution_buffer(spec: Convolution) -> int:
    """arm_convolve_wrapper_s8_get_buffer_size"""
    if is_1x1(spec):
        return 0
    return _one_row(spec) if is_1xn(spec) else _any_window(spec)


def _any_window(spec: Convolution) -> int:
    depth = spec.channels * spec.kernel[0] * spec.kernel[1]
    return ROWS * -(-depth // BLOCK) * BLOCK


def _one_row(spec: Convolution) -> int:
    """The pixels at the left and right ends, whose window includes padding; these are gathered with it."""
    kernel, stride, pad = spec.kernel[1], spec.strides[1], spec.pads[1]
    odd = remainder((spec.output_width - 1) * stride + kernel - spec.width, 2)
    right = max(1, quotient(pad + odd + stride - 1, stride)) if pad + odd != 0 else 0
    left = max(1, quotient(pad + stride - 1, stride)) if pad != 0 else 0
    middle = max(spec.output_width - (right + left), 0)
    if right + middle + left != spec.output_width:
        return _any_window(spec)
    whole = kernel * spec.channels
    pad_left = pad * spec.channels
    pad_right = right * spec.channels if odd else pad_left
    return max(whole + pad_left, whole - spec.channels + pad_right)


def depthwise_buffer(spec: Depthwise) -> int:
    """arm_depthwise_conv_wrapper_s8_get_buffer_size, for a channel multiplier of 1."""
    return 4 * DEPTHWISE_CHANNELS * spec.kernel[0] * spec.kernel[1]


def quotient(a: int, b: int) -> int:
    """a / b of C: towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def remainder(a: int, b: int) -> int:
    """a % b of C: of the sign of a."""
    return a - quotient(a, b) * b


def _epilogue_refusal(spec: Convolution) -> str | None:
    if spec.epilogue.activation == "real":
        return "gives int8, this result is float32"
    if spec.epilogue.activation != "clamp":
        return f"fuses no {spec.epilogue.activation.replace('table16', 'table')}, only limits"
    if spec.epilogue.stride != spec.outputs:
        return "writes its output dense, this one is a part of another"
    return None


def _convolution_refusal(spec: Convolution) -> str | None:
    refusal = _epilogue_refusal(spec)
    if refusal is not None or is_1x1(spec) or not is_1xn(spec):
        return refusal
    total = (spec.output_width - 1) * spec.strides[1] + spec.kernel[1] - spec.width
    if spec.pads[1] * 2 + remainder(total, 2) != total:
        return "pads the ends of a row alike"
    return None


FUNCTIONS: dict[type[Spec], LibraryFunction] = {
    Pointwise: LibraryFunction(_pointwise, _convolution_refusal, convolution_buffer),
    Convolution: LibraryFunction(_convolution, _convolution_refusal, convolution_buffer),
    Depthwise: LibraryFunction(_depthwise, _epilogue_refusal, depthwise_buffer),
}
