"""Regions of frames, which a recognizer reads without a detector: C and the host alike."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.tasks.page.options import FRAME_SIDE, UNIT
from ocrm55.tasks.page.region import Polarity, has_dark_ground, rectangle, region
from tests.unit.tasks.page import c_page, drawn

READ, NO_POINTER, OF_FRAME, OF_REGION = 0, 1, 7, 8  # enum ocrm55_outcome


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_c_and_host_alike(page: c_page.Page, data: st.DataObject) -> None:
    frame = data.draw(drawn.frames())
    box = data.draw(st.one_of(st.none(), drawn.boxes()))
    height, widest = data.draw(st.sampled_from([1, 7, 48])), data.draw(st.integers(1, 90))
    polarity = data.draw(st.sampled_from(Polarity))
    outcome, pixels = page.region(frame, box, height, widest, polarity)
    assert outcome == READ
    assert np.array_equal(pixels, region(frame.picture, box, height, widest, polarity))


def test_a_rectangle_of_the_right_height_is_the_frame_s_pixels(page: c_page.Page) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (60, 90, 3), np.uint8)
    frame = c_page.frame_of(picture)
    found = page.region(frame, rectangle(20, 7, 41, 48), 48, 320)[1]
    assert np.array_equal(found, picture[7:55, 20:61])
    assert np.array_equal(page.region(frame, None, 60, 320)[1], picture)


def test_a_larger_region_is_what_opencv_makes_of_it() -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(6).integers(0, 256, (90, 300, 3), np.uint8), (9, 9), 0)
    wanted = cv2.resize(picture[10:82, 30:270], (160, 48), interpolation=cv2.INTER_LINEAR)
    assert abs(region(picture, rectangle(30, 10, 240, 72), 48, 320).astype(int) - wanted).max() <= 2


def test_what_is_too_long_is_squeezed() -> None:
    assert region(np.zeros((48, 900), np.uint8), None, 48, 320).shape == (48, 320, 3)


def test_light_text_on_a_dark_ground_becomes_dark_on_light() -> None:
    picture = np.full((48, 200, 3), 240, np.uint8)
    cv2.putText(picture, "OCR 55", (10, 35), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 20), 3)
    dark = 255 - picture
    assert has_dark_ground(dark) and not has_dark_ground(picture)
    assert np.array_equal(region(dark, None, 48, 320, Polarity.DARK_ON_LIGHT), picture)
    assert np.array_equal(region(picture, None, 48, 320, Polarity.DARK_ON_LIGHT), picture)
    assert np.array_equal(region(dark, None, 48, 320), dark)


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0},
        {"height": 0},
        {"width": 16385, "stride": 16388 * 2},
        {"stride": 15},
        {"stride": 18},
        {"format": 5},
        {"format": -1},
        {"width": 7},
    ],
)
def test_wrong_frames_are_refused(page: c_page.Page, wrong: dict[str, int]) -> None:
    frame = c_page.Frame(8, 2, 16, c_page.YUYV, bytes(32))
    assert page.region(frame, None, 8, 32)[0] == READ
    outcome, pixels = page.region(replace(frame, **wrong), None, 8, 32)
    assert (outcome, pixels.size) == (OF_FRAME, 0)


def test_regions_too_far_outside_are_refused(page: c_page.Page) -> None:
    frame = c_page.frame_of(np.zeros((4, 4), np.uint8))
    box = rectangle(0, 0, 4, 4)
    far = ((FRAME_SIDE * UNIT + 1, 0), *box.corners[1:])
    assert page.region(frame, replace(box, corners=far), 8, 32)[0] == OF_REGION
