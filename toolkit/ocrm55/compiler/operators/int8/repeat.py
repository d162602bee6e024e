"""Columns that stand for others: those that a narrow image leaves out, and that pooling and softmax still count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Repeat:
    """Columns that stand for equal ones (widths/padding.py): `count` from `first` on count `more` times more."""

    first: int
    count: int
    more: int
