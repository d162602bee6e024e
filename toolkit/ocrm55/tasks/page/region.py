"""A line of text in a frame, for a recognizer alone: firmware/tasks/page/frame.c."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.crop import columns, crop
from ocrm55.tasks.page.options import UNIT


class Polarity(IntEnum):
    """enum ocrm55_polarity: what becomes of light text on a dark ground."""

    AS_IT_IS = 0
    INVERTED = 1
    DARK_ON_LIGHT = 2


def rectangle(x: int, y: int, width: int, height: int) -> Box:
    """Whole pixels as a region: the first at column x of row y."""
    left, right, top, bottom = (place * UNIT - UNIT // 2 for place in (x, x + width, y, y + height))
    return Box(((left, top), (right, top), (right, bottom), (left, bottom)))


def region(
    frame: np.ndarray, box: Box | None, height: int, widest: int, polarity: Polarity = Polarity.AS_IT_IS
) -> np.ndarray:
    """What is read of a region, None for the whole frame: uint8 [height, columns, 3] BGR, at most `widest` columns.

    frame: uint8, BGR [h, w, 3] or grey [h, w].
    """
    found = rectangle(0, 0, frame.shape[1], frame.shape[0]) if box is None else box
    pixels = crop(frame, found, height, min(columns(found, height), widest))
    dark = polarity is Polarity.DARK_ON_LIGHT and has_dark_ground(pixels)
    return 255 - pixels if dark or polarity is Polarity.INVERTED else pixels


def has_dark_ground(pixels: np.ndarray) -> bool:
    """Whether more pixels of uint8 [h, w, 3] BGR are darker than their mean than are brighter."""
    brightness = pixels.astype(np.int64) @ np.array([1, 2, 1])
    mean = int(brightness.sum()) // brightness.size
    return int((brightness < mean).sum()) > int((brightness > mean).sum())
