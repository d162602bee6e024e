"""Pictures of the layers' costs: instructions as bars in groups, and MACs an instruction over MACs a byte."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ocrm55.report import figures, svg
from ocrm55.report.layers import MACS_AN_INSTRUCTION, Layer, by, totals
from ocrm55.report.svg import Picture

STACKED_BELOW = 640  # pixels; below this width a name stands above its bar
FOLDED = 0.001  # layers under this share of all instructions are one bar a group
# The names of kinds begin with these; each family keeps its hue in both precisions.
_FAMILIES = ("conv", "depthwise", "matmul", "pointwise", "softmax", "layer_norm", "quantize")


def hue(kind: str) -> int:
    """The number of the colour for a kind of operator; the last one, grey, for kinds without a family."""
    return next((number for number, family in enumerate(_FAMILIES) if kind.startswith(family)), svg.HUES)


def kind_title(kind: str) -> str:
    return kind.replace("_", " ")


@dataclass(frozen=True)
class _Bar:
    name: str
    value: int
    note: str
    tip: str


def instructions_picture(rows: Sequence[Layer], width: int) -> Picture:
    """Horizontal bars, one for each layer in the order of execution, grouped by kind. Without counts they show MACs."""
    counted = totals(rows).instructions is not None
    unit = "instructions" if counted else figures.MACS
    whole = sum(_value(row) for row in rows)
    longest = max((_value(row) for row in rows), default=0)
    shapes: list[Markup] = []
    y = 0.0
    for kind, members in by(rows, lambda row: row.kind).items():
        part = sum(_value(row) for row in members)
        heading = f"{kind_title(kind)}: {len(members)} layer{'s' if len(members) > 1 else ''}"
        shapes.append(svg.text(0, y + 16, heading, "bold"))
        amount = f"{figures.short(part)}, {figures.share(part, whole)}"
        shapes.append(svg.text(width, y + 16, amount, "end fill-soft"))
        y += 24
        for bar in _bars(members, whole, unit):
            length = bar.value / longest if longest else 0.0
            drawn, height = _draw_bar(bar, length, y, width, f"fill-hue-{hue(kind)}")
            shapes.append(drawn)
            y += height
        y += 10
    return Picture(f"{unit} by layer, grouped by kind", width, max(y, 20), Markup("").join(shapes))


def _value(row: Layer) -> int:
    return row.macs if row.instructions is None else row.instructions


def _bars(members: Sequence[Layer], whole: int, unit: str) -> list[_Bar]:
    """A bar for each layer, and one bar for all small layers together."""
    small = [row for row in members if _value(row) < FOLDED * whole]
    folded = small if len(small) > 1 else []
    bars = []
    for row in members:
        if row not in folded:
            parts = [f"{figures.count(_value(row))} {unit}"]
            if row.per_mac is not None:
                parts.append(f"{row.per_mac:.3f} a MAC")
            note = figures.short(_value(row)) + (f" · {row.per_mac:.2f} a MAC" if row.per_mac is not None else "")
            bars.append(_Bar(row.title, _value(row), note, f"{row.name}: {', '.join(parts)}"))
    if folded:
        value = sum(_value(row) for row in folded)
        name = f"{len(folded)} layers under {FOLDED:.1%} of all".replace("0.1%", "0.1 %")
        tip = "; ".join(f"{row.title} {figures.count(_value(row))}" for row in folded)
        bars.append(_Bar(name, value, figures.short(value), tip))
    return bars


def _draw_bar(bar: _Bar, length: float, y: float, width: int, css: str) -> tuple[Markup, float]:
    """The bar and its height. length: the share of the longest bar, 0 to 1."""
    note_room = 124.0
    if width < STACKED_BELOW:
        names = svg.text(0, y + 11, svg.fit(bar.name, width - note_room, svg.SMALL), "small")
        note = svg.text(width, y + 11, bar.note, "small end fill-soft")
        return svg.group(names, note, svg.rect(0, y + 15, max(1, length * width), 7, css, tip=bar.tip, rx=2)), 27
    left = 0.3 * width
    name = svg.text(10, y + 13, svg.fit(bar.name, left - 20))
    long = max(1, length * (width - left - note_room))
    note = svg.text(left + long + 6, y + 13, bar.note, "small fill-soft")
    return svg.group(name, svg.rect(left, y + 3, long, 13, css, tip=bar.tip, rx=2), note), 19


@dataclass(frozen=True)
class _Point:
    """Layers that share one spot. x: MACs a byte; y: MACs an instruction."""

    rows: list[Layer]
    x: float
    y: float

    @property
    def instructions(self) -> int:
        return totals(self.rows).instructions or 0

    @property
    def name(self) -> str:
        first = self.rows[0].title
        return first if len(self.rows) == 1 else f"{first} and {len(self.rows) - 1} alike"


def intensity_picture(rows: Sequence[Layer], width: int) -> Picture:
    """MACs an instruction over MACs a byte, both logarithmic; the area of a point is its share of the instructions.

    Lines mark what one vector instruction multiplies. Only the core's layers with MACs and counts can be shown.
    """
    rows = [row for row in rows if not row.on_npu]  # the core's instructions say nothing about the NPU's MACs
    points = _points(rows)
    title = "live MACs an instruction over live MACs a byte"
    if not points:
        return Picture(
            title, width, 30, svg.text(0, 20, "no layer has both MACs and counted instructions", "fill-soft")
        )
    ceilings = {MACS_AN_INSTRUCTION[row.dtype] for point in points for row in point.rows if row.dtype in _KNOWN}
    frame = _Frame(points, ceilings, width)
    largest = max(point.instructions for point in points)
    taken: list[tuple[float, float, float, float]] = []
    shapes = [frame.grid(ceilings)]
    spots = []
    for point in sorted(points, key=lambda p: -p.instructions):
        radius = max(3.5, 17.0 * math.sqrt(point.instructions / largest))
        x, y = frame.x(point.x), frame.y(point.y)
        spots.append((point, x, y, radius))
        taken.append((x - radius, y - radius, x + radius, y + radius))
        tip = (
            f"{point.name}: {point.y:.2f} live MACs an instruction, {point.x:.1f} a byte, "
            f"{figures.count(point.instructions)} instructions"
        )
        css = f"fill-hue-{hue(point.rows[0].kind)} line-paper"
        circle = svg.tag("circle", svg.tag("title", tip), class_=css, cx=x, cy=y, r=radius, fill_opacity=0.8)
        shapes.append(circle)
    legend, lines = _legend(rows, frame.height + 8, width)
    shapes.append(legend)
    shapes += [_label(point, spot, taken, frame) for point, *spot in spots[: _LABELS if width >= STACKED_BELOW else 5]]
    return Picture(title, width, frame.height + 18 * lines, Markup("").join(shapes))


def _legend(rows: Sequence[Layer], y: float, width: int) -> tuple[Markup, int]:
    """The kinds and their colours, with as many on a line as fit."""
    kinds = [kind for kind, members in by(rows, lambda row: row.kind).items() if totals(members).live_macs]
    return svg.legend([(hue(kind), kind_title(kind)) for kind in kinds], y, width)


_KNOWN = set(MACS_AN_INSTRUCTION)
_LABELS = 14  # the most expensive layers are named, if there is room; the others show their name to the pointer


def _points(rows: Sequence[Layer]) -> list[_Point]:
    found: dict[tuple[str, float, float], list[Layer]] = {}
    for row in rows:
        if row.instructions and row.live_macs and row.macs_a_byte:
            spot = (row.kind, round(row.macs_a_byte, 1), round(row.live_macs / row.instructions, 2))
            found.setdefault(spot, []).append(row)
    return [
        _Point(members, members[0].macs_a_byte or 0.0, members[0].live_macs / (members[0].instructions or 1))
        for members in found.values()
    ]


class _Frame:
    """Logarithmic axes around points."""

    def __init__(self, points: Sequence[_Point], ceilings: set[int], width: int) -> None:
        self.width, self.height = float(width), 378.0
        self.left, self.right, self.top, self.bottom = 44.0, width - 14.0, 26.0, 332.0
        self.low_x, self.high_x = _decades([p.x for p in points])
        self.low_y, self.high_y = _decades([p.y for p in points] + [float(c) * 1.1 for c in ceilings])

    def x(self, value: float) -> float:
        part = (math.log2(value) - self.low_x) / (self.high_x - self.low_x)
        return self.left + part * (self.right - self.left)

    def y(self, value: float) -> float:
        part = (math.log2(value) - self.low_y) / (self.high_y - self.low_y)
        return self.bottom - part * (self.bottom - self.top)

    def grid(self, ceilings: set[int]) -> Markup:
        """Axes with powers of two, and the ceilings."""
        shapes = []
        room = (self.right - self.left) / max(1, self.high_x - self.low_x)
        step = max(1, math.ceil(34 / room))
        for power in range(self.low_x, self.high_x + 1, step):
            x = self.x(2.0**power)
            shapes.append(svg.line(x, self.top, x, self.bottom, "line-rule"))
            shapes.append(svg.text(x, self.bottom + 16, _power(power), "small middle fill-soft"))
        for power in range(self.low_y, self.high_y + 1):
            y = self.y(2.0**power)
            shapes.append(svg.line(self.left, y, self.right, y, "line-rule"))
            shapes.append(svg.text(self.left - 6, y + 4, _power(power), "small end fill-soft"))
        for ceiling in sorted(ceilings):
            y = self.y(ceiling)
            shapes.append(svg.line(self.left, y, self.right, y, "line-mark", stroke_width=1.5, stroke_dasharray="5 4"))
            words = f"{ceiling} MACs: one vector instruction"
            shapes.append(svg.text(self.right, y - 5, words, "small end fill-mark"))
        words = "live MACs a byte of weights, inputs and outputs"
        shapes.append(svg.text(self.right, self.bottom + 36, words, "small end fill-soft"))
        shapes.append(svg.text(0, 10, "live MACs an instruction", "small fill-soft"))
        return svg.group(*shapes)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log2(min(values))), math.ceil(math.log2(max(values)))
    return low, max(high, low + 1)


def _power(power: int) -> str:
    return str(2**power) if power >= 0 else f"1/{2**-power}"


def _label(
    point: _Point, spot: Sequence[float], taken: list[tuple[float, float, float, float]], frame: _Frame
) -> Markup:
    """The point's name at a free place; nothing if there is no free place."""
    x, y, radius = spot
    wide = svg.text_width(point.name, svg.SMALL)
    places = [
        (x + radius + 4, y + 4),
        (x - radius - 4 - wide, y + 4),
        (x - wide / 2, y - radius - 5),
        (x - wide / 2, y + radius + 12),
        (min(x, frame.right - 1) - wide, y - radius - 5),
        (min(x, frame.right - 1) - wide, y + radius + 12),
    ]
    for left, base in places:
        box = (left, base - 9, left + wide, base + 3)
        inside = frame.left < box[0] and box[2] < frame.right and frame.top < box[1] and box[3] < frame.bottom
        if inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return svg.text(left, base, point.name, "small")
    return Markup()


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
