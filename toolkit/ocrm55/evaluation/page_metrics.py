"""Accuracy of reading whole pages: boxes by ICDAR's protocol, lines read end to end, by height of text.

ICDAR 2015's protocol, for one page: a box that lies by more than half on a `###` line does not count. Each other line
takes the first box that is free and whose intersection over union with it is above 0.5. Recall is the share of lines
that took one, precision the share of boxes that were taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ocrm55.evaluation.metrics import Share, alphanumeric
from ocrm55.evaluation.page_labels import Line

OVERLAP = 0.5  # a line is found by a box of more than this intersection over union
COVER = 0.7  # a line is covered by a box over this share of its area
# Heights of text in pixels of the detector's input that are reported together.
HEIGHTS = (6, 8, 10, 12, 16, 24)


@dataclass(frozen=True)
class Found:
    """A box that was found and what it says. corners: as in Line; score: of the text, 0 to 1."""

    corners: np.ndarray
    text: str
    score: float


@dataclass(frozen=True)
class PageReading:
    """name: of the page; lines: its labels; found: what was found on it.

    scale: pixels of the detector's input for one pixel of the page.
    """

    name: str
    lines: tuple[Line, ...]
    found: tuple[Found, ...]
    scale: float

    def judged(self) -> Judgement:
        """Which box is which line, and which boxes count."""
        return judge([line.corners for line in self.lines], [line.known for line in self.lines],
                     [found.corners for found in self.found])  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """pairs: (line, box), each in one pair at most; counted: the boxes that count; shared: [lines, boxes] of float64,
    the area that a line and a box have in common; lines, boxes: their areas.
    """

    pairs: list[tuple[int, int]]
    counted: list[int]
    shared: np.ndarray
    lines: np.ndarray
    boxes: np.ndarray


def area(corners: np.ndarray) -> float:
    """The area of a convex polygon [n, 2]."""
    x, y = np.asarray(corners, np.float64).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def common(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The intersection [n, 2] of two convex polygons, after Sutherland and Hodgman; n is 0 if there is none."""
    kept = np.asarray(one, np.float64)
    edges = _positive(np.asarray(other, np.float64))
    for start, end in zip(edges, np.roll(edges, -1, axis=0), strict=True):
        if not len(kept):
            break
        direction = end - start
        side = direction[0] * (kept[:, 1] - start[1]) - direction[1] * (kept[:, 0] - start[0])
        points: list[np.ndarray] = []
        for index in range(len(kept)):
            before, now = side[index - 1], side[index]
            if (before < 0) != (now < 0):
                points.append(kept[index - 1] + (kept[index] - kept[index - 1]) * (before / (before - now)))
            if now >= 0:
                points.append(kept[index])
        kept = np.array(points).reshape(-1, 2)
    return kept


def _positive(corners: np.ndarray) -> np.ndarray:
    """The corners in the direction in which the inside is to the left of every edge, y upwards."""
    x, y = corners.T
    return corners if x @ np.roll(y, -1) - y @ np.roll(x, -1) >= 0 else corners[::-1]


def judge(lines: Sequence[np.ndarray], known: Sequence[bool], boxes: Sequence[np.ndarray]) -> Judgement:
    """Match the lines of a page with the boxes found; see the top of this file. All are quadrangles [4, 2]."""
    shared = np.zeros((len(lines), len(boxes)))
    limits = [(corners.min(0), corners.max(0)) for corners in boxes]
    for row, line in enumerate(lines):
        low, high = line.min(0), line.max(0)
        for column, (least, most) in enumerate(limits):
            if (low < most).all() and (least < high).all():
                inside = common(line, boxes[column])
                shared[row, column] = area(inside) if len(inside) > 2 else 0.0
    sizes, found = (np.array([area(each) for each in corners]) for corners in (lines, boxes))
    free = [row for row, counts in enumerate(known) if not counts]
    covered = (shared[free] > OVERLAP * found).any(0) if free else np.zeros(len(boxes), bool)
    union = sizes[:, None] + found[None] - shared
    matching = shared > OVERLAP * union
    pairs: list[tuple[int, int]] = []
    taken = set(np.flatnonzero(covered).tolist())
    for row in (row for row, counts in enumerate(known) if counts):
        free_boxes = [int(column) for column in np.flatnonzero(matching[row]) if column not in taken]
        if free_boxes:
            pairs.append((row, free_boxes[0]))
            taken.add(free_boxes[0])
    return Judgement(pairs, np.flatnonzero(~covered).tolist(), shared, sizes, found)


