"""What was read of a page: lines in reading order, with corners in pixels of the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from ocrm55.simulators.page_protocol import UNIT, BoxResult, PageResult

BESIDE = "  "  # between the texts of boxes that stand side by side


@dataclass(frozen=True)
class Line:
    """A line of text. corners: (x, y) in pixels of the picture, clockwise from the top left of the text as it is read.

    The top left corner of the picture is (0, 0), the middle of its first pixel (0.5, 0.5).
    score: the mean probability of the characters, found: of text in the box; both 0 .. 1.
    row: the same for lines side by side. turned: quarter turns clockwise from the picture's rows to the text's.
    right: the calibrated probability that the text is right; None where it is not known.
    """

    corners: tuple[tuple[float, float], ...]
    text: str
    score: float
    found: float
    row: int
    turned: int
    readings: int = 1
    right: float | None = None

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def values(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "text": self.text,
            "score": self.score,
            "found": self.found,
            "corners": [[round(x, 2), round(y, 2)] for x, y in self.corners],
            "row": self.row,
            "turned": self.turned,
            "readings": self.readings,
            **({} if self.right is None else {"right": self.right}),
        }

    @property
    def sureness(self) -> float:
        """How likely the text is right, where that is known; otherwise its score."""
        return self.score if self.right is None else self.right

    def is_rejected(self, reject: float | None) -> bool:
        """Whether the text is right with a lower probability than this."""
        return reject is not None and self.right is not None and self.right < reject


@dataclass(frozen=True)
class Page:
    """A page that was read. width, height: of the picture. lines: in reading order.

    notes: what was left out. work: instructions by stage, or none. scratch_bytes: that were used.
    """

    path: Path
    width: int
    height: int
    lines: Sequence[Line]
    notes: Sequence[str] = ()
    work: Mapping[str, int] = field(default_factory=dict)
    scratch_bytes: int | None = None

    @property
    def rows(self) -> Iterator[list[Line]]:
        """Lines side by side, in reading order; those without a text are left out."""
        for _, lines in groupby(self.lines, key=lambda line: line.row):
            if row := [line for line in lines if line.text]:
                yield row

    @property
    def text(self) -> str:
        """Plain text in reading order, a row of the page a line."""
        return "\n".join(BESIDE.join(line.text for line in row) for row in self.rows)

    @property
    def values(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "page": str(self.path),
            "width": self.width,
            "height": self.height,
            "lines": [line.values for line in self.lines],
            "notes": list(self.notes),
            "instructions": dict(self.work),
            **({} if self.scratch_bytes is None else {"scratch_bytes": self.scratch_bytes}),
        }

    def values_with(self, reject: float | None) -> dict[str, Any]:
        """For JSON; with a probability, each line says whether it is rejected."""
        if reject is None:
            return self.values
        lines = [line.values | {"rejected": line.is_rejected(reject)} for line in self.lines]
        return self.values | {"lines": lines}

    def without(self, reject: float | None) -> Page:
        """The page without the lines that are rejected."""
        return replace(self, lines=[line for line in self.lines if not line.is_rejected(reject)])


def of_result(path: Path, width: int, height: int, result: PageResult) -> Page:
    """The target's answer for a picture of width x height pixels, which the frame may have been made smaller from."""
    scales = width / result.width, height / result.height
    lines = [_line(box, scales) for box in result.in_order]
    return Page(path, width, height, lines, result.notes, result.work, result.scratch_bytes)


def _line(box: BoxResult, scales: tuple[float, float]) -> Line:
    corners = tuple(((x / UNIT + 0.5) * scales[0], (y / UNIT + 0.5) * scales[1]) for x, y in box.corners)
    return Line(corners, box.text, box.score, box.found, box.line, box.turned, box.readings, box.right)
