"""Convolutions as calls of conv.c, pointwise.c and depthwise.c."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from ocrm55.compiler.memory.planner import round_up
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.groups import dense
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.targets.m55 import packing
from ocrm55.compiler.targets.m55.kernel import (
    BLOCK,
    GROUP,
    PIXELS,
    TILES,
    Call,
    Kernel,
    bytes_of_sums,
    epilogue,
    per_channel,
    structure,
)

GROUP_WEIGHT_BYTES = 16 * 1024
SMALL_PIECE = 48  # a window's row of at most these bytes is fetched byte by byte
LARGEST_DEPTHWISE = 5  # rows and columns of a window
DEPTHWISE_GROUP = 8  # outputs between two stores of sums
PLANES = 4  # channels that are copied together
MOST_CHANNELS = 4096  # of a depthwise convolution: offsets of 8 pixels are 16 bits
SUMS, WAY_BYTES = 384, 68  # sums of a channel that are there at once; bytes on their way into planes


def _pointwise(spec: Pointwise, constants: Sequence[np.ndarray]) -> Call:
    weights, bias, scale, *extra = constants
    filled = [
        f".channels_in = {spec.channels}, .channels_out = {spec.outputs}, .y_stride = {spec.epilogue.stride},",
        ".weights = weights,",
        epilogue(spec.epilogue),
    ]
    pixels = spec.output_height * spec.output_width
    body = structure("pointwise", filled)
    if spec.chunk:
        body += _chunks(spec, pixels)
    else:
        body.append(f"ocrm55_pointwise_s8(&layer, x, y, {pixels}, workspace);")
    arrays = per_channel(spec.epilogue, spec.outputs, scale, extra[0] if extra else None)
    return Call(body, {"weights": packing.pointwise(weights.reshape(spec.outputs, -1), bias), **arrays})


def _chunks(spec: Pointwise, pixels: int) -> list[str]:
    """Calls for one chunk of pixels after the other, so that y may lie over inputs that are not needed any more."""
    last = (pixels - 1) // spec.chunk * spec.chunk
    order = f"first = 0; first < {pixels}; first += {spec.chunk}"
    if spec.backwards:
        order = f"first = {last}; first >= 0; first -= {spec.chunk}"
    here = f"x + first * {spec.channels}, y + first * {spec.epilogue.stride}"
    count = str(spec.chunk)
    if pixels % spec.chunk:
        count = f"first < {last} ? {spec.chunk} : {pixels - last}"
    return [f"for (int32_t {order}) {{", f"    ocrm55_pointwise_s8(&layer, {here}, {count}, workspace);", "}"]


def _geometry(spec: Convolution) -> list[str]:
    """The fields for the places of windows."""
    (stride_y, stride_x), (top, left) = spec.strides, spec.pads
    return [
        f".stride_y = {stride_y}, .stride_x = {stride_x}, .pad_top = {top}, .pad_left = {left},",
        f".zero_point_in = {spec.zero_point},",
    ]


def _convolution(spec: Convolution, constants: Sequence[np.ndarray]) -> Call:
    weights, bias, scale, *extra = constants
    filled = [
        f".channels_in = {spec.channels}, .height = {spec.height}, .width = {spec.width},",
        f".channels_out = {spec.outputs}, .height_out = {spec.output_height}, .width_out = {spec.output_width},",
        f".kernel_height = {spec.kernel[0]}, .kernel_width = {spec.kernel[1]},",
        *_geometry(spec),
        f".y_stride = {spec.epilogue.stride},",
        ".weights = weights,",
        epilogue(spec.epilogue),
    ]
    body = [*structure("conv", filled), "ocrm55_conv_s8(&layer, x, y, workspace);"]
    arrays = per_channel(spec.epilogue, spec.outputs, scale, extra[0] if extra else None)
    return Call(body, {"weights": packing.conv(weights, bias), **arrays})


def _widened(spec: Depthwise) -> Depthwise:
    """A depthwise convolution with a window of 3x3 or 5x5: with zeros below and on the right of smaller ones."""
    size = 3 if max(spec.kernel) <= 3 else LARGEST_DEPTHWISE
    return replace(spec, kernel=(size, size))


def _is_large(spec: Depthwise) -> bool:
    """Whether a window is larger than those of depthwise.c: conv.c computes it, with zeros for the other channels."""
    return max(spec.kernel) > LARGEST_DEPTHWISE


def _dense(spec: Depthwise) -> Convolution:
    return Convolution(**{each.name: getattr(spec, each.name) for each in fields(Convolution)})


def _depthwise(spec: Depthwise, constants: Sequence[np.ndarray]) -> Call:
    weights, bias, scale, *extra = constants
    if _is_large(spec):
        return _convolution(_dense(spec), [dense(weights, spec.channels), bias, scale, *extra])
    wide = _widened(spec)
    rows, columns = (large - small for large, small in zip(wide.kernel, spec.kernel, strict=True))
    weights, spec = np.pad(weights, ((0, 0), (0, 0), (0, rows), (0, columns))), wide
    filled = [
        f".channels = {spec.channels}, .height = {spec.height}, .width = {spec.width},",
        f".height_out = {spec.output_height}, .width_out = {spec.output_width}, .kernel = {spec.kernel[0]},",
        *_geometry(spec),
        ".weights = weights, .bias = bias,",
        epilogue(spec.epilogue),
    ]
    body = [*structure("depthwise", filled), "ocrm55_depthwise_s8(&layer, x, y, workspace);"]
    arrays = per_channel(spec.epilogue, spec.outputs, scale, extra[0] if extra else None)
    return Call(body, {"weights": packing.depthwise(weights), "bias": bias, **arrays})


def _pointwise_bytes(spec: Pointwise) -> int:
    depth = round_up(spec.channels, BLOCK)
    group = min(max(GROUP_WEIGHT_BYTES // depth // 4 * 4, 4), GROUP)
    return bytes_of_sums(spec.outputs, group) + (0 if depth == spec.channels else PIXELS * depth)


def _convolution_bytes(spec: Convolution) -> int:
    height, width = spec.kernel
    depth = round_up(height * width * spec.channels, BLOCK)
    piece = width * spec.channels
    small = piece < SMALL_PIECE and max(spec.height + height, spec.width + width) <= 0xFFFF
    small = small and (height - 1) * spec.width * spec.channels + piece <= 0xFFFF
    return bytes_of_sums(spec.outputs, GROUP) + PIXELS * depth + (3 * depth * 2 if small else 0)


def _depthwise_bytes(spec: Depthwise) -> int:
    if _is_large(spec):
        return _convolution_bytes(_dense(spec))
    spec = _widened(spec)
    kernel, (stride_y, stride_x), (top, _) = spec.kernel[0], spec.strides, spec.pads
    pitch = 8 if kernel == 5 else 4
    columns = BLOCK // pitch
    vectors = 6 if stride_x == 1 else 3
    below = (spec.output_height - 1) * stride_y + kernel - top - spec.height
    border = max(top, below) if spec.height >= kernel else top + below
    wrapped = spec.height + border <= pitch
    rows = spec.output_height if wrapped else (pitch - kernel) // stride_y + 1
    strips = -(-spec.output_height // rows)
    groups = -(-spec.output_width // DEPTHWISE_GROUP)
    blocks = groups * DEPTHWISE_GROUP * stride_x // columns + (2 if kernel == 5 else 1)
    buffers = strips if strips < 2 or spec.output_width > spec.width else 2
    summed = min(max(SUMS // spec.output_width, 1), rows)
    sums = max(round_up(2 * summed * spec.output_width + DEPTHWISE_GROUP, 4) * 4, WAY_BYTES)
    return rows * vectors * BLOCK + buffers * PLANES * blocks * BLOCK + sums


def _depthwise_refusal(spec: Depthwise) -> str | None:
    if _is_large(spec):
        return None
    if max(spec.strides) > 2 or spec.epilogue.activation == "real":
        return "has depthwise kernels with strides 1 and 2 and int8 results"
    if spec.channels > MOST_CHANNELS:
        return f"has depthwise kernels of at most {MOST_CHANNELS:,} channels"
    return None


KERNELS: dict[type[Spec], Kernel] = {
    Pointwise: Kernel(_pointwise, ("pointwise", *TILES), _pointwise_bytes),
    Convolution: Kernel(_convolution, ("conv", *TILES), _convolution_bytes),
    Depthwise: Kernel(
        _depthwise,
        ("depthwise", *TILES),
        _depthwise_bytes,
        _depthwise_refusal,
        more=lambda spec: ("conv",) if _is_large(spec) else (),
        in_place=lambda spec: not _is_large(spec),
    ),
}
