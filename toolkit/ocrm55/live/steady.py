"""One line at a time: a text that stays the same over some frames is said once, as a meter reader does."""

from __future__ import annotations

from dataclasses import dataclass, field

FRAMES = 3  # in which a text must be the same before it is said


@dataclass
class Steady:
    """The texts of one region. threshold: the score below which a text counts as none."""

    threshold: float = 0.8
    _last: str = ""
    _times: int = 0
    said: str = field(default="", init=False)

    def take(self, text: str, score: float, fits: bool) -> str:
        """The text of another frame; returns it where it is steady and new, otherwise an empty text."""
        text = text if fits and score >= self.threshold else ""
        self._times = self._times + 1 if text == self._last else 1
        self._last = text
        if self._times < FRAMES or text == self.said:
            return ""
        self.said = text  # an empty one too: the same text may come again afterwards
        return text
