"""The rectangle of least area around a component, and the map's mean in it: firmware/tasks/page/rectangle.c."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocrm55.tasks.page.components import Run

Pixel = tuple[int, int]  # x, y


@dataclass(frozen=True)
class Rectangle:
    """One side lies along the vector (x, y).

    A place p has u = p.x * x + p.y * y and v = p.y * x - p.x * y. The rectangle is u0 <= u <= u1 and v0 <= v <= v1,
    between middles of pixels.
    """

    x: int
    y: int
    u0: int
    u1: int
    v0: int
    v1: int

    @property
    def square(self) -> int:
        """The vector's length, squared."""
        return self.x * self.x + self.y * self.y

    @property
    def root(self) -> int:
        """The vector's length, in 1/2^18."""
        return math.isqrt(self.square << 36)

    @property
    def lengths(self) -> tuple[int, int]:
        """Along u and along v, in 1/4096 pixel."""
        return ((self.u1 - self.u0) << 30) // self.root, ((self.v1 - self.v0) << 30) // self.root

    @property
    def corners(self) -> list[tuple[int, int]]:
        """(u0, v0), (u1, v0), (u1, v1), (u0, v1) in the map, in 1/4096 pixel."""
        places = [(self.u0, self.v0), (self.u1, self.v0), (self.u1, self.v1), (self.u0, self.v1)]
        half, square = self.square // 2, self.square
        return [
            (((u * self.x - v * self.y) * 4096 + half) // square, ((u * self.y + v * self.x) * 4096 + half) // square)
            for u, v in places
        ]


def hull(component: Sequence[Run]) -> list[Pixel]:
    """The convex hull, clockwise as y grows downwards: up the left side, then down the right one."""
    left: list[Pixel] = []
    right: list[Pixel] = []
    edges: dict[int, tuple[int, int]] = {}
    for row, first, end in component:
        edges[row] = (edges[row][0] if row in edges else first, end - 1)
    for row, (first, last) in edges.items():
        while len(left) >= 2 and _side(left[-2], left[-1], (first, row)) >= 0:
            left.pop()
        while len(right) >= 2 and _side(right[-2], right[-1], (last, row)) <= 0:
            right.pop()
        left.append((first, row))
        right.append((last, row))
    return left[::-1] + right


def _side(a: Pixel, b: Pixel, c: Pixel) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def least_rectangle(points: Sequence[Pixel]) -> Rectangle:
    """The rectangle of least area around a hull. One that lies along the axes wins, then the first edge's."""
    best = _along(points, 1, 0)
    for a, b in pairwise([*points, points[0]]):
        if a == b:
            continue
        other = _along(points, b[0] - a[0], b[1] - a[1])
        if _area(other) * best.square < _area(best) * other.square:
            best = other
    return best


def _area(r: Rectangle) -> int:
    return (r.u1 - r.u0) * (r.v1 - r.v0)


def _along(points: Sequence[Pixel], x: int, y: int) -> Rectangle:
    u = [p[0] * x + p[1] * y for p in points]
    v = [p[1] * x - p[0] * y for p in points]
    return Rectangle(x, y, min(u), max(u), min(v), max(v))


def mean(values: np.ndarray, r: Rectangle) -> int:
    """The mean probability of the pixels whose middles lie inside or half a pixel beside it, in 1/65536."""
    half = r.root >> 19
    heights = [y for _, y in r.corners]
    total = pixels = 0
    for y in range(max(min(heights) // 4096 - 1, 0), min(max(heights) // 4096 + 2, len(values) - 1) + 1):
        x0, x1 = _columns(r.x, r.u0 - half - y * r.y, r.u1 + half - y * r.y, 0, values.shape[1] - 1)
        x0, x1 = _columns(-r.y, r.v0 - half - y * r.x, r.v1 + half - y * r.x, x0, x1)
        if x0 <= x1:
            total += int(values[y, x0 : x1 + 1].sum(dtype=np.int64)) + 128 * (x1 - x0 + 1)
            pixels += x1 - x0 + 1
    return total * 256 // pixels if pixels else 0


def _columns(factor: int, low: int, high: int, x0: int, x1: int) -> tuple[int, int]:
    """x0 .. x1 without the columns that do not have low <= x * factor <= high."""
    if factor < 0:
        factor, low, high = -factor, -high, -low
    if factor > 0:
        return max(x0, -(-low // factor)), min(x1, high // factor)
    return (x0, x1) if low <= 0 <= high else (x0, x0 - 1)
