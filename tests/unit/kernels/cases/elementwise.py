"""Sums, factors, tables and conversions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ocrm55.bench.runner import Case
from tests.unit.kernels.cases.drawn import COUNTS, Cases, Expected, Random, bits
from tests.unit.kernels.reference import elementwise as ref
from tests.unit.kernels.reference.rounding import quantised


def _add_cases() -> Iterator[Expected]:
    for n, (count, extreme) in enumerate(itertools.product(COUNTS, (False, True))):
        r = Random(10 + n, extreme)
        a, b, numbers = r.tensor(count), r.tensor(count), _numbers(r, n)
        y = ref.add(a, b, *numbers)
        yield Case("add", [count, *_flat(numbers)], [a, b], y.shape, label=f"add {count} {numbers}"), y


Numbers = tuple[tuple[int, int], int, int]


def _numbers(r: Random, n: int) -> Numbers:
    """Gains, offset and shift of a sum; every third has many ties, and the first the largest numbers that there are."""
    if n == 0:
        return (32767, 32767), 1 << 30, 24
    gains, shift = tuple(int(v) for v in r.rng.integers(0, 32768, 2)), int(r.rng.integers(8, 20))
    gains, shift = ((1 << 13, 1 << 12), 14) if n % 3 == 0 else (gains, shift)
    return gains, int(r.rng.integers(-(1 << (shift + 7)), 1 << (shift + 7))), shift


def _flat(numbers: Numbers) -> list[int]:
    gains, offset, shift = numbers
    return [*gains, offset, shift]


def _add_upsampled_cases() -> Iterator[Expected]:
    sizes = [(2, 2, 1, 2, 2), (4, 6, 96, 2, 2), (8, 8, 24, 4, 8), (3, 5, 7, 3, 1), (2, 9, 17, 1, 3), (1, 1, 5, 1, 1)]
    for n, (height, width, channels, rows, columns) in enumerate(sizes):
        r = Random(70 + n, n % 2 == 0)
        a, b = r.tensor(height, width, channels), r.tensor(height // rows, width // columns, channels)
        numbers = _numbers(r, n)
        y = ref.add(a, b.repeat(rows, axis=0).repeat(columns, axis=1), *numbers)
        integers = [height, width, channels, rows, columns, *_flat(numbers)]
        yield Case("add_upsampled", integers, [a, b], y.shape, label=f"add_upsampled {integers}"), y


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
        yield Case("multiply", [rows, count, b_rows, *zeros, bits(gain)], [a, b], y.shape, label=f"multiply {n}"), y


def _lookup_cases() -> Iterator[Expected]:
    r = Random(7)
    for count in COUNTS:
        x, table = r.tensor(count), r.tensor(256)
        yield Case("lookup", [count], [x, table], x.shape, label=f"lookup {count}"), table[x.view(np.uint8)]


def _lookup_channels_cases() -> Iterator[Expected]:
    r = Random(11)
    for pixels, channels in itertools.product(COUNTS, (1, 3, 4, 17, 18)):
        x, tables = r.tensor(pixels, channels), r.tensor(channels, 256)
        y = tables[np.arange(channels), x.view(np.uint8)]
        yield Case("lookup_channels", [pixels, channels], [x, tables], x.shape, label=f"{pixels} x {channels}"), y


def _quantize_cases() -> Iterator[Expected]:
    r = Random(8)
    for count in COUNTS:
        x = (r.rng.normal(size=count) * r.rng.choice([1, 1e3, 1e12], count)).astype(np.float32)
        x[: count // 3] = np.round(x[: count // 3]) + np.float32(0.5)
        zero, gain = r.zero_point(), 1.0 if count % 2 else 37.3
        y = quantised(x * np.float32(gain), zero)
        yield Case("quantize", [count, zero, bits(gain)], [x], y.shape, label=f"quantize {count}"), y


def _dequantize_cases() -> Iterator[Expected]:
    r = Random(9)
    for count in COUNTS:
        x, zero = r.tensor(count), r.zero_point()
        y = (x.astype(np.int32) - zero).astype(np.float32) * np.float32(0.0371)
        yield Case("dequantize", [count, zero, bits(0.0371)], [x], y.shape, np.float32, f"dequantize {count}"), y


def _dequantize_channels_cases() -> Iterator[Expected]:
    r = Random(10)
    for rows, channels in itertools.product((1, 3), COUNTS):
        x, zero = r.tensor(rows, channels), r.zero_point()
        steps = r.rng.uniform(1e-3, 2, channels).astype(np.float32)
        y = (x.astype(np.int32) - zero).astype(np.float32) * steps
        label = f"dequantize {rows} x {channels} by channels"
        yield Case("dequantize_channels", [x.size, zero, channels], [x, steps], y.shape, np.float32, label), y


KERNELS: Cases = {
    "add": _add_cases,
    "add_upsampled": _add_upsampled_cases,
    "add_f32": _add_f32_cases,
    "multiply": _multiply_cases,
    "lookup": _lookup_cases,
    "lookup_channels": _lookup_channels_cases,
    "quantize": _quantize_cases,
    "dequantize": _dequantize_cases,
    "dequantize_channels": _dequantize_channels_cases,
}
