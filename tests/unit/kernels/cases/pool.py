"""Means and largest values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ocrm55.bench.runner import Case
from tests.unit.kernels.cases.drawn import Cases, Expected, Random, bits
from tests.unit.kernels.reference import pool as ref


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
        integers = [channels, height, width, *y.shape[:2], *kernel, *strides, channels, *zeros, bits(gain)]
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
            bits(gain),
            first,
            count,
            more,
        ]
        label = f"average_pool_repeated {x.shape} {first} {count} {more}"
        yield Case("average_pool_repeated", integers, [x], y.shape, label=label), y


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


KERNELS: Cases = {
    "average_pool": _average_pool_cases,
    "average_pool_repeated": _average_pool_repeated_cases,
    "max_pool": _max_pool_cases,
}
