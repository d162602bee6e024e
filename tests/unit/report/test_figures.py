"""Numbers as text."""

from __future__ import annotations

import pytest

from ocrm55.report import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (999.7, "1.00 k"), (1000, "1.00 k"), (12_345, "12.3 k"), (306_309_880, "306 M"),
     (29_267_084, "29.3 M"), (9_996_000, "10.0 M"), (999_600, "1.00 M"), (4_478_000_000, "4.48 G")],
)  # fmt: skip
def test_short(value: float, text: str) -> None:
    assert figures.short(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (448, "448 B"), (1024, "1 KiB"), (60_000, "58.6 KiB"), (1_523_712, "1.45 MiB"), (1 << 28, "256 MiB")],
)
def test_size(value: int, text: str) -> None:
    assert figures.size(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 5, "0 %"), (1, 10_000, "<0.1 %"), (3, 1000, "0.3 %"), (41, 100, "41 %"), (5, 5, "100 %"), (1, 0, "0 %")],
)
def test_share(part: int, whole: int, text: str) -> None:
    assert figures.share(part, whole) == text


def test_nothing_is_said_where_there_is_nothing() -> None:
    assert figures.count(None) == figures.nonzero(0) == figures.nonzero(None) == figures.ratio(None) == ""
    assert (figures.count(0), figures.count(1234), figures.ratio(0.4651)) == ("0", "1,234", "0.465")
