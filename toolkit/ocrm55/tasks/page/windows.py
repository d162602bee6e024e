"""Where the windows of a long line lie, and where two readings are joined: firmware/tasks/page/windows.c."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MARGIN = 2  # steps: the outermost ones of a window see only a part of their character


@dataclass(frozen=True)
class Windows:
    """Columns of a recognizer's input, of a step of its output, and those that two windows share at least.

    widths: of the input that the network runs at, the narrowest first. column_step: 0 where the steps do not divide the
    width, or are too few to share some. beyond: those that a narrower network has behind a window, at least.
    """

    width: int
    column_step: int
    overlap: int
    widths: tuple[int, ...]
    beyond: int = 0

    def count(self, whole: int) -> int:
        """How many a line of so many columns needs."""
        hop = self.width - self.overlap
        return 1 if whole <= self.width else 1 - (self.width - whole) // hop

    def first(self, whole: int, window: int) -> int:
        """The first column of a window, a multiple of column_step.

        The last window has as many columns as fit the narrowest width of the network that holds its rest.
        """
        first = window * (self.width - self.overlap)
        if window and whole - first < self.width:
            behind = whole - self.held(whole - first)
            first = min(first, (behind + self.column_step - 1) // self.column_step * self.column_step)
        return first

    def held(self, columns: int) -> int:
        """The columns that the narrowest width holds which holds so many."""
        narrow = (width - self.beyond for width in self.widths if width < self.width)
        return next((held for held in narrow if held >= columns), self.width)

    def fitted(self, whole: int, squeeze: int) -> int:
        """The columns that a line of `whole` of them is read with: as many as cost no more than its squeezed ones.

        squeeze: Options.squeeze.
        """
        squeezed = (whole * squeeze + 255) // 256
        if not squeeze or (squeezed > self.width and not self.column_step):
            return whole
        first = (self.count(squeezed) - 1) * (self.width - self.overlap)
        return min(whole, first + self.held(squeezed - first))


def windows(width: int, steps: int, widths: Sequence[int] = (), beyond: int = 0) -> Windows:
    """Of a recognizer's input and the steps of its output at full width."""
    if steps < 4 * (2 * _MARGIN + 1) or width % steps:
        return Windows(width, 0, 0, (*widths,), beyond)
    overlap = max(steps // 5, 2 * _MARGIN + 2)
    return Windows(width, width // steps, overlap * (width // steps), (*widths,), beyond)


@dataclass(frozen=True)
class Reading:
    """A window's probabilities, float32 [steps, classes], and the steps of the line before it."""

    probabilities: np.ndarray
    first: int

    @property
    def end(self) -> int:
        return self.first + len(self.probabilities)


def join(before: Reading, after: Reading, behind: int) -> int:
    """The step of the line, after `behind`, at which both are surest that there is no character.

    The second window is read from there on.
    """
    low = max(after.first + _MARGIN, behind + 1)
    high = min(before.end, after.end) - _MARGIN
    best, surest = low, np.float32(-1)
    for step in range(low, high):
        both = min(before.probabilities[step - before.first, 0], after.probabilities[step - after.first, 0])
        if both > surest:
            best, surest = step, both
    return min(best, before.end)
