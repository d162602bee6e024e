"""From a detector's map to boxes in the frame: firmware/tasks/page/boxes.c."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocrm55.tasks.page.components import MOST_RUNS, components
from ocrm55.tasks.page.options import DEFAULTS, FRAME_SIDE, UNIT, Options
from ocrm55.tasks.page.rectangle import Rectangle, hull, least_rectangle, mean
from ocrm55.tasks.page.rows import Scaling, scaling

Point = tuple[int, int]


@dataclass(frozen=True)
class Box:
    """struct ocrm55_box: a line of text in the frame.

    corners: top left, top right, bottom right and bottom left of the text, x and y in 1/256 pixel, the first pixel's
    middle at (0, 0). score: in 1/65536. turned: quarter turns clockwise of the text against the frame.
    """

    corners: tuple[Point, Point, Point, Point]
    score: int = 0
    line: int = 0
    turned: int = 0

    @property
    def pixels(self) -> np.ndarray:
        """The corners in pixels: float64 [4, 2]."""
        return np.array(self.corners, np.float64) / UNIT


def levels(probabilities: np.ndarray) -> np.ndarray:
    """A map of float32 as the C code sees it: int8 of its shape, probability - 128 in 1/256."""
    bounded = np.fmin(np.fmax(probabilities.astype(np.float32), np.float32(0)), np.float32(1))
    rounded = (np.nan_to_num(bounded) * np.float32(256) + np.float32(0.5)).astype(np.int32)
    return (np.minimum(rounded, 255) - 128).astype(np.int8)


def found(
    values: np.ndarray, frame: np.ndarray, options: Options = DEFAULTS, room: int = MOST_RUNS, most: int = MOST_RUNS
) -> list[Box]:
    """The boxes of a map, at most `most`, by their first row in the map.

    values: int8 [height, width], for the picture that rows.picture makes of the frame. room: runs of text that fit.
    Raises CrowdedError where there are more.
    """
    scaled = scaling(frame, values.shape[1], values.shape[0])
    seen = values[: scaled.used_height, : scaled.used_width]
    boxes = []
    for component in components(seen, options.threshold, room):
        if (box := _box(seen, least_rectangle(hull(component)), options, scaled)) is not None:
            boxes.append(box)
            if len(boxes) == most:
                break
    return boxes


def _box(values: np.ndarray, rectangle: Rectangle, options: Options, scaled: Scaling) -> Box | None:
    """DB's box, or None where its rules discard it."""
    along, across = rectangle.lengths
    shorter = min(along, across)
    if shorter < options.least_side * 4096:
        return None
    score = mean(values, rectangle)
    if score < options.least_score:
        return None
    grow = along * across // (along + across) * options.unclip // 512 if along + across else 0
    side = shorter + 2 * grow
    if side < (options.least_side + 2) * 4096 or side * scaled.step <= 3 << 28:
        return None
    return _placed(rectangle, grow, scaled.step, score)


def _placed(r: Rectangle, grow: int, step: int, score: int) -> Box:
    """The rectangle, widened by `grow` on each side. A box half again as high as wide is read downwards."""
    ux, uy = (r.x << 34) // r.root, (r.y << 34) // r.root
    start = _first_corner(r.x, r.y)
    width, height = r.lengths if start % 2 == 0 else r.lengths[::-1]
    turned = int(2 * (height + 2 * grow) >= 3 * (width + 2 * grow))
    grown = []
    for (x, y), (su, sv) in zip(r.corners, [(-1, -1), (1, -1), (1, 1), (-1, 1)], strict=True):
        out_x, out_y = grow * (su * ux - sv * uy) // 65536, grow * (su * uy + sv * ux) // 65536
        grown.append((_in_frame(x + out_x, step), _in_frame(y + out_y, step)))
    start += turned
    a, b, c, d = (grown * 2)[start : start + 4]
    return Box((a, b, c, d), score, 0, turned)


def _first_corner(x: int, y: int) -> int:
    """The quarters by which the vector, turned clockwise, points to the right."""
    for turns in range(3):
        if x > 0 and abs(y) <= x:
            return turns
        x, y = -y, x
    return 3


def _in_frame(place: int, step: int) -> int:
    """A place in the map, in 1/4096, to the frame's."""
    far = FRAME_SIDE * UNIT
    return min(max(((place + 2048) * step >> 20) - UNIT // 2, -far), far)


def turn(boxes: Sequence[Box]) -> list[Box]:
    """The boxes of a page that turned out to lie upside down, in their order then."""
    last = boxes[-1].line if boxes else 0
    return [
        Box((b.corners[2], b.corners[3], b.corners[0], b.corners[1]), b.score, last - b.line, (b.turned + 2) % 4)
        for b in reversed(boxes)
    ]
