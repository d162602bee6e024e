"""Products of two activations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ocrm55.bench.runner import Case
from tests.unit.kernels.cases.drawn import Cases, Expected, Random
from tests.unit.kernels.reference import product as ref


def matmul(
    r: Random, batches: int, rows: int, columns: int, depth: int, activation: int, transposed: bool, gap: int = 0
) -> Expected:
    """Batches side by side within wider rows, as the heads of attention are."""
    a = r.tensor(rows, batches * depth + gap)
    b = r.tensor(depth, batches * columns + gap) if transposed else r.tensor(columns, batches * depth + gap)
    e, zero = r.epilogue(columns, depth, activation), r.zero_point()
    y = np.full((rows, batches * columns), 0, e.dtype())
    for i in range(batches):
        left = a[:, i * depth : (i + 1) * depth]
        right = b[:, i * columns : (i + 1) * columns] if transposed else b[:, i * depth : (i + 1) * depth].T
        y[:, i * columns : (i + 1) * columns] = ref.matmul(left, right, zero, e)
    where_b = [columns, 1, b.shape[1]] if transposed else [depth, b.shape[1], 1]
    integers = [*e.integers(), batches, rows, columns, depth, depth, a.shape[1], *where_b, columns, y.shape[1], zero]
    label = f"matmul {batches} x {rows} x {columns} x {depth}, {transposed=}, activation {activation}"
    return Case("matmul", integers, [a, b, *e.arrays()], y.shape, e.dtype(), label, y.size * depth), y


def _matmul_cases() -> Iterator[Expected]:
    sizes = ((1, 1, 1, 1), (2, 5, 7, 15), (8, 40, 40, 15), (8, 40, 15, 40), (3, 4, 8, 16), (1, 6, 9, 530))
    for n, (size, transposed, gap) in enumerate(itertools.product(sizes, (False, True), (0, 3))):
        yield matmul(Random(170 + n, n % 7 == 0), *size, n % 4, transposed, gap)


KERNELS: Cases = {
    "matmul": _matmul_cases,
}
