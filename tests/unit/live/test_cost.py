"""The board's milliseconds follow the record of boards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ocrm55.live import cost
from ocrm55.report import known_boards


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
