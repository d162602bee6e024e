"""Orders of elements as axes with strides: what a copy of int8 elements needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np


@dataclass(frozen=True)
class Axes:
    """Nested loops, outermost first: how often each runs, and how far it goes on in the source and in the result."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    places: tuple[int, ...]

    def padded(self, count: int) -> Axes:
        """The same with axes of one pass in front."""
        more = count - len(self.sizes)
        return Axes((1,) * more + self.sizes, (0,) * more + self.strides, (0,) * more + self.places)

    def in_bytes(self, size: int) -> Axes:
        """The same of the bytes of elements that have `size` of them."""
        if size == 1:
            return self
        strides, places = (tuple(size * step for step in steps) for steps in (self.strides, self.places))
        return Axes((*self.sizes, size), (*strides, 1), (*places, 1))

    def index(self) -> np.ndarray:
        """The element of the source, from the first on, for each element in turn."""
        found = np.zeros(1, np.int64)
        for size, stride in zip(self.sizes, self.strides, strict=True):
            found = np.add.outer(found, np.arange(size) * stride).reshape(-1)
        return found


def axes(order: np.ndarray, places: np.ndarray | None = None) -> Axes | None:
    """The fewest axes that walk `order`, the flat indices of elements; None where every step differs from the last.

    places: where each element goes; one behind the other by default.
    """
    steps = np.stack([order, np.arange(order.size) if places is None else places])
    found: list[tuple[int, int, int]] = []
    while steps.shape[1] > 1:
        first = steps[:, 1] - steps[:, 0]
        breaks = np.flatnonzero((np.diff(steps) != first[:, None]).any(axis=0)) + 1
        run = steps.shape[1]
        for place in breaks.tolist():
            run = gcd(run, place)
        if run == 1:
            return None
        found.append((run, int(first[0]), int(first[1])))
        steps = steps[:, ::run]
    sizes, strides, goes = zip(*reversed(found), strict=True) if found else ((), (), ())
    return Axes(sizes, strides, goes)
