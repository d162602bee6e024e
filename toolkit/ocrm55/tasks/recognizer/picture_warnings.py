"""What about a picture keeps a recognizer from reading it, and what to do about it.

Some of it shows in the picture alone. The rest is only said where the reading is in doubt: a word that was read surely
is not warned of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

SQUEEZED = 1.15  # times as long as the input: what 400 photographed words stand without harm
SMALL = 12  # rows of pixels
BLANK = 16  # grey levels between the darkest and the lightest parts
DOUBT = 0.5  # probability that a text is right, or its score where that is not known
SURE = 0.9  # of a text that is read when the picture is turned
TALL = 1.5  # times as high as wide
GAP = 2.0  # of paper between ink, times as wide as the ink is high: a space at least
_ROWS, _LEAST_ROWS, _LEAST_INK, _LEAST_SPAN = 64, 10, 0.02, 0.3
_TURNS = {1: "90 degrees clockwise", 2: "180 degrees", 3: "90 degrees anticlockwise"}


@dataclass(frozen=True)
class PictureWarning:
    """kind: squeezed, small, blank, lines, gap or turned. sentence: what is wrong. advice: what to do, short."""

    kind: str
    sentence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.sentence}: {self.advice}"


def of_picture(pixels: np.ndarray, sure: float, height: int, width: int) -> list[PictureWarning]:
    """The warnings about a picture, uint8 [h, w, 3] BGR, that was read at height x width.

    sure: the probability that the text is right, or another measure of it, 0 .. 1.
    """
    rows, columns = pixels.shape[:2]
    found = []
    if is_blank(pixels):
        found.append(PictureWarning("blank", "the picture is nearly blank", "check what was cut out"))
        return found
    longer = height * columns / rows / width
    if longer > SQUEEZED:
        sentence = f"the line is {longer:.2f} times as long as the input and was squeezed by that"
        found.append(PictureWarning("squeezed", sentence, "cut it into parts, or take a larger --width"))
    if rows < SMALL and sure < DOUBT:
        sentence = f"the picture has only {rows} rows of pixels"
        found.append(PictureWarning("small", sentence, f"take it from nearer; {height} rows are read best"))
    if rows <= TALL * columns and sure < DOUBT and (count := lines(pixels)) > 1:
        sentence = f"the picture seems to hold {count} lines"
        found.append(PictureWarning("lines", sentence, "cut them apart, or read it with `ocrm55 read`"))
    return found


def of_gap(pixels: np.ndarray, text: str) -> list[PictureWarning]:
    """The warning of a picture with a wide gap where `text` was read without a space."""
    if not text or " " in text or is_blank(pixels):
        return []
    ink = _ink(pixels)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    if not len(columns):
        return []
    wide = float((np.diff(columns, prepend=columns[0]) - 1).max()) / (rows[-1] - rows[0] + 1)
    if wide < GAP:
        return []
    sentence = f"a gap is {wide:.1f} times as wide as the text is high, and no space was read"
    return [PictureWarning("gap", sentence, "read the parts one by one, or read it with `ocrm55 read`")]


def ways_to_turn(pixels: np.ndarray, sure: float) -> list[int]:
    """Quarter turns anticlockwise in which a picture is worth another reading, because this one is in doubt."""
    if sure >= DOUBT or is_blank(pixels):
        return []
    rows, columns = pixels.shape[:2]
    return [1, 2, 3] if rows > TALL * columns else [2]


def turned(pixels: np.ndarray, quarters: int) -> np.ndarray:
    """The picture turned by quarters anticlockwise."""
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def of_turns(readings: Mapping[int, tuple[str, float]]) -> list[PictureWarning]:
    """The warning of a picture that reads surely once it is turned. readings: by `ways_to_turn`, text and how sure."""
    surest = max(readings, key=lambda quarters: readings[quarters][1], default=None)
    if surest is None or readings[surest][1] <= SURE or len(readings[surest][0]) < 2:
        return []
    sentence = f"the picture seems to be turned by {_TURNS[surest]}"
    return [PictureWarning("turned", sentence, "turn it back, or read it with `ocrm55 read`")]


def is_blank(pixels: np.ndarray) -> bool:
    """Whether nearly all of a picture has one brightness."""
    low, high = np.percentile(_grey(pixels), (0.5, 99.5))
    return bool(high - low < BLANK)


def lines(pixels: np.ndarray) -> int:
    """Bands of ink across a picture with rows of paper between them: its lines, 0 for none."""
    ink = _ink(pixels)
    has_ink = np.concatenate([[False], ink.mean(axis=1) > _LEAST_INK, [False]]).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(has_ink) > 0), np.flatnonzero(np.diff(has_ink) < 0)
    bands = [ink[a:b] for a, b in zip(starts, ends, strict=True) if b - a >= _LEAST_ROWS]
    return sum(bool(band.any(axis=0).mean() >= _LEAST_SPAN) for band in bands)


def _ink(pixels: np.ndarray) -> np.ndarray:
    """1 where a picture has ink and 0 where paper, uint8 [_ROWS, columns]: the edge is paper."""
    grey = _grey(pixels)
    columns = max(8, round(grey.shape[1] * _ROWS / grey.shape[0]))
    small = cv2.resize(grey, (columns, _ROWS), interpolation=cv2.INTER_AREA)
    _, ink = cv2.threshold(small, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    edge = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    return 1 - ink if edge.mean() > 0.5 else ink


def _grey(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