@dataclass
class PageScores:
    """The figures of one or several pages.

    recall: lines found; precision: boxes that are lines; covered: lines with one box over 70 % of them.
    exact, alphanumeric: lines found and read right, of all lines; the latter counts letters and digits in any case.
    words: words of the lines that a box over them says, letters and digits in any case; lines cut in two lose none.
    found_by_height, read_by_height: recall and alphanumeric by the height of text in the detector's input.
    """

    recall: Share = field(default_factory=Share)
    precision: Share = field(default_factory=Share)
    covered: Share = field(default_factory=Share)
    exact: Share = field(default_factory=Share)
    alphanumeric: Share = field(default_factory=Share)
    words: Share = field(default_factory=Share)
    found_by_height: dict[str, Share] = field(default_factory=dict)
    read_by_height: dict[str, Share] = field(default_factory=dict)

    @property
    def hmean(self) -> float:
        """The harmonic mean of recall and precision, 0 to 1."""
        total = self.recall.value + self.precision.value
        return 2 * self.recall.value * self.precision.value / total if total else 0.0

    def as_values(self) -> dict[str, object]:
        """For JSON: shares between 0 and 1, with the counts behind them."""

        def values(share: Share) -> dict[str, float]:
            return {"share": round(share.value, 6), "right": share.right, "count": share.count}

        heights = {
            name: {"found": values(self.found_by_height[name]), "read": values(self.read_by_height[name])}
            for name in self.found_by_height
        }
        plain = ("recall", "precision", "covered", "exact", "alphanumeric", "words")
        shares: dict[str, Any] = {name: values(getattr(self, name)) for name in plain}
        return {"hmean": round(self.hmean, 6), **shares, "by_height": heights}


def height_class(height: float) -> str:
    """The name of the group of a height in pixels of the detector's input, such as `8-10`."""
    low = 0
    for high in HEIGHTS:
        if height < high:
            return f"{low}-{high}" if low else f"under {high}"
        low = high
    return f"{low} and more"


def score(readings: Iterable[PageReading]) -> PageScores:
    """Count all figures over pages."""
    scores = PageScores()
    for reading in readings:
        _add(scores, reading, reading.judged())
    order = [height_class(height) for height in (0, *HEIGHTS)]
    for shares in (scores.found_by_height, scores.read_by_height):
        ordered = {name: shares[name] for name in order if name in shares}
        shares.clear()
        shares.update(ordered)
    return scores


def _add(scores: PageScores, reading: PageReading, judged: Judgement) -> None:
    box_of = dict(judged.pairs)
    said = {index: Counter(words(found.text)) for index, found in enumerate(reading.found)}
    for row, line in enumerate(reading.lines):
        if not line.known:
            continue
        found = reading.found[box_of[row]] if row in box_of else None
        read = found is not None and alphanumeric(found.text) == alphanumeric(line.text)
        scores.recall.add(found is not None)
        scores.exact.add(found is not None and found.text == line.text)
        scores.alphanumeric.add(read)
        scores.covered.add(bool((judged.shared[row] >= COVER * max(judged.lines[row], 1e-9)).any()))
        group = height_class(line.height * reading.scale)
        scores.found_by_height.setdefault(group, Share()).add(found is not None)
        scores.read_by_height.setdefault(group, Share()).add(read)
        near = [column for column in range(len(reading.found)) if _over(judged, row, column)]
        for word in words(line.text):
            sayer = next((column for column in near if said[column][word] > 0), None)
            scores.words.add(sayer is not None)
            if sayer is not None:
                said[sayer][word] -= 1
    for column in judged.counted:
        scores.precision.add(column in set(box_of.values()))


def _over(judged: Judgement, row: int, column: int) -> bool:
    """Whether a box lies over a line: mostly on it, or on a third of it."""
    shared = judged.shared[row, column]
    return bool(shared > 0 and (shared >= 0.5 * judged.boxes[column] or shared >= 0.3 * judged.lines[row]))


def words(text: str) -> list[str]:
    """The words of a text as its letters and digits in lower case, empty ones left out."""
    return [plain for word in text.split() if (plain := alphanumeric(word))]
