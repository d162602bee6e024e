"""Calls of every kernel, random and extreme, each with what must come out: for the tests on the host and on QEMU."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from ocrm55.bench.runner import Case
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.targets.m55 import packing
from tests.unit.kernels import reference as ref

Expected = tuple[Case, np.ndarray]
int8 = np.int8


class Random:
    """Values for cases; `extreme` fills tensors with the ends of the range instead."""

    def __init__(self, seed: int, extreme: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.extreme = extreme

    def tensor(self, *shape: int) -> np.ndarray:
        if self.extreme:  # all at one end, so that sums reach their bounds, or at random ends
            ends = np.array([-128, 127], np.int8)
            return np.full(shape, self.rng.choice(ends)) if self.rng.integers(3) else self.rng.choice(ends, shape)
        return self.rng.integers(-128, 128, shape).astype(np.int8)

    def weights(self, *shape: int) -> np.ndarray:
        if self.extreme:  # all of one sign by channel, so that sums reach their bounds
            sign = self.rng.choice(np.array([-128, 127], np.int8), (shape[0], *[1] * (len(shape) - 1)))
            return np.broadcast_to(sign, shape).copy()
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def bias(self, channels: int) -> np.ndarray:
        return self.rng.integers(-50000, 50000, channels).astype(np.int32)

    def zero_point(self) -> int:
        return int(self.rng.choice([-128, -3, 0, 7, 127]))

    def epilogue(self, channels: int, depth: int, activation: int) -> ref.Epilogue:
        """Outputs that use their range and now and then leave it."""
        steps = {ref.CLAMP: 60, ref.HARD_SWISH: 2, ref.TABLE8: 60, ref.TABLE16: 15000, ref.REAL: 1}[activation]
        scales = self.rng.uniform(0.2, 2, channels) * steps / (depth**0.5 * 73 * 73)
        e = ref.Epilogue(packing.scale(scales, channels), activation, self.zero_point())
        if activation in (ref.CLAMP, ref.HARD_SWISH) and self.rng.integers(2):
            e.low, e.high = sorted(int(v) for v in self.rng.integers(-128, 128, 2))
        if activation == ref.HARD_SWISH:
            e.gain = packing.scale(1 / (6 * self.rng.uniform(0.01, 0.1, channels)), channels)
        if activation == ref.TABLE8:
            e.table = self.tensor(256)
        if activation == ref.TABLE16:
            e.table_shift = int(self.rng.integers(1, 9))
            e.table = self.tensor(1 << (16 - e.table_shift))
            if e.table_shift >= 2 and self.rng.integers(2):  # a table for each channel
                e.table_stride = len(e.table) + int(self.rng.choice([0, 3])) * (e.table_shift > 2)
                e.table = self.tensor(tables.pad_channels(e.scale).size * e.table_stride)
        return e


def pointwise(r: Random, pixels: int, inputs: int, outputs: int, activation: int, wider: int = 0) -> Expected:
    x, w, bias = r.tensor(pixels, inputs), r.weights(outputs, inputs), r.bias(outputs)
    e = r.epilogue(outputs, inputs, activation)
    y = ref.finish(x.astype(np.int64) @ w.T.astype(np.int64) + bias, e)
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
    y = ref.finish(ref.conv(x, w, bias, strides, pads, zero), e)
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
    y = ref.finish(ref.conv(x, w, bias, strides, pads, zero), e)
    integers = [*e.integers(), channels, height, width, *y.shape[:2], kernel, *strides, *pads[:2], zero, int(in_place)]
    label = f"depthwise {size} {kernel}x{kernel} strides {strides} pads {pads}, activation {activation}, {in_place=}"
    blobs = [x, packing.depthwise(w), bias, *e.arrays()]
    return Case("depthwise", integers, blobs, y.shape, np.int8, label, y.size * kernel * kernel), y


def _pointwise_cases() -> Iterator[Expected]:
    r, extreme = Random(1), Random(2, extreme=True)
    sizes = [(1, 1, 1), (2, 15, 3), (3, 16, 4), (4, 17, 5), (5, 64, 8), (6, 33, 97), (7, 250, 6), (9, 512, 12)]
    sizes += [(3, 513, 4), (8, 1040, 7), (5, 1536, 4), (13, 128, 300)]
    for size in sizes:
        for activation in range(5):
            yield pointwise(r, *size, activation)
        yield pointwise(extreme, *size, ref.CLAMP)
    for activation in range(5):
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
            yield conv(source, size, 2 + n % 6, kernel, strides, pads, n % 5)
    yield conv(r, (1, 40, 512), 8, (1, 3), (1, 1), (0, 1, 0, 1), ref.CLAMP)


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
            channels = 2 + n % 3
            yield depthwise(source, (*size, channels), kernel, strides, (before, before, after, after), n % 4, in_place)


def _bits(value: float) -> int:
    return int(np.float32(value).view(np.int32))


COUNTS = (1, 3, 4, 15, 16, 17, 40, 97, 120, 255, 1000)


def _add_cases() -> Iterator[Expected]:
    for n, (count, extreme) in enumerate(itertools.product(COUNTS, (False, True))):
        r = Random(10 + n, extreme)
        a, b, zeros = r.tensor(count), r.tensor(count), (r.zero_point(), r.zero_point(), r.zero_point())
        gains = r.rng.uniform(0.1, 3, 2).tolist() if n % 3 else [1.0, 0.5]  # the latter: many ties
        integers = [count, *zeros, *map(_bits, gains)]
        y = ref.add(a, b, zeros, *gains)
        yield Case("add", integers, [a, b], y.shape, label=f"add {count} {gains}"), y


def _add_f32_cases() -> Iterator[Expected]:
    for count in COUNTS:
        a, b = np.random.default_rng(count).normal(size=(2, count)).astype(np.float32)
        yield Case("add_f32", [count], [a, b], a.shape, np.float32, f"add_f32 {count}"), a + b


def _multiply_cases() -> Iterator[Expected]:
    for n, (count, rows, b_rows) in enumerate(itertools.product(COUNTS, (1, 5), (0, 1))):
        r = Random(40 + n, n % 5 == 0)
        a, b = r.tensor(rows, count), r.tensor(rows if b_rows else 1, count)
        zeros, gain = (r.zero_point(), r.zero_point(), r.zero_point()), float(r.rng.choice([1 / 128, 0.0123, 0.25]))
        y = ref.multiply(a, b, zeros, gain)
        yield Case("multiply", [rows, count, b_rows, *zeros, _bits(gain)], [a, b], y.shape, label=f"multiply {n}"), y


def _lookup_cases() -> Iterator[Expected]:
    r = Random(7)
    for count in COUNTS:
        x, table = r.tensor(count), r.tensor(256)
        yield Case("lookup", [count], [x, table], x.shape, label=f"lookup {count}"), table[x.view(np.uint8)]


def _quantize_cases() -> Iterator[Expected]:
    r = Random(8)
    for count in COUNTS:
        x = (r.rng.normal(size=count) * r.rng.choice([1, 1e3, 1e12], count)).astype(np.float32)
        x[: count // 3] = np.round(x[: count // 3]) + np.float32(0.5)
        zero, gain = r.zero_point(), 1.0 if count % 2 else 37.3
        y = ref.quantised(x * np.float32(gain), zero)
        yield Case("quantize", [count, zero, _bits(gain)], [x], y.shape, label=f"quantize {count}"), y


def _dequantize_cases() -> Iterator[Expected]:
    r = Random(9)
    for count in COUNTS:
        x, zero = r.tensor(count), r.zero_point()
        y = (x.astype(np.int32) - zero).astype(np.float32) * np.float32(0.0371)
        yield Case("dequantize", [count, zero, _bits(0.0371)], [x], y.shape, np.float32, f"dequantize {count}"), y


def _dequantize_channels_cases() -> Iterator[Expected]:
    r = Random(10)
    for rows, channels in itertools.product((1, 3), COUNTS):
        x, zero = r.tensor(rows, channels), r.zero_point()
        steps = r.rng.uniform(1e-3, 2, channels).astype(np.float32)
        y = (x.astype(np.int32) - zero).astype(np.float32) * steps
        label = f"dequantize {rows} x {channels} by channels"
        yield Case("dequantize_channels", [x.size, zero, channels], [x, steps], y.shape, np.float32, label), y


def _copy_rows_cases() -> Iterator[Expected]:
    r = Random(11)
    for rows, count in itertools.product((1, 3), COUNTS):
        x = r.tensor(rows, count + 5)
        y = np.full((rows, count + 3), 0xA5, np.uint8).view(np.int8)
        y[:, :count] = x[:, :count]
        yield Case("copy_rows", [rows, count, count + 5, count + 3], [x], y.shape, label=f"copy {rows} {count}"), y


def _extend_columns_cases() -> Iterator[Expected]:
    r = Random(19)
    for height, width, channels, more in ((1, 1, 1, 1), (3, 5, 16, 0), (2, 9, 7, 2), (6, 49, 64, 2), (3, 13, 100, 11)):
        for known, in_place in itertools.product((False, True), repeat=2):
            x, beyond = r.tensor(height, width, channels), r.tensor(height, channels)
            column = beyond[:, None] if known else x[:, -1:]
            y = np.concatenate([x, np.repeat(column, more, axis=1)], axis=1)
            integers = [height, width, channels, more, int(known), int(in_place)]
            yield Case("extend_columns", integers, [x, beyond], y.shape, label=f"extend {integers} {known}"), y


def _transpose_cases() -> Iterator[Expected]:
    r = Random(12)
    for rows, columns in ((1, 1), (3, 5), (8, 16), (17, 9), (40, 120), (2, 10000)):
        x = r.tensor(rows, columns)
        yield Case("transpose", [rows, columns], [x], (columns, rows), label=f"transpose {rows} {columns}"), x.T.copy()


def _average_pool_cases() -> Iterator[Expected]:
    shapes = (((2, 2, 3), (2, 2), (2, 2)), ((3, 80, 16), (2, 2), (2, 2)), ((5, 7, 9), (3, 2), (1, 2)))
    shapes += (((6, 40, 17), (6, 40), (1, 1)), ((30, 41, 8), (30, 41), (1, 1)), ((1, 300, 5), (1, 256), (1, 3)))
    for n, ((size, kernel, strides), extreme) in enumerate(itertools.product(shapes, (False, True))):
        r = Random(70 + n, extreme)
        x, zeros = r.tensor(*size), (r.zero_point(), r.zero_point())
        if extreme:  # a mean of -128 + 28: partial sums that overflowed would show
            x, zeros = np.full(size, -128, np.int8), (-28, 0)
        gain = 1.3 / (kernel[0] * kernel[1]) if n % 3 else 1 / (kernel[0] * kernel[1])
        y = ref.average_pool(x, kernel, strides, zeros, gain)
        height, width, channels = size
        integers = [channels, height, width, *y.shape[:2], *kernel, *strides, channels, *zeros, _bits(gain)]
        yield Case("average_pool", integers, [x], y.shape, label=f"average_pool {size} {kernel}"), y


def _average_pool_repeated_cases() -> Iterator[Expected]:
    """The reference pools an image in which the columns stand as often as they count."""
    shapes = ((1, 1, 1), (3, 48, 256), (3, 24, 17), (6, 12, 8), (2, 7, 5), (1, 300, 3))
    for n, ((height, width, channels), more) in enumerate(itertools.product(shapes, (0, 1, 28))):
        r = Random(170 + n, n % 4 == 0)
        x, zeros = r.tensor(height, width, channels), (r.zero_point(), r.zero_point())
        count = int(r.rng.integers(1, min(width, 5) + 1))
        first = int(r.rng.integers(0, width - count + 1))
        whole = np.concatenate([x, *[x[:, first : first + count]] * more], axis=1)
        kernel = whole.shape[:2]
        gain = 1.2 / (kernel[0] * kernel[1])
        y = ref.average_pool(whole, kernel, (1, 1), zeros, gain)
        integers = [
            channels,
            height,
            width,
            1,
            1,
            height,
            width,
            1,
            1,
            channels,
            *zeros,
            _bits(gain),
            first,
            count,
            more,
        ]
        label = f"average_pool_repeated {x.shape} {first} {count} {more}"
        yield Case("average_pool_repeated", integers, [x], y.shape, label=label), y


def _softmax_repeated_cases() -> Iterator[Expected]:
    for n, (count, from_float, times) in enumerate(itertools.product(COUNTS, (0, 1), (1, 2, 29))):
        r = Random(190 + n, n % 5 == 0)
        x = r.tensor(3, count)
        if from_float:
            x = (r.rng.normal(size=(3, count)) * r.rng.choice([1, 10, 100])).astype(np.float32)
        powers, place = tables.softmax_powers(float(r.rng.choice([0.01, 0.11, 0.9]))), int(r.rng.integers(count))
        y = ref.softmax(x, powers, False, place, times)
        label = f"softmax_repeated {count} from float {from_float}, {place} times {times}"
        integers = [3, count, from_float, place, times]
        yield Case("softmax_repeated", integers, [x, powers], y.shape, y.dtype.type, label), y


def _max_pool_cases() -> Iterator[Expected]:
    shapes = (((2, 2, 3), (2, 2), (2, 2)), ((2, 80, 16), (2, 2), (2, 2)), ((5, 7, 9), (3, 2), (1, 2)))
    shapes += (((6, 40, 17), (6, 40), (1, 1)), ((9, 11, 33), (3, 3), (2, 2)), ((1, 30, 5), (1, 7), (1, 3)))
    for n, ((size, kernel, strides), pad) in enumerate(itertools.product(shapes, (0, 1))):
        x = Random(60 + n, n % 5 == 0).tensor(*size)
        pads = (min(pad, kernel[0] - 1), min(pad, kernel[1] - 1)) * 2
        y = ref.max_pool(x, kernel, strides, pads)
        height, width, channels = size
        integers = [channels, height, width, *y.shape[:2], *kernel, *strides, *pads[:2]]
        yield Case("max_pool", integers, [x], y.shape, label=f"max_pool {size} {kernel} {strides} {pads}"), y


def _softmax_cases() -> Iterator[Expected]:
    for n, (count, from_float, to_float) in enumerate(itertools.product(COUNTS, (0, 1), (0, 1))):
        r = Random(90 + n, n % 5 == 0)
        step = float(r.rng.choice([0.01, 0.11, 0.9]))
        x = r.tensor(3, count)
        if from_float:
            x = (r.rng.normal(size=(3, count)) * r.rng.choice([1, 10, 100])).astype(np.float32)
        powers = tables.softmax_powers(step)
        y = ref.softmax(x, powers, bool(to_float))
        label = f"softmax {count} from float {from_float} to float {to_float}"
        yield Case("softmax", [3, count, from_float, to_float], [x, powers], y.shape, y.dtype.type, label), y


def _layer_norm_cases() -> Iterator[Expected]:
    for n, (count, (from_float, to_float)) in enumerate(itertools.product(COUNTS, ((0, 0), (1, 0), (1, 1)))):
        r = Random(130 + n, n % 5 == 0)
        x, zeros, step = r.tensor(3, count), (r.zero_point(), r.zero_point()), 0.043
        v = (x.astype(np.int32) - zeros[0]).astype(np.float32) * np.float32(step)
        if from_float:
            x = v = r.rng.normal(size=(3, count)).astype(np.float32)
        gamma, beta = r.rng.normal(size=(2, count)).astype(np.float32)
        y = ref.layer_norm(v, gamma, beta, 1e-5, None if to_float else 21.7, zeros[1])
        integers = [3, count, from_float, to_float, _bits(1e-5), *zeros, _bits(step), _bits(21.7)]
        label = f"layer_norm {count} from float {from_float} to float {to_float}"
        yield Case("layer_norm", integers, [x, gamma, beta], y.shape, y.dtype.type, label), y


def matmul(
    r: Random, batches: int, rows: int, columns: int, depth: int, activation: int, transposed: bool, gap: int = 0
) -> Expected:
    """Batches side by side within wider rows, as the heads of attention are."""
    a = r.tensor(rows, batches * depth + gap)
    b = r.tensor(depth, batches * columns + gap) if transposed else r.tensor(columns, batches * depth + gap)
    e, zero = r.epilogue(columns, depth, activation), r.zero_point()
    y = np.full((rows, batches * columns), 0, e.dtype())
    for i in range(batches):
        left = a[:, i * depth : (i + 1) * depth].astype(np.int64) - zero
        right = b[:, i * columns : (i + 1) * columns] if transposed else b[:, i * depth : (i + 1) * depth].T
        y[:, i * columns : (i + 1) * columns] = ref.finish(left @ right.astype(np.int64), e)
    where_b = [columns, 1, b.shape[1]] if transposed else [depth, b.shape[1], 1]
    integers = [*e.integers(), batches, rows, columns, depth, depth, a.shape[1], *where_b, columns, y.shape[1], zero]
    label = f"matmul {batches} x {rows} x {columns} x {depth}, {transposed=}, activation {activation}"
    return Case("matmul", integers, [a, b, *e.arrays()], y.shape, e.dtype(), label, y.size * depth), y


def _matmul_cases() -> Iterator[Expected]:
    sizes = ((1, 1, 1, 1), (2, 5, 7, 15), (8, 40, 40, 15), (8, 40, 15, 40), (3, 4, 8, 16), (1, 6, 9, 530))
    for n, (size, transposed, gap) in enumerate(itertools.product(sizes, (False, True), (0, 3))):
        yield matmul(Random(170 + n, n % 7 == 0), *size, n % 5, transposed, gap)


KERNELS: dict[str, Callable[[], Iterator[Expected]]] = {
    "pointwise": _pointwise_cases,
    "conv": _conv_cases,
    "depthwise": _depthwise_cases,
    "add": _add_cases,
    "add_f32": _add_f32_cases,
    "multiply": _multiply_cases,
    "lookup": _lookup_cases,
    "quantize": _quantize_cases,
    "dequantize": _dequantize_cases,
    "dequantize_channels": _dequantize_channels_cases,
    "copy_rows": _copy_rows_cases,
    "extend_columns": _extend_columns_cases,
    "transpose": _transpose_cases,
    "average_pool": _average_pool_cases,
    "softmax": _softmax_cases,
    "average_pool_repeated": _average_pool_repeated_cases,
    "softmax_repeated": _softmax_repeated_cases,
    "layer_norm": _layer_norm_cases,
    "matmul": _matmul_cases,
    "max_pool": _max_pool_cases,
}


def check(answers: list, expected: list[Expected]) -> None:
    """Every answer is a success with the expected bits."""
    wrong = []
    for answer, (case, y) in zip(answers, expected, strict=True):
        if answer.status != 0:
            wrong.append(f"{case.label}: status {answer.status}")
        elif not np.array_equal(answer.output.view(np.uint8), y.view(np.uint8)):
            wrong.append(f"{case.label}: {np.count_nonzero(answer.output != y)} of {y.size} differ")
    assert not wrong, "\n".join(wrong[:20])
