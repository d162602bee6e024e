"""Numbers as text, the same in every table and picture."""

from __future__ import annotations

from collections.abc import Sequence

MACS = "padded MACs"  # the count that tables show: those on padding included, as docs/glossary.md says


def count(value: int | None) -> str:
    """`1,234,567`; nothing for None."""
    return "" if value is None else f"{value:,}"


def nonzero(value: int | None) -> str:
    """`1,234,567`; nothing for None, and nothing for 0, which would be noise in a column."""
    return f"{value:,}" if value else ""


def ratio(value: float | None) -> str:
    """`0.465`; nothing for None."""
    return "" if value is None else f"{value:.3f}"


def short(value: float) -> str:
    """`306 M`, `29.3 M`, `4.8 k`: three digits."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit * 0.9995:
            return f"{_three_digits(value / unit)} {name}"
    return f"{value:.0f}"


def size(value: int) -> str:
    """Bytes in binary units: `1.45 MiB`, `58.5 KiB`, `448 B`."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= unit:
            text = str(value // unit) if value % unit == 0 else _three_digits(value / unit)
            return f"{text} {name}"
    return f"{value} B"


def share(part: float, whole: float) -> str:
    """`41 %`, `0.3 %`; `<0.1 %` for a small share that is not zero."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.1:
        return "<0.1 %"
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def shape(extents: Sequence[int]) -> str:
    """`1x64x24x160`."""
    return "x".join(str(extent) for extent in extents)


def _three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
