"""Arguments that make no sense are refused by name, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ocrm55.bench import runner
from ocrm55.bench.runner import Case
from tests.unit.kernels import kernel_cases
from tests.unit.kernels.cases import convolution
from tests.unit.kernels.cases.drawn import Random
from tests.unit.kernels.reference.epilogue import CLAMP, REAL, TABLE16

SHAPE, RANGE, LIMIT = 2, 4, 5
EPILOGUE = 6  # integers before a kernel's own


def _with(case: Case, changes: dict[int, int]) -> Case:
    integers = list(case.integers)
    for place, value in changes.items():
        integers[place] = value
    return replace(case, integers=integers)


def _pointwise() -> Case:
    return convolution.pointwise(Random(0), 4, 16, 4, CLAMP)[0]


def _table() -> Case:
    return convolution.pointwise(Random(0), 4, 16, 4, TABLE16)[0]


def _conv() -> Case:
    return convolution.conv(Random(0), (6, 8, 4), 4, (3, 3), (1, 1), (1, 1, 1, 1), CLAMP)[0]


def _depthwise() -> Case:
    return convolution.depthwise(Random(0), (6, 8, 4), 3, (1, 1), (1, 1, 1, 1), CLAMP)[0]


def _first(kernel: str) -> Callable[[], Case]:
    return lambda: next(kernel_cases.KERNELS[kernel]())[0]


REFUSED: list[tuple[Callable[[], Case], dict[int, int], int]] = [
    (_pointwise, {EPILOGUE + 0: 0}, SHAPE),  # no pixels
    (_pointwise, {EPILOGUE + 1: -1}, SHAPE),
    (_pointwise, {EPILOGUE + 3: 3}, SHAPE),  # stride below channels
    (_pointwise, {0: 9}, RANGE),  # no such activation
    (_pointwise, {1: 128}, RANGE),  # zero point
    (_pointwise, {2: 5, 3: 4}, RANGE),  # low above high
    (_table, {4: 0}, RANGE),
    (_table, {4: 13}, RANGE),
    (_table, {4: 6, 5: 1023}, RANGE),  # tables that overlap
    (_table, {4: 6, 5: 16385}, RANGE),
    (_conv, {EPILOGUE + 7: 0}, SHAPE),  # no window
    (_conv, {EPILOGUE + 10: 3}, SHAPE),  # border as high as the window
    (_conv, {EPILOGUE + 4: 9}, SHAPE),  # rows whose windows miss the image
    (_conv, {EPILOGUE + 13: -129}, RANGE),
    (_depthwise, {EPILOGUE + 5: 4}, LIMIT),  # 4x4
    (_depthwise, {EPILOGUE + 6: 3}, LIMIT),  # stride 3
    (_depthwise, {EPILOGUE + 0: 5000}, LIMIT),
    (_depthwise, {EPILOGUE + 3: 12}, SHAPE),
    (_depthwise, {0: REAL}, LIMIT),
    (_first("add"), {0: 0}, SHAPE),
    (_first("add"), {1: 40000}, RANGE),
    (_first("add"), {4: 0}, RANGE),
    (_first("add_upsampled"), {3: 3}, SHAPE),
    (_first("add_upsampled"), {8: 25}, RANGE),
    (_first("multiply"), {2: 2}, SHAPE),
    (_first("multiply"), {5: -200}, RANGE),
    (_first("average_pool"), {3: 9}, SHAPE),
    (_first("average_pool"), {10: 300}, RANGE),
    (_first("max_pool"), {3: 4}, SHAPE),  # a window beside the image
    (_first("max_pool"), {9: 2}, SHAPE),  # a border as high as the window
    (_first("layer_norm"), {1: 0}, SHAPE),
    (_first("matmul"), {EPILOGUE + 3: 0}, SHAPE),
    (_first("matmul"), {EPILOGUE + 11: 128}, RANGE),
]


def test_arguments_without_sense_are_refused(host_runner: Path, tmp_path: Path) -> None:
    cases = [_with(make(), changes) for make, changes, _ in REFUSED]
    answers = runner.run_host(host_runner, cases, tmp_path)
    assert [a.status for a in answers] == [status for _, _, status in REFUSED]


@pytest.mark.parametrize("make", [_pointwise, _conv, _depthwise])
def test_the_unchanged_calls_are_accepted(make: Callable[[], Case], host_runner: Path, tmp_path: Path) -> None:
    assert runner.run_host(host_runner, [make()], tmp_path)[0].status == 0
