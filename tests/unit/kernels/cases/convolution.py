"""Convolutions with any window, with one pixel, and of each channel by itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ocrm55.bench.runner import Case
from ocrm55.compiler.targets.m55 import packing
from tests.unit.kernels.cases.drawn import Cases, Expected, Random
from tests.unit.kernels.reference import convolution as ref
from tests.unit.kernels.reference.epilogue import CLAMP, finish


def pointwise(r: Random, pixels: int, inputs: int, outputs: int, activation: int, wider: int = 0) -> Expected:
    x, w, bias = r.tensor(pixels, inputs), r.weights(outputs, inputs), r.bias(outputs)
    e = r.epilogue(outputs, inputs, activation)
    y = finish(x.astype(np.int64) @ w.T.astype(np.int64) + bias, e)
    label = f"pointwise {pixels} x {inputs} -> {outputs}, activation {activation}, stride +{wider}"
    integers = [*e.integers(), pixels, inputs, outputs, outputs + wider]
    if wider:  # the gaps keep what the runner filled the output with
        gaps = np.full((pixels, outputs + wider), 0xA5, np.uint8).view(np.int8)
        if e.dtype() == np.float32:
            gaps = np.full((pixels, outputs + wider), 0xA5A5A5A5, np.uint32).view(np.float32)
        gaps[:, :outputs] = y
        y = gaps
    blobs = [x, packing.pointwise(w, bias), *e.arrays()]
    return Case("pointwise", integers, blobs, y.shape, e.dtype(), label, pixels * inputs * outputs), y


def conv(
    r: Random,
    size: tuple[int, int, int],
    outputs: int,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    activation: int,
) -> Expected:
    height, width, inputs = size
    x, w, bias, zero = r.tensor(*size), r.weights(outputs, inputs, *kernel), r.bias(outputs), r.zero_point()
    e = r.epilogue(outputs, inputs * kernel[0] * kernel[1], activation)
    y = finish(ref.conv(x, w, bias, strides, pads, zero), e)
    integers = [
        *e.integers(),
        inputs,
        height,
        width,
        outputs,
        *y.shape[:2],
        *kernel,
        *strides,
        *pads[:2],
        outputs,
        zero,
    ]
    label = f"conv {size} -> {outputs}, {kernel} strides {strides} pads {pads}, activation {activation}"
    macs = y.size * inputs * kernel[0] * kernel[1]
    return Case("conv", integers, [x, packing.conv(w, bias), *e.arrays()], y.shape, e.dtype(), label, macs), y


def depthwise(
    r: Random,
    size: tuple[int, int, int],
    kernel: int,
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    activation: int,
    in_place: bool = False,
) -> Expected:
    height, width, channels = size
    x, w, bias, zero = r.tensor(*size), r.weights(channels, 1, kernel, kernel), r.bias(channels), r.zero_point()
    e = r.epilogue(channels, kernel * kernel, activation)
    y = finish(ref.conv(x, w, bias, strides, pads, zero), e)
    integers = [*e.integers(), channels, height, width, *y.shape[:2], kernel, *strides, *pads[:2], zero, int(in_place)]
    label = f"depthwise {size} {kernel}x{kernel} strides {strides} pads {pads}, activation {activation}, {in_place=}"
    blobs = [x, packing.depthwise(w), bias, *e.arrays()]
    return Case("depthwise", integers, blobs, y.shape, np.int8, label, y.size * kernel * kernel), y


def _pointwise_cases() -> Iterator[Expected]:
    r, extreme = Random(1), Random(2, extreme=True)
    sizes = [(1, 1, 1), (2, 15, 3), (3, 16, 4), (4, 17, 5), (5, 64, 8), (6, 33, 97), (7, 250, 6), (9, 512, 12)]
    sizes += [(3, 513, 4), (8, 1040, 7), (5, 1536, 4), (13, 128, 300)]
    for size in sizes:
        for activation in range(4):
            yield pointwise(r, *size, activation)
        yield pointwise(extreme, *size, CLAMP)
    for activation in range(4):
        for wider in (1, 4):
            yield pointwise(r, 6, 32, 8, activation, wider)


def _conv_cases() -> Iterator[Expected]:
    r, extreme = Random(3), Random(4, extreme=True)
    sizes = ((1, 5, 2), (3, 3, 3), (4, 9, 7), (7, 12, 16), (3, 31, 4), (5, 6, 33))
    kernels = ((1, 1), (1, 3), (3, 3), (3, 2), (2, 5))
    for n, (size, kernel, strides, pad) in enumerate(
        itertools.product(sizes, kernels, ((1, 1), (2, 1), (1, 2), (2, 2)), (0, 1, 2))
    ):
        high, wide = min(pad, kernel[0] - 1), min(pad, kernel[1] - 1)
        pads = (high, wide, max(high - n % 2, 0), wide)
        if size[0] + pads[0] + pads[2] >= kernel[0] and size[1] + 2 * wide >= kernel[1]:
            source = extreme if n % 7 == 0 else r
            yield conv(source, size, 2 + n % 6, kernel, strides, pads, n % 4)
    yield conv(r, (1, 40, 512), 8, (1, 3), (1, 1), (0, 1, 0, 1), CLAMP)
    # Rows and columns beyond 16 bits, and the largest within them.
    yield conv(r, (1, 66000, 1), 6, (1, 3), (1, 3000), (0, 1, 0, 1), CLAMP)
    yield conv(r, (1, 65532, 2), 6, (1, 3), (1, 5461), (0, 1, 0, 1), CLAMP)
    yield conv(r, (66000, 1, 1), 6, (3, 1), (3000, 1), (1, 0, 1, 0), CLAMP)
    yield conv(r, (65532, 1, 2), 6, (3, 1), (5461, 1), (1, 0, 1, 0), CLAMP)


def _depthwise_cases() -> Iterator[Expected]:
    r, extreme = Random(5), Random(6, extreme=True)
    sizes = ((1, 1), (2, 3), (3, 8), (4, 17), (5, 16), (6, 9), (7, 33), (8, 20), (13, 24), (3, 40))
    for n, (kernel, size, strides, pad) in enumerate(
        itertools.product((3, 5), sizes, ((1, 1), (2, 1), (1, 2), (2, 2)), (0, 1, 2, 4))
    ):
        before = min(pad, kernel - 1)
        after = max(before - n % 2, 0)
        if min(size) + before + after >= kernel:
            source = extreme if n % 7 == 0 else r
            # In place the output must not be larger than the input.
            in_place = n % 3 == 0 and before + after <= kernel - 1
            channels = (2, 3, 4, 16, 21, 34)[n % 6]  # 16 are copied together, two are stored together
            yield depthwise(source, (*size, channels), kernel, strides, (before, before, after, after), n % 3, in_place)


KERNELS: Cases = {
    "pointwise": _pointwise_cases,
    "conv": _conv_cases,
    "depthwise": _depthwise_cases,
}
