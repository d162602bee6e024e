"""A picture of estimates beside measurements: a bar from the least to the most, as a share of what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ocrm55.report import svg
from ocrm55.report.svg import Picture

_WIDTH, _LEFT, _RIGHT, _ROW = 760, 250, 40, 22
_LOW, _HIGH = 0.6, 1.7  # shares at the edges
_BAND = 0.15
_TICKS = (0.6, 0.8, 1.0, 1.2, 1.4, 1.6)

Row = tuple[str, int, tuple[float, float, float]]  # title, cycles measured, cycles estimated


def picture(rows: Sequence[Row]) -> Picture:
    """Bars over 1, the measurement; the band is 15 % to either side, the dot the likely estimate."""
    height = _ROW * len(rows)
    shapes = [
        svg.tag("rect", class_="fill-panel", x=_x(1 - _BAND), y=0, width=_x(1 + _BAND) - _x(1 - _BAND), height=height)
    ]
    for share in _TICKS:
        css = "line-ink" if share == 1 else "line-rule"
        shapes.append(svg.tag("line", class_=css, x1=_x(share), x2=_x(share), y1=0, y2=height))
        shapes.append(svg.text(_x(share), height + 16, f"{share:.1f}", "middle small fill-soft"))
    for number, (title, measured, cycles) in enumerate(rows):
        shapes += _bar(title, [each / measured for each in cycles], number * _ROW)
    shapes.append(svg.text(_x(1), height + 34, "estimate / measured on silicon", "middle fill-soft"))
    return Picture("estimated cycles over those measured on silicon", _WIDTH, height + 42, Markup("").join(shapes))


def _bar(title: str, shares: Sequence[float], y: float) -> list[Markup]:
    least, likely, most = shares
    hue = "hue-0" if abs(likely - 1) <= _BAND else "mark"
    middle = y + _ROW / 2
    return [
        svg.text(_LEFT - 10, middle + 4, title, "end"),
        svg.tag(
            "rect", class_=f"fill-{hue}", x=_x(least), y=middle - 3, width=max(2.0, _x(most) - _x(least)), height=6
        ),
        svg.tag("circle", class_=f"fill-{hue}", cx=_x(likely), cy=middle, r=5),
    ]


def _x(share: float) -> float:
    part = (min(max(share, _LOW), _HIGH) - _LOW) / (_HIGH - _LOW)
    return _LEFT + part * (_WIDTH - _LEFT - _RIGHT)
