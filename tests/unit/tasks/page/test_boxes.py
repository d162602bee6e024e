"""Boxes of maps: C and the host alike, and DB's rules as PaddleOCR's post-processing has them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.tasks.page.boxes import found, levels, turn
from ocrm55.tasks.page.components import CrowdedError
from ocrm55.tasks.page.options import Options
from ocrm55.tasks.page.order import ordered
from tests.unit.tasks.page import c_page, drawn


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_c_and_host_find_alike(page: c_page.Page, data: st.DataObject) -> None:
    values, frame, options = data.draw(drawn.maps()), data.draw(drawn.frame_sizes()), data.draw(drawn.options())
    outcome, boxes = page.boxes(values, frame, options)
    picture = np.broadcast_to(np.uint8(0), (frame.height, frame.width))
    assert outcome == c_page.OK
    assert boxes == ordered(found(values, picture, options))


def line_map(angle: float, size: tuple[int, int] = (200, 300), half: tuple[int, int] = (60, 8)) -> np.ndarray:
    """One line in the middle."""
    y, x = np.mgrid[: size[0], : size[1]] - np.array(size).reshape(2, 1, 1) / 2
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return np.where((abs(u) <= half[0]) & (abs(v) <= half[1]), 120, -128).astype(np.int8)


@pytest.mark.parametrize("degrees", [0, 7, -20, 44, -44])
def test_a_line_is_found_where_it_is(degrees: int) -> None:
    angle = np.radians(degrees)
    (box,) = found(line_map(angle), np.zeros((400, 600), np.uint8))
    grow = 120 * 16 * 1.5 / (2 * (120 + 16))
    u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    middle = np.array([300, 200]) + 0.5
    wide, high = 2 * (60 + grow) * u, 2 * (8 + grow) * v
    wanted = [middle - wide - high, middle + wide - high, middle + wide + high, middle - wide + high]
    assert np.abs(box.pixels - wanted).max() < 3.5
    assert box.turned == 0 and box.score / 65536 == pytest.approx(248 / 256, abs=0.1)


@pytest.mark.parametrize("degrees", [90, 80, 100])
def test_a_line_that_stands_is_read_downwards(degrees: int) -> None:
    (box,) = found(line_map(np.radians(degrees), (300, 200)), np.zeros((300, 200), np.uint8))
    start, end = box.pixels[0], box.pixels[1]
    assert box.turned == 1 and end[1] - start[1] > 100 and box.pixels[3][0] < start[0]


def test_rules_that_discard() -> None:
    frame = np.zeros((200, 300), np.uint8)
    thin, pale = line_map(0, half=(60, 1)), np.where(line_map(0) > 0, 10, -128).astype(np.int8)
    assert found(thin, frame) == []  # two pixels between the middles of its rows
    assert len(found(thin, frame, Options(least_side=2))) == 1
    assert found(pale, frame) == [] and len(found(pale, frame, Options(least_score=35000))) == 1
    assert found(np.full((200, 300), -128, np.int8), frame) == []
    assert found(line_map(0), np.zeros((2, 3), np.uint8)) == []  # not four pixels of the frame


def test_the_padding_beside_a_frame_has_no_text(page: c_page.Page) -> None:
    values = np.full((64, 64), -128, np.int8)
    values[40:50, 10:50] = 127
    frame = np.zeros((32, 64), np.uint8)
    assert found(values, frame) == []
    assert page.boxes(values, c_page.frame_of(frame)) == (c_page.OK, [])


def test_more_boxes_and_runs_than_room(page: c_page.Page) -> None:
    values = np.full((120, 120), -128, np.int8)
    for y in range(0, 120, 12):
        for x in range(0, 120, 30):
            values[y : y + 6, x : x + 20] = 127
    frame = np.zeros((120, 120), np.uint8)
    wanted = found(values, frame)
    assert len(wanted) == 40
    outcome, boxes = page.boxes(values, c_page.frame_of(frame), room=7)
    assert outcome == c_page.MORE and boxes == ordered(wanted[:7]) == ordered(found(values, frame, most=7))
    assert page.boxes(values, c_page.frame_of(frame), runs=239) == (c_page.CROWDED, [])
    with pytest.raises(CrowdedError):
        found(values, frame, room=239)
    assert page.boxes(values, c_page.frame_of(frame), runs=240, room=40)[0] == c_page.OK


@pytest.mark.parametrize(
    "bad", [(0, 5, 5, 0), (5, 0, 5, 0), (5, 5, 4, 0), (5, 5, 9, 1), (5, 5, 5, 9), (16385, 1, 16385, 0)]
)
def test_frames_that_are_none(page: c_page.Page, bad: tuple[int, int, int, int]) -> None:
    values = np.zeros((8, 8), np.int8)
    assert page.boxes(values, c_page.Frame(*bad, b"")) == (c_page.FRAME, [])


def test_floats_become_levels() -> None:
    values = np.array([0, 0.3, 0.5, 0.998, 1, 2, -1, np.nan, np.inf, -np.inf], np.float32)
    assert levels(values).tolist() == [-128, -51, 0, 127, 127, 127, -128, -128, 127, -128]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_pages_turn_alike(page: c_page.Page, data: st.DataObject) -> None:
    boxes = ordered(data.draw(st.lists(drawn.boxes(), max_size=12)))
    assert page.ordered(boxes, turn=True) == turn(boxes)
    assert turn(turn(boxes)) == boxes


def test_an_unclipped_box_is_pyclippers() -> None:
    """Growing a rectangle with round corners and taking its least rectangle adds the distance on each side."""
    distance = 120 * 16 * 1.5 / (2 * (120 + 16))
    mask = np.zeros((300, 400), np.uint8)
    cv2.rectangle(mask, (140, 140), (260, 156), 1, -1)
    reach = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= distance
    _, sides, _ = cv2.minAreaRect(np.argwhere(reach)[:, ::-1].astype(np.int32))
    (box,) = found(np.where(mask > 0, 127, -128).astype(np.int8), mask)
    got = np.linalg.norm(box.pixels[1] - box.pixels[0]), np.linalg.norm(box.pixels[3] - box.pixels[0])
    assert sorted(got) == pytest.approx(sorted(sides), abs=2)
