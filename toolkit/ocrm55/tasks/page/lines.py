"""The text of a box: firmware/tasks/page/read.c."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ocrm55.tasks.page.boxes import Box, turn
from ocrm55.tasks.page.crop import columns, crop
from ocrm55.tasks.page.options import DEFAULTS, Options
from ocrm55.tasks.page.windows import Reading, Windows, join

Classes = list[int]

CERTAIN = np.float32(0.95)  # of 618 receipt lines, 71 % score at least this, and upside down 2 %
_MARGIN = np.float32(0.1)  # by which the other way up has to score more


class Recognizer(Protocol):
    """What reads a crop: a network and what decodes its output."""

    height: int
    windows: Windows

    @property
    def parts_fit(self) -> bool:
        """Whether a restriction of texts, if there is one, lets a line be read in windows."""

    def recognize(self, pixels: np.ndarray) -> tuple[np.ndarray, Classes, float]:
        """Of uint8 BGR [height, width, 3]: the probabilities [steps, classes], the text's classes, its score."""

    def decode(self, probabilities: np.ndarray) -> tuple[Classes, float]:
        """The classes and the score of a part of a window."""


@dataclass(frozen=True)
class Line:
    """What struct ocrm55_line says of a box."""

    classes: Classes
    score: float
    readings: int
    upside_down: bool = False
    cut: bool = False  # it has more windows than the options allow
    parts: tuple[np.ndarray, ...] = field(default=(), compare=False, repr=False)  # probabilities that were decoded


def leans(upside_down: int, lines: int) -> bool:
    """Whether a page's next line likely stands on its head, after `lines` sure ones of which so many did."""
    return lines >= 3 and 2 * upside_down > lines


def decided(this_way: int, other_way: int) -> bool:
    """Whether a page's next line need not be tried the other way up.

    this_way, other_way: certain lines so far that stood as it is read first, and the other way.
    """
    return this_way >= 3 and not other_way


def read(
    recognizer: Recognizer,
    frame: np.ndarray,
    box: Box,
    options: Options = DEFAULTS,
    *,
    likely_upside_down: bool = False,
) -> Line:
    """Read a box upright, and on its head where that is unsure; the other text has to be much surer.

    likely_upside_down: read it on its head first, see `leans`.
    """
    ways = [box, turn([box])[0]][:: -1 if likely_upside_down else 1]
    first = replace(_read_once(recognizer, frame, ways[0], options), upside_down=likely_upside_down)
    if not np.float32(first.score) < np.float32(options.sure) / np.float32(65536):
        return first
    other = _read_once(recognizer, frame, ways[1], options)
    better = other.classes and np.float32(other.score) > np.float32(first.score) + _MARGIN
    kept = replace(other, upside_down=not likely_upside_down) if better else first
    return replace(kept, readings=first.readings + other.readings)


def crops(recognizer: Recognizer, frame: np.ndarray, box: Box, options: Options = DEFAULTS) -> list[np.ndarray]:
    """The pictures that are read of a box: itself, or its windows."""
    whole, windows = _columns(recognizer, box, options), recognizer.windows
    if whole <= windows.width:
        return [crop(frame, box, recognizer.height, whole)]
    firsts = [windows.first(whole, i) for i in range(min(windows.count(whole), options.windows))]
    widths = [min(whole - first, windows.width) for first in firsts]
    return [crop(frame, box, recognizer.height, whole, first, w) for first, w in zip(firsts, widths, strict=True)]


def _columns(recognizer: Recognizer, box: Box, options: Options) -> int:
    return recognizer.windows.fitted(columns(box, recognizer.height), options.squeeze)


def _read_once(recognizer: Recognizer, frame: np.ndarray, box: Box, options: Options) -> Line:
    whole, windows = _columns(recognizer, box, options), recognizer.windows
    pictures = crops(recognizer, frame, box, options) if recognizer.parts_fit or whole <= windows.width else []
    if whole <= windows.width:
        probabilities, classes, score = recognizer.recognize(pictures[0])
        return Line(classes, score, 1, parts=(probabilities,))
    if not recognizer.parts_fit:
        return Line([], 0.0, 0)
    text: Classes = []
    total, start = np.float32(0), 0
    before: Reading | None = None
    parts = []
    for i, pixels in enumerate(pictures):
        window = Reading(recognizer.recognize(pixels)[0], windows.first(whole, i) // windows.column_step)
        if before is not None:
            at = join(before, window, start)
            parts.append(before.probabilities[start - before.first : at - before.first])
            start = at
        before = window
    if before is not None:
        parts.append(before.probabilities[start - before.first :])
    for part in parts:
        classes, score = recognizer.decode(part)
        text += classes
        total += np.float32(score) * np.float32(len(classes))
    mean = float(total / np.float32(len(text))) if text else 0.0
    return Line(text, mean, len(pictures), cut=windows.count(whole) > options.windows, parts=tuple(parts))
