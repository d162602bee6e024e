"""Calls of every kernel, each with what must come out: for the tests on the host and on QEMU."""

from __future__ import annotations

import numpy as np

from ocrm55.bench.runner import Answer
from tests.unit.kernels.cases import convolution, elementwise, moves, pool, product, rows
from tests.unit.kernels.cases.drawn import Cases, Expected

FAMILIES = (convolution, product, pool, elementwise, rows, moves)
KERNELS: Cases = {name: cases for family in FAMILIES for name, cases in family.KERNELS.items()}


def check(answers: list[Answer], expected: list[Expected]) -> None:
    """Every answer is a success with the expected bits."""
    wrong = []
    for answer, (case, y) in zip(answers, expected, strict=True):
        if answer.status != 0:
            wrong.append(f"{case.label}: status {answer.status}")
        elif not np.array_equal(answer.output.view(np.uint8), y.view(np.uint8)):
            wrong.append(f"{case.label}: {np.count_nonzero(answer.output != y)} of {y.size} differ")
    assert not wrong, "\n".join(wrong[:20])
