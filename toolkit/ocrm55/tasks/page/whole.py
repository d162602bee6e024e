"""The texts of a page's boxes, and which way up it lies: RUNS, read_boxes and read_again of firmware/page/main.c."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ocrm55.tasks.page import lines
from ocrm55.tasks.page.boxes import Box, turn
from ocrm55.tasks.page.components import MOST_RUNS
from ocrm55.tasks.page.lines import Classes, Line, Recognizer
from ocrm55.tasks.page.options import DEFAULTS, Options


def run_room(pixels: int) -> int:
    """The runs of text for which firmware/page/main.c has room, in a map of so many pixels."""
    return min(max(4096, pixels // 16), MOST_RUNS)


@dataclass(frozen=True)
class ReadBox:
    """A box as its text stands in it, what was read, and the pictures that the recognizer was given, in their order."""

    box: Box
    line: Line
    crops: tuple[np.ndarray, ...]


def read(
    recognizer: Recognizer, frame: np.ndarray, boxes: Sequence[Box], options: Options = DEFAULTS
) -> tuple[list[ReadBox], bool]:
    """What boxes say, and whether the page lies upside down.

    Where most sure lines stood on their heads, those that seemed upright are read like them, if that gives a text.
    """
    found: list[ReadBox] = []
    sure, certain = [0, 0], [0, 0]  # lines that stood upright, and on their heads
    one_way = replace(options, sure=0)
    for box in boxes:
        first = lines.leans(sure[True], sum(sure))
        how = one_way if lines.decided(certain[first], certain[not first]) else options
        found.append(_read(recognizer, frame, box, how, likely_upside_down=first))
        line = found[-1].line
        score = np.float32(line.score)
        sure[line.upside_down] += int(score >= np.float32(options.sure) / np.float32(65536))
        certain[line.upside_down] += int(score >= lines.CERTAIN)
    if 2 * sure[True] <= sum(sure):
        return found, False
    return [each if each.line.upside_down else _again(recognizer, frame, each, one_way) for each in found], True


def _read(
    recognizer: Recognizer, frame: np.ndarray, box: Box, options: Options, *, likely_upside_down: bool = False
) -> ReadBox:
    watched = _Watched(recognizer)
    line = lines.read(watched, frame, box, options, likely_upside_down=likely_upside_down)
    return ReadBox(_turned(box) if line.upside_down else box, line, tuple(watched.crops))


def _again(recognizer: Recognizer, frame: np.ndarray, first: ReadBox, options: Options) -> ReadBox:
    second = _read(recognizer, frame, _turned(first.box), options)
    return second if second.line.classes else first


def _turned(box: Box) -> Box:
    return replace(turn([box])[0], line=box.line)


class _Watched:
    """A recognizer, and what it was given."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self.height, self.windows, self.parts_fit = recognizer.height, recognizer.windows, recognizer.parts_fit
        self.crops: list[np.ndarray] = []

    def recognize(self, pixels: np.ndarray) -> tuple[np.ndarray, Classes, float]:
        self.crops.append(pixels)
        return self._recognizer.recognize(pixels)

    def decode(self, probabilities: np.ndarray) -> tuple[Classes, float]:
        return self._recognizer.decode(probabilities)
