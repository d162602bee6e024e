"""Copies of rows, columns that are added, and elements in another order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ocrm55.bench.runner import Case
from ocrm55.compiler.operators import strided
from tests.unit.kernels.cases.drawn import COUNTS, Cases, Expected, Random
from tests.unit.kernels.reference import moves as ref


def _copy_rows_cases() -> Iterator[Expected]:
    r = Random(11)
    for rows, count in itertools.product((1, 3), COUNTS):
        x = r.tensor(rows, count + 5)
        y = ref.copy_rows(x, count, count + 3)
        yield Case("copy_rows", [rows, count, count + 5, count + 3], [x], y.shape, label=f"copy {rows} {count}"), y


def _extend_columns_cases() -> Iterator[Expected]:
    r = Random(19)
    for height, width, channels, more in ((1, 1, 1, 1), (3, 5, 16, 0), (2, 9, 7, 2), (6, 49, 64, 2), (3, 13, 100, 11)):
        for known, in_place in itertools.product((False, True), repeat=2):
            x, beyond = r.tensor(height, width, channels), r.tensor(height, channels)
            y = ref.extend_columns(x, more, beyond if known else None)
            integers = [height, width, channels, more, int(known), int(in_place)]
            yield Case("extend_columns", integers, [x, beyond], y.shape, label=f"extend {integers} {known}"), y


def move(r: Random, shape: tuple[int, ...], index: np.ndarray, row: int = 0) -> Expected:
    """Elements of x in the order of `index`; row: elements from one row of y to the next, as in a wider tensor."""
    x, count = r.tensor(*shape), index.shape[-1]
    places = np.arange(index.size) if not row else np.add.outer(np.arange(index.size // count) * row, np.arange(count))
    axes = strided.axes(index.reshape(-1), places.reshape(-1))
    assert axes is not None
    y = ref.move(x, index, places)
    padded = axes.padded(6)
    integers = [*padded.sizes, *padded.strides, *padded.places, int(index.reshape(-1)[0])]
    return Case("move", integers, [x], y.shape, label=f"move {shape} -> {index.shape}, {axes}"), y


def _move_cases() -> Iterator[Expected]:
    r = Random(12)
    for rows, columns in ((1, 1), (3, 5), (8, 16), (17, 9), (40, 120), (2, 10000)):
        yield move(r, (rows, columns), np.arange(rows * columns).reshape(rows, columns).T)
    for n in range(40):
        shape = tuple(int(v) for v in r.rng.integers(1, 8, 4))
        index = np.arange(np.prod(shape)).reshape(shape).transpose(r.rng.permutation(4))
        if n % 3 == 0:  # a slice, some of it backwards
            index = index[int(r.rng.integers(index.shape[0])) :, :: int(r.rng.choice([-1, 1, 2]))]
        if n % 4 == 0:  # each twice, as an image enlarged by nearest neighbours
            index = index.repeat(2, axis=1).repeat(3, axis=2)
        yield move(r, shape, index, row=index.shape[-1] + 3 if n % 5 == 0 else 0)
    for height, width, a, b in ((3, 5, 2, 2), (2, 8, 2, 2), (1, 80, 2, 4), (2, 3, 2, 1), (2, 7, 4, 2), (2, 6, 3, 2)):
        shape = (height, width, a, a, b, b)  # blocks of pixels within blocks become rows
        yield move(r, shape, np.arange(np.prod(shape)).reshape(shape).transpose(0, 2, 4, 1, 3, 5))


def _gather_cases() -> Iterator[Expected]:
    r = Random(20)
    for count in COUNTS:
        x, index = r.tensor(97), r.rng.integers(0, 97, count).astype(np.int32)
        yield Case("gather", [count], [x, index], (count,), label=f"gather {count}"), ref.gather(x, index)


KERNELS: Cases = {
    "copy_rows": _copy_rows_cases,
    "extend_columns": _extend_columns_cases,
    "move": _move_cases,
    "gather": _gather_cases,
}
