"""How pages are read: struct ocrm55_page_options, in its units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

FRAME_SIDE, MAP_SIDE = 16384, 4096  # pixels: the longest that there may be
UNIT = 256  # of a place in the frame: parts of a pixel


@dataclass(frozen=True)
class Options:
    """DB's own values; lengths are pixels of the detector's input."""

    threshold: int = 76  # in 1/256: a pixel is text where its probability is above this
    least_side: int = 3  # pixels
    least_score: int = 39321  # in 1/65536
    unclip: int = 384  # in 1/256
    padding: tuple[int, int, int] = (104, 116, 124)  # blue, green, red beside the frame
    windows: int = 24  # of a long line, at most
    sure: int = 52428  # in 1/65536: a line that scores less is read the other way up too
    lead: int = 0  # in 1/65536: a narrow reading stands by the recognizer's lead or by this, the smaller
    beyond: int = 8  # columns that a network narrower than the widest has behind a line, at least
    squeeze: int = 231  # in 1/256: a line keeps this share of its columns at least; 0: all of them


DEFAULTS = Options()


def of_model(settings: Mapping[str, Any], options: Options = DEFAULTS) -> Options:
    """Options with what a model's DBPostProcess says: thresh, box_thresh and unclip_ratio, each where it is there.

    A share of 1 is one unit less, since 1 itself does not fit the C code's bytes.
    """
    return replace(
        options,
        threshold=min(int(float(settings.get("thresh", options.threshold / 256)) * 256), 255),
        least_score=min(int(float(settings.get("box_thresh", options.least_score / 65536)) * 65536), 65535),
        unclip=int(float(settings.get("unclip_ratio", options.unclip / 256)) * 256 + 0.5),
    )
