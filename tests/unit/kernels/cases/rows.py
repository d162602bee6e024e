"""Softmax and layer norm."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ocrm55.bench.runner import Case
from ocrm55.compiler.operators.int8 import tables
from tests.unit.kernels.cases.drawn import COUNTS, Cases, Expected, Random, bits
from tests.unit.kernels.reference import rows as ref


def _softmax_cases() -> Iterator[Expected]:
    for n, (count, (from_float, to_float)) in enumerate(itertools.product(COUNTS, ((0, 0), (1, 0), (1, 1)))):
        r = Random(90 + n, n % 5 == 0)
        step = float(r.rng.choice([0.01, 0.11, 0.9]))
        x = r.tensor(3, count)
        if from_float:
            x = (r.rng.normal(size=(3, count)) * r.rng.choice([1, 10, 100])).astype(np.float32)
        powers = tables.softmax_powers(step)
        y = ref.softmax(x, powers, bool(to_float))
        label = f"softmax {count} from float {from_float} to float {to_float}"
        yield Case("softmax", [3, count, from_float, to_float], [x, powers], y.shape, y.dtype.type, label), y


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


def _layer_norm_cases() -> Iterator[Expected]:
    for n, (count, to_float) in enumerate(itertools.product(COUNTS, (0, 1))):
        r = Random(130 + n)
        x, zero = r.rng.normal(size=(3, count)).astype(np.float32), r.zero_point()
        gamma, beta = r.rng.normal(size=(2, count)).astype(np.float32)
        y = ref.layer_norm(x, gamma, beta, 1e-5, None if to_float else 21.7, zero)
        integers = [3, count, to_float, bits(1e-5), zero, bits(21.7)]
        label = f"layer_norm {count} to float {to_float}"
        yield Case("layer_norm", integers, [x, gamma, beta], y.shape, y.dtype.type, label), y


KERNELS: Cases = {
    "softmax": _softmax_cases,
    "softmax_repeated": _softmax_repeated_cases,
    "layer_norm": _layer_norm_cases,
}
