"""The kernels' portable path against numpy, bit for bit, under the address and undefined behaviour sanitizers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrm55.bench import runner
from tests.unit.kernels import kernel_cases


@pytest.mark.parametrize("kernel", kernel_cases.KERNELS)
def test_portable_path_equals_the_reference(kernel: str, host_runner: Path, tmp_path: Path) -> None:
    expected = list(kernel_cases.KERNELS[kernel]())
    answers = runner.run_host(host_runner, [case for case, _ in expected], tmp_path)
    kernel_cases.check(answers, expected)
