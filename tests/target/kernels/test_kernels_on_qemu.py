"""The kernels' Helium path against numpy, bit for bit, on QEMU."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrm55.bench import runner
from tests.unit.kernels import kernel_cases

pytestmark = pytest.mark.qemu


@pytest.mark.parametrize("kernel", kernel_cases.KERNELS)
def test_helium_path_equals_the_reference(kernel: str, target_runner: Path, tmp_path: Path) -> None:
    expected = list(kernel_cases.KERNELS[kernel]())
    answers = runner.run_qemu(target_runner, [case for case, _ in expected], tmp_path)
    kernel_cases.check(answers, expected)
