"""Boxes from frame to frame: one that stays keeps its text, and is read again only when its pixels change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from ocrm55.live.service import grey
from ocrm55.tasks.page.boxes import Box

_THUMB = (96, 16)  # pixels, width and height, of what is compared
_PART = 8  # columns that are compared as one, so that a single other digit is seen
_ALIKE = 20.0  # levels of 256 by which a part may differ where it is the same line, perhaps with another text
_CHANGED = 5.0  # where it is the same text at the very same place: noise does under 2, another digit over 7
_LONGER = 0.25  # heights by which a line may be longer or shorter and have the same text: less than a character
_STEPS = 4  # of the search for the very same place, each half as wide
_NEAR = 1.5  # heights of a box that its middle may move between two frames
_GONE_AFTER = 2  # frames without a box after which it has left

Read = Callable[[Box, bool], tuple[str, float, bool]]


@dataclass(frozen=True)
class Track:
    """A line that is followed. number: of its own, from 1. missed: frames since it was last found.

    thumb: its pixels when it was read. place: where they are now; boxes tremble from frame to frame, and this does not.
    """

    number: int
    box: Box
    text: str
    score: float
    upside_down: bool
    thumb: np.ndarray = field(repr=False, compare=False)
    place: Box
    missed: int = 0


@dataclass(frozen=True)
class Step:
    """What a frame changed: the lines that are there now, and the numbers of those that came, changed and left.

    readings: the boxes that were read again.
    """

    tracks: Sequence[Track]
    came: Sequence[int]
    changed: Sequence[int]
    left: Sequence[int]
    readings: Sequence[Box]


class Tracker:
    """The lines of one camera."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._last = 0

    def step(self, boxes: Sequence[Box], pixels: np.ndarray, read: Read) -> Step:
        """Follow the boxes of a new frame, uint8 [height, width, 3] BGR; read those that are new or look different."""
        before = {track.number: track for track in self._tracks}
        now: list[Track] = []
        came, changed, readings = [], [], []
        for box in boxes:
            thumb = grey(box, pixels, _THUMB)
            known = self._nearest(box, thumb, list(before.values()))
            if known is not None:
                del before[known.number]
                if (place := _place_of(known, box, pixels)) is not None:
                    now.append(replace(known, box=box, place=place, missed=0))
                    continue
            text, score, upside_down = read(box, known is not None and known.upside_down)
            readings.append(box)
            if known is None:
                self._last += 1
                came.append(self._last)
            elif known.text != text:
                changed.append(known.number)
            number = self._last if known is None else known.number
            now.append(Track(number, box, text, score, upside_down, thumb, box))
        missed = [replace(track, missed=track.missed + 1) for track in before.values()]
        left = [track.number for track in missed if track.missed >= _GONE_AFTER]
        self._tracks = now + [track for track in missed if track.missed < _GONE_AFTER]
        return Step(now, came, changed, left, readings)

    @staticmethod
    def _nearest(box: Box, thumb: np.ndarray, tracks: Sequence[Track]) -> Track | None:
        """The track whose line this is: the one that looks most like it, of those that are near it or look the same."""
        middle, most = _middle(box), _NEAR * max(_height(box), 1.0)
        apart = [(difference(track.thumb, thumb), track) for track in tracks]
        alike = [
            (found, track)
            for found, track in apart
            if found <= _ALIKE or np.hypot(*(_middle(track.box) - middle)) <= most
        ]
        return min(alike, key=lambda pair: pair[0], default=(0.0, None))[1]


def _place_of(track: Track, box: Box, pixels: np.ndarray) -> Box | None:
    """Where a track's pixels are in this frame, at its old place or near its new box; None where they look different.

    The shape stays that of the place where it was read: a new box is cut a little otherwise, and would look different.
    """
    if abs(_width(box) - _width(track.place)) > _LONGER * _height(box):
        return None  # something was added to it, perhaps
    if _apart(track, track.place, pixels) <= _CHANGED:
        return track.place
    step = _height(track.box) / 24
    best = _moved(track.place, _middle(box) - _middle(track.place))
    least = _apart(track, best, pixels)
    for _ in range(_STEPS):
        around = [_moved(best, step * np.array(way)) for way in np.ndindex(3, 3)]
        around = [_moved(each, (-step, -step)) for each in around]
        least, best = min([(_apart(track, each, pixels), each) for each in around], key=lambda pair: pair[0])
        if least <= _CHANGED / 2:
            break
        step /= 2
    return best if least <= _CHANGED else None


def _apart(track: Track, place: Box, pixels: np.ndarray) -> float:
    return difference(track.thumb, grey(place, pixels, _THUMB))


def _moved(box: Box, way: Sequence[float] | np.ndarray) -> Box:
    """A box by `way` pixels to the right and down."""
    right, down = (round(256 * float(each)) for each in way)
    return replace(box, corners=tuple((x + right, y + down) for x, y in box.corners))  # type: ignore[arg-type]


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """How much two thumbs differ: the mean of the part that differs most, after a small blur, in levels of 256."""
    blurred = [cv2.blur(each, (3, 3)).astype(np.float32) for each in (one, other)]
    blurred[1] += float(np.median(blurred[0]) - np.median(blurred[1]))  # a lamp that flickers changes no text
    apart = np.abs(blurred[0] - blurred[1]).mean(axis=0).reshape(-1, _PART).mean(axis=1)
    return float(apart.max())


def _middle(box: Box) -> np.ndarray:
    return np.array(box.corners, np.float64).mean(axis=0) / 256


def _height(box: Box) -> float:
    corners = np.array(box.corners, np.float64) / 256
    return float(np.hypot(*(corners[3] - corners[0])) + np.hypot(*(corners[2] - corners[1]))) / 2


def _width(box: Box) -> float:
    corners = np.array(box.corners, np.float64) / 256
    return float(np.hypot(*(corners[1] - corners[0])) + np.hypot(*(corners[2] - corners[3]))) / 2
