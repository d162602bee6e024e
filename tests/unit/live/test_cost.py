"""The board's milliseconds follow the record of boards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ocrm55.live import cost
from ocrm55.report import known_boards
from ocrm55.tasks.page.boxes import Box


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cost.cycles_an_instruction.cache_clear()
    yield
    cost.cycles_an_instruction.cache_clear()


def test_a_range_of_cycles_an_instruction_is_that_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {"instructions": 1000, "cycles": [2000, 2500, 3000]}
    monkeypatch.setattr(known_boards, "record", lambda: {"corstone300": {"recognizers": {"bundled": counted}}})
    assert cost.milliseconds(4_000_000, 400) == (20, 30)


def test_the_record_that_is_shipped_has_a_range() -> None:
    low, high = cost.cycles_an_instruction()
    assert 1 < low < high < 2


def test_a_fixed_region_costs_no_detection() -> None:
    rates = cost.Rates(detection=1000, column=10, height=48, widest=320)
    box = Box(((0, 0), (96 * 256, 0), (96 * 256, 48 * 256), (0, 48 * 256)))
    read = rates.instructions([box], detects=False)
    assert 0 < read < 1000
    assert rates.instructions([box]) == 1000 + read
