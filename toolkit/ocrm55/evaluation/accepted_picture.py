"""A drawing: how many texts are accepted, and the share of them that is wrong, for every threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ocrm55.evaluation import acceptance
from ocrm55.evaluation.readings import Reading
from ocrm55.report import svg
from ocrm55.report.svg import Picture

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640.0, 360.0, 56.0, 40.0, 40.0
_LEAST_SHARE = 0.0005  # of wrong texts; the lower edge of the drawing, which is logarithmic
_MARKS = (0.001, 0.01, 0.05, 0.2, 1.0)


def draw(readings: Sequence[Reading]) -> Picture:
    """Texts accepted from left to right, the share of them that is wrong upwards; no curve where that is not known."""
    points = acceptance.curve(readings)
    title = f"{len(readings)} texts: accepted, and wrong among them"
    shapes = [svg.text(_LEFT, 20, title)]
    for share in _MARKS:
        y = _y(share)
        shapes.append(svg.line(_LEFT, y, _WIDTH - 10, y, "line-rule"))
        shapes.append(svg.text(4, y + 4, f"{share:.1%}", "fill-soft small"))
    for tenth in range(0, 11, 2):
        x = _x(tenth / 10)
        shapes.append(svg.text(x - 18, _HEIGHT - 14, f"{tenth * 10} %", "fill-soft small"))
    places = [(_x(p.accepted / max(len(readings), 1)), _y(p.share), p) for p in points]
    for (x1, y1, _), (x2, y2, _) in pairwise(places):
        shapes.append(svg.line(x1, y1, x2, y2, "line-ink"))
    for share in acceptance.SHARES:
        found = acceptance.threshold(readings, share)
        if found is not None:
            x, y = _x(found.accepted / len(readings)), _y(found.share)
            tip = f"from {found.least:.4f}: {found.accepted} accepted, {found.wrong} wrong"
            shapes.append(svg.rect(x - 3, y - 3, 6, 6, "fill-mark", tip=tip))
            shapes.append(svg.text(min(x + 6, _WIDTH - 60), y - 6, f"{found.least:.3f}", "small"))
    return Picture(title, _WIDTH, _HEIGHT, svg.group(*shapes))


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - 28)


def _y(share: float) -> float:
    """Equal steps for equal ratios, from the lower edge to 1."""
    low = math.log(_LEAST_SHARE)
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * math.log(max(share, _LEAST_SHARE)) / low
