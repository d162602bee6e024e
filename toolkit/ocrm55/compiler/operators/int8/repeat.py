"""Columns that stand for others: what a narrow image leaves out, and pooling and softmax still count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Repeat:
    """Columns that stand for others like them, see widths.py: `count` from `first` on are there `more` times more."""

    first: int
    count: int
    more: int
