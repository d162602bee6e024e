"""Our kernels beside CMSIS-NN's: rows, sums and what the table says of cycles."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrm55.bench import against
from ocrm55.bench.against import Row

TABLE = [
    Row("conv", 2_000_000, 500_000, 1_000_000, 700_000.0, 1_000_000.0),
    Row("all of softmax", 0, 1_000, None, 1_500.0, None),
]


def test_the_sum_is_of_both_sides_and_of_cycles() -> None:
    total = against.total(TABLE)
    assert (total.own, total.library) == (501_000, 1_000_000)
    assert (total.own_cycles, total.library_cycles) == (701_500, 1_000_000)
    assert total.ratio_of_cycles == pytest.approx(0.7015)


def test_the_page_has_instructions_and_cycles(tmp_path: Path) -> None:
    against.write(TABLE, tmp_path / "page.md")
    lines = (tmp_path / "page.md").read_text().splitlines()
    assert lines[2] == "| conv | 500,000 | 1,000,000 | 700 k | 1.00 M |"
    assert lines[3] == "| all of softmax | 1,000 | | 1.50 k | |"
    assert {line.count("|") for line in lines} == {6}


def test_a_layer_that_one_side_has_not_has_no_ratio() -> None:
    assert TABLE[1].ratio is None
    assert TABLE[1].ratio_of_cycles is None
    assert against.lost(TABLE) == []
