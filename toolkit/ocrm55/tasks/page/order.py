"""The order in which boxes are read: firmware/tasks/page/order.c."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ocrm55.tasks.page.boxes import Box

Axis = tuple[int, int]


def ordered(boxes: Sequence[Box]) -> list[Box]:
    """Number the lines, and sort the boxes: from the top line down, in a line from left to right.

    A page that lies on its side, or is tilted, is read along its text: most of its length says where that goes.
    """
    axis, turned = _direction(boxes)
    boxes = [_as_the_page(box, turned) for box in boxes]

    def down_the_page(box: Box) -> tuple:
        u, v = _middle(box, axis)
        return (v, u, *box.corners, box.score)

    def along_the_lines(box: Box) -> tuple:
        u, v = _middle(box, axis)
        return (box.line, u, v, *box.corners, box.score)

    return sorted(_numbered(sorted(boxes, key=down_the_page), axis), key=along_the_lines)


def _across(box: Box) -> Axis:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = box.corners
    return bx - ax + cx - dx, by - ay + cy - dy


def _down(box: Box) -> Axis:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = box.corners
    return dx - ax + cx - bx, dy - ay + cy - by


def _squared(a: Axis) -> int:
    return a[0] * a[0] + a[1] * a[1]


def _direction(boxes: Sequence[Box]) -> tuple[Axis, int]:
    """The direction of the text in 1/16384, and whether it is turned: as most of the longer boxes' length lies."""
    sums, lengths = [[0, 0], [0, 0]], [0, 0]
    for box in boxes:
        across = _across(box)
        if _squared(across) >= 4 * _squared(_down(box)):
            which = box.turned & 1
            sums[which] = [sums[which][0] + across[0], sums[which][1] + across[1]]
            lengths[which] += math.isqrt(_squared(across))
    turned = int(lengths[1] > lengths[0])
    x, y = sums[turned]
    while not (-(1 << 30) < x < 1 << 30 and -(1 << 30) < y < 1 << 30):
        x, y = x // 2, y // 2
    root = math.isqrt(x * x + y * y)
    return ((x * 16384 // root, y * 16384 // root) if root else (16384, 0)), turned


def _as_the_page(box: Box, turned: int) -> Box:
    """A short box could be either way: it lies as the page does."""
    if box.turned == turned or 4 * _squared(_across(box)) >= 9 * _squared(_down(box)):
        return box
    a, b, c, d = box.corners
    return replace(box, corners=(b, c, d, a) if turned else (d, a, b, c), turned=turned)


def _middle(box: Box, axis: Axis) -> Axis:
    """Where the box lies along the text and across it: places, times 4 * 16384."""
    x, y = sum(p[0] for p in box.corners), sum(p[1] for p in box.corners)
    return x * axis[0] + y * axis[1], y * axis[0] - x * axis[1]


def _tolerance(box: Box) -> int:
    """3/8 of the height, in units of _middle."""
    return math.isqrt(_squared(_down(box))) * (16384 * 3 // 4)


def _numbered(boxes: Sequence[Box], axis: Axis) -> list[Box]:
    """The uppermost box without a line starts one; those join whose middle lies near the mean of the line's."""
    lines: list[int | None] = [None] * len(boxes)
    places = [_middle(box, axis)[1] for box in boxes]
    count = 0
    for i, box in enumerate(boxes):
        if lines[i] is not None:
            continue
        lines[i], total, members = count, places[i], 1
        for k in range(i + 1, len(boxes)):
            beside = places[k] - total // members
            if beside > _tolerance(box):
                break
            if lines[k] is None and beside <= _tolerance(boxes[k]):
                lines[k], total, members = count, total + places[k], members + 1
        count += 1
    return [replace(box, line=line) for box, line in zip(boxes, lines, strict=True) if line is not None]
