"""Maps, frames and boxes for hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.options import FRAME_SIDE, UNIT, Options
from tests.unit.tasks.page import c_page


@st.composite
def maps(draw: st.DrawFn) -> np.ndarray:
    """int8 [h, w]: rectangles that lie anyhow, noise, stripes, or nothing."""
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["boxes", "boxes", "noise", "stripes", "plain"]))
    if kind == "noise":
        return random.integers(-128, 128, (height, width)).astype(np.int8)
    values = np.full((height, width), draw(st.integers(-128, 127)) if kind == "plain" else -128, np.int8)
    if kind == "stripes":
        every = draw(st.integers(2, 9))
        values[:: draw(st.integers(1, 5)), ::every] = 127
    y, x = np.mgrid[:height, :width]
    for _ in range(draw(st.integers(1, 8)) if kind == "boxes" else 0):
        angle, cx, cy = random.uniform(0, np.pi), random.uniform(0, width), random.uniform(0, height)
        u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        inside = (abs(u) < random.uniform(1, 40)) & (abs(v) < random.uniform(1, 12))
        values[inside] = random.integers(draw(st.sampled_from([-50, 0, 90])), 128, int(inside.sum()))
    return values


@st.composite
def frames(draw: st.DrawFn, longest: int = 60) -> c_page.Frame:
    """Noise in any format, with or without bytes behind its rows."""
    width, height = draw(st.integers(1, longest)), draw(st.integers(1, longest))
    kind = draw(st.sampled_from([*c_page.PIXEL_BYTES]))
    width += width % 2 if kind == c_page.YUYV else 0
    row = width * c_page.PIXEL_BYTES[kind]
    stride = row + draw(st.integers(0, 3)) * (4 if kind == c_page.YUYV else 1)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return c_page.Frame(width, height, stride, kind, random.bytes(stride * (height - 1) + row))


def frame_sizes() -> st.SearchStrategy[c_page.Frame]:
    """Frames of any size; their pixels are not looked at."""
    sides = st.one_of(st.integers(1, 2000), st.integers(1, FRAME_SIDE))
    return st.builds(lambda w, h: c_page.Frame(w, h, w, c_page.GRAY8, b""), sides, sides)


def options() -> st.SearchStrategy[Options]:
    byte, word = st.integers(0, 255), st.integers(0, 65535)
    any_of = st.builds(Options, byte, st.integers(0, 8), word, word, st.tuples(byte, byte, byte), byte, word)
    return st.one_of(st.just(Options()), st.builds(Options, byte), any_of)


def places(longest: int = 80) -> st.SearchStrategy[tuple[int, int]]:
    near = st.integers(-longest * UNIT, 2 * longest * UNIT)
    anywhere = st.integers(-FRAME_SIDE * UNIT, FRAME_SIDE * UNIT)
    each = st.one_of(near, near, near, anywhere)
    return st.tuples(each, each)


def boxes(longest: int = 80) -> st.SearchStrategy[Box]:
    """Four corners anywhere, or a rectangle."""
    place = places(longest)
    wild = st.builds(Box, st.tuples(place, place, place, place), st.integers(0, 65535), st.just(0), st.integers(0, 1))
    return st.one_of(wild, rectangles(longest), rectangles(longest))


def rectangles(longest: int = 80) -> st.SearchStrategy[Box]:
    side = st.integers(0, longest * UNIT)

    def box(x: int, y: int, w: int, h: int, tilt: int, score: int, turned: int) -> Box:
        t = w * tilt // 64
        s = h * tilt // 64
        return Box(((x, y), (x + w, y + t), (x + w - s, y + h + t), (x - s, y + h)), score, 0, turned)

    return st.builds(box, side, side, side, side, st.integers(-64, 64), st.integers(0, 65535), st.integers(0, 1))
