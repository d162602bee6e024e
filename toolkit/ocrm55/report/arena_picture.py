"""The arena over time as a picture: a box for each tensor, over the operators and the bytes of the arena."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from ocrm55.metadata import Metadata
from ocrm55.report import figures, svg
from ocrm55.report.arena import Box, boxes, occupied
from ocrm55.report.layers import Layer
from ocrm55.report.svg import Picture

_PLOT = 330.0  # height of the boxes
_STRIP = 56.0  # height of the curve below them
_BANDS = 62.0  # height of the blocks' names


def arena_picture(metadata: Metadata, rows: Sequence[Layer], width: int) -> Picture:
    """Draw boxes over operator index and offset, coloured by block. Below them are the bytes in use at each operator.
    The operators with the most bytes in use are marked.
    """
    return _Arena(metadata, rows, width).picture()


class _Arena:
    def __init__(self, metadata: Metadata, rows: Sequence[Layer], width: int) -> None:
        self.rows, self.width = rows, float(width)
        self.steps = len(rows)
        self.boxes = boxes(metadata)
        self.bytes = max(1, metadata.arena_bytes)
        self.taken = occupied(self.boxes, self.steps)
        self.peak = max(self.taken)
        self.left, self.right, self.top = 58.0, width - 2.0, 44.0
        self.floor = self.top + _PLOT
        order = dict.fromkeys(row.block for row in rows)
        self.hues = {name: number % svg.HUES for number, name in enumerate(order)} | {"input": svg.HUES}

    def x(self, step: float) -> float:
        return self.left + (step + 1) / (self.steps + 2) * (self.right - self.left)

    def y(self, offset: float) -> float:
        return self.floor - offset / self.bytes * _PLOT

    def picture(self) -> Picture:
        shapes = [self._grid(), self._peak(), *(self._draw(box) for box in self.boxes)]
        shapes += [self._limit(), self._curve(), self._bands()]
        height = self.floor + 18 + _STRIP + 10 + _BANDS + 18
        return Picture("the arena's bytes over the operators", self.width, height, Markup("").join(shapes))

    def _grid(self) -> Markup:
        lines = []
        step = _tick(self.bytes)
        for offset in range(0, self.bytes + 1, step):
            y = self.y(offset)
            lines.append(svg.line(self.left, y, self.right, y, "line-rule"))
            if self.y(offset) - self.y(self.bytes) > 10:
                lines.append(svg.text(self.left - 6, y + 4, figures.size(offset), "small end fill-soft"))
        return svg.group(*lines)

    def _limit(self) -> Markup:
        y = self.y(self.bytes)
        words = f"arena {figures.count(self.bytes)} bytes"
        at = svg.text(self.right, y - 12, words, "small end")
        return svg.group(svg.line(self.left, y, self.right, y, "line-ink", stroke_width=1.5), at)

    def _draw(self, box: Box) -> Markup:
        x, y = self.x(box.start), self.y(box.top)
        wide, high = self.x(box.end) - x, self.y(box.offset) - y
        when = "before the first operator" if box.first < 0 else f"operators {box.first} to {box.last}"
        if box.first == box.last:
            when = f"operator {box.first}"
        tip = f"{box.name}: {figures.count(box.bytes)} bytes from {figures.count(box.offset)}, {when}"
        hue = self.hues.get(box.block, svg.HUES)
        more = {"fill_opacity": 0.15, "stroke_dasharray": "2 2"} if box.scratch else {"fill_opacity": 0.45}
        css = f"fill-hue-{hue} line-hue-{hue}"
        shape = svg.rect(x, y, wide, max(high, 0.6), css, tip=tip, stroke_width=1 if high > 2 else 0, **more)
        words = svg.fit(box.name, wide - 6, svg.SMALL)
        if words and words == box.name and high > 14:
            return svg.group(shape, svg.text(x + 3, y + 12, words, "small", pointer_events="none"))
        return shape

    def _peak(self) -> Markup:
        """A band behind the boxes where most bytes are in use, and its words above."""
        highest = [step - 1 for step, taken in enumerate(self.taken) if taken == self.peak]
        bands = [
            svg.rect(self.x(step), self.top - 6, self.x(step + 1) - self.x(step), _PLOT + 24 + _STRIP, "fill-mark",
                     fill_opacity=0.16)
            for step in highest
        ]  # fmt: skip
        first = highest[0]
        name = self.rows[first].title if 0 <= first < self.steps else "the input"
        words = f"peak {figures.count(self.peak)} bytes at {name}"
        if len(highest) > 1:
            words += f" and {len(highest) - 1} more"
        room = self.right - self.left
        return svg.group(*bands, svg.text(self.left, 12, svg.fit(words, room, svg.TEXT), "bold fill-mark"))

    def _curve(self) -> Markup:
        """Bytes in use at each operator, from zero on the same scale."""
        base = self.floor + 18 + _STRIP
        points = []
        for index, taken in enumerate(self.taken):
            y = base - taken / self.bytes * _STRIP
            points += [f"{self.x(index - 1):.1f},{y:.1f}", f"{self.x(index):.1f},{y:.1f}"]
        outline = f"{self.left:.1f},{base:.1f} {' '.join(points)} {self.right:.1f},{base:.1f}"
        area = svg.tag("polygon", class_="fill-soft", points=outline, fill_opacity=0.35)
        line = svg.tag("polyline", class_="line-soft", points=" ".join(points), fill="none", stroke_width=1.25)
        words = svg.text(self.left - 6, base - _STRIP / 2 + 4, "taken", "small end fill-soft")
        return svg.group(area, line, svg.line(self.left, base, self.right, base, "line-soft"), words)

    def _bands(self) -> Markup:
        """The blocks of the network under their operators, with the operators' numbers."""
        y = self.floor + 18 + _STRIP + 10
        shapes = []
        start = 0
        for name, members in groupby(self.rows, key=lambda row: row.block):
            end = start + len(list(members))
            left, right = self.x(start), self.x(end)
            css = f"fill-hue-{self.hues[name]}"
            tip = f"{name}: operators {start} to {end - 1}"
            shapes.append(svg.rect(left + 0.5, y, right - left - 1, 5, css, tip=tip))
            shapes.append(_band_name(name, left, right, y))
            start = end
        for step in range(0, self.steps, _every(self.steps, self.right - self.left)):
            shapes.append(svg.text(self.x(step + 0.5), y + _BANDS + 10, str(step), "small middle fill-soft"))
        shapes.append(svg.text(0, y + _BANDS + 10, "operator", "small fill-soft"))
        return svg.group(*shapes)


def _band_name(name: str, left: float, right: float, y: float) -> Markup:
    """Write a name horizontally if it fits, else vertically, else only into the tip."""
    middle = (left + right) / 2
    if svg.text_width(name, svg.SMALL) <= right - left:
        return svg.text(middle, y + 18, name, "small middle")
    if right - left >= svg.SMALL + 1:
        x = middle + 4
        return svg.text(x, y + 10, name, "small end", transform=f"rotate(-90 {x:.1f} {y + 10:.1f})")
    return Markup()


def _tick(size: int) -> int:
    """A round power of two that cuts `size` into four to eight."""
    step = 16
    while size / step > 8:
        step *= 2
    return step


def _every(steps: int, width: float) -> int:
    """The distance, in operators, between two numbers on the axis."""
    return next((step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if steps / step * 26 <= width), 1000)
