"""The estimate of cycles beside what others measured on silicon: how far it may be off, and that the page says so.

CMSIS_NN_ROOT and NS_CMSIS_NN_ROOT name the sources, ANOTHER_GCC the GCC that builds them: the page's is 14.2.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import pytest

from ocrm55.bench import silicon
from ocrm55.bench.silicon import Compared
from tests.target.programs import require

PAGE = Path(__file__).parents[2] / "docs" / "cycles.md"
COMPILER = os.environ.get("ANOTHER_GCC", "gcc")

pytestmark = pytest.mark.qemu


@pytest.fixture(scope="module")
def rows() -> list[Compared]:
    require("arm-none-eabi-gcc", "qemu-system-arm", "cc")
    if not os.environ.get("CMSIS_NN_ROOT"):
        pytest.skip("CMSIS_NN_ROOT names no copy of CMSIS-NN")
    fork = os.environ.get("NS_CMSIS_NN_ROOT")
    return silicon.measure(Path(os.environ["CMSIS_NN_ROOT"]), Path(fork) if fork else None, COMPILER)


def test_it_is_as_close_as_it_says(rows: list[Compared]) -> None:
    """With waits by the other rows. Without the fork's kernels, none of them says what the matmul waits for."""
    assert len(rows) >= 12
    assert statistics.median(map(silicon.error, rows)) <= 0.08
    if os.environ.get("NS_CMSIS_NN_ROOT"):
        assert len(rows) == 40
        assert sum(row.is_close for row in rows) >= 0.9 * len(rows)
    assert [row.measured.title for row in rows if not row.is_close and not row.measured.why] == []


def test_the_page_has_these_figures(rows: list[Compared]) -> None:
    """Of the page's compiler, with the fork's sources."""
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    if f"GCC {silicon.version(COMPILER)}" not in page or not os.environ.get("NS_CMSIS_NN_ROOT"):
        pytest.skip("the page's figures are those of another compiler, and of the fork's kernels")
    for line in silicon.markdown(rows).splitlines():
        assert " ".join(line.split()) in page
