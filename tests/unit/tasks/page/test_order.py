"""Reading order: C and the host alike, and pages whose order is plain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.options import UNIT
from ocrm55.tasks.page.order import ordered
from tests.unit.tasks.page import c_page, drawn


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_c_and_host_order_alike(page: c_page.Page, data: st.DataObject) -> None:
    boxes = data.draw(st.lists(drawn.boxes(), max_size=25))
    assert page.ordered(boxes) == ordered(boxes)


def line(x: float, y: float, width: float, height: float, degrees: float = 0, turned: int = 0) -> Box:
    """A line whose page is turned by an angle around the page's corner; score: its x, to know it again."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)]) @ turn
    a, b, c, d = (tuple(p) for p in np.round(corners * UNIT).astype(int).tolist())
    return Box((a, b, c, d), int(x), 0, turned)


PAGE = [(10, 10, 100, 20), (130, 12, 80, 18), (230, 8, 60, 22), (10, 40, 300, 20), (20, 70, 40, 20), (90, 73, 200, 20)]
LINES = [0, 0, 0, 1, 2, 2]


@pytest.mark.parametrize(("degrees", "turned"), [(0, 0), (4, 0), (-10, 0), (90, 1), (85, 1)])
def test_lines_then_along_them(degrees: float, turned: int) -> None:
    boxes = [line(*place, degrees, turned) for place in PAGE]
    for seed in range(5):
        shuffled = [boxes[i] for i in np.random.default_rng(seed).permutation(len(boxes))]
        got = ordered(shuffled)
        assert [box.corners for box in got] == [box.corners for box in boxes]
        assert [box.line for box in got] == LINES


def test_a_short_box_lies_as_its_page_does() -> None:
    """On a page that lies on its side, a single character is as likely upright as any: the others decide."""
    boxes = [line(*place, 90, 1) for place in PAGE]
    short = Box(((-160 * UNIT, 0), (-140 * UNIT, 0), (-140 * UNIT, 20 * UNIT), (-160 * UNIT, 20 * UNIT)), 5, 0, 0)
    (got,) = [box for box in ordered([*boxes, short]) if box.score == 5]
    assert got.turned == 1
    assert got.corners == (*short.corners[1:], short.corners[0])


def test_no_boxes_and_one(page: c_page.Page) -> None:
    assert ordered([]) == page.ordered([]) == []
    assert ordered([line(0, 0, 50, 10)]) == page.ordered([line(0, 0, 50, 10)]) == [line(0, 0, 50, 10)]
