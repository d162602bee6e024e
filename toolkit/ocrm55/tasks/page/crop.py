"""Straight crops of boxes from the frame: firmware/tasks/page/crop.c."""

from __future__ import annotations

import math

import numpy as np

from ocrm55.tasks.page.boxes import Box, Point
from ocrm55.tasks.page.rows import sampled

MOST_COLUMNS = (2**31 - 1) // 4


def columns(box: Box, height: int) -> int:
    """Columns of a box at this height: its ratio kept, at least 1."""
    a, b, c, d = box.corners
    down = _length(a, d) + _length(b, c)
    if not down:
        return 1
    return min(max(-(-(_length(a, b) + _length(d, c)) * height // down), 1), MOST_COLUMNS)


def _length(a: Point, b: Point) -> int:
    return math.isqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2)


def crop(frame: np.ndarray, box: Box, height: int, whole: int, first: int = 0, width: int | None = None) -> np.ndarray:
    """Columns first .. first + width - 1 of a box that has `whole` of them: uint8 [height, width, 3], BGR."""
    width = whole - first if width is None else width
    part = 2 * np.arange(height, dtype=np.int64) + 1
    places = []
    for axis in (0, 1):
        a, b, c, d = (corner[axis] for corner in box.corners)
        left = a * 256 + (d - a) * 256 * part // (2 * height)
        right = b * 256 + (c - b) * 256 * part // (2 * height)
        start = left + (right - left) * (2 * first + 1) // (2 * whole)
        step = (right - left) // whole if whole > 1 else np.zeros_like(left)
        places.append(start[:, None] + step[:, None] * np.arange(width, dtype=np.int64)[None, :])
    return sampled(frame, places[0], places[1])
