"""The estimate of cycles beside what others measured on silicon: how far it may be off, and that the page says so."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import pytest

from ocrm55.bench import silicon
from ocrm55.bench.silicon import Compared
from tests.target.programs import require

PAGE = Path(__file__).parents[2] / "docs" / "cycles.md"

pytestmark = pytest.mark.qemu


@pytest.fixture(scope="module")
def rows() -> list[Compared]:
    require("arm-none-eabi-gcc", "qemu-system-arm", "cc")
    if not os.environ.get("CMSIS_NN_ROOT"):
        pytest.skip("CMSIS_NN_ROOT names no copy of CMSIS-NN")
    fork = os.environ.get("NS_CMSIS_NN_ROOT")
    return silicon.measure(Path(os.environ["CMSIS_NN_ROOT"]), Path(fork) if fork else None)


def test_it_is_as_close_as_it_says(rows: list[Compared]) -> None:
    alike = [row for row in rows if not row.measured.unlike]
    assert len(rows) >= 12
    assert statistics.median(map(silicon.error, rows)) <= 0.08
    assert sum(row.is_close for row in alike) >= 0.9 * len(alike)
    assert [row.measured.title for row in rows if not row.is_close and not row.measured.why] == []


def test_the_page_has_these_figures(rows: list[Compared]) -> None:
    """All of them with the fork's sources; without, those that it has no part in."""
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    stand_in = {row.measured.title for row in rows if row.measured.own}
    for line in silicon.markdown(rows).splitlines():
        if not stand_in or not (line.startswith("- ") or line.split(" | ")[0][2:] in stand_in):
            assert " ".join(line.split()) in page
