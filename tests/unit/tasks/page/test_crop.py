"""Crops: C and the host alike, and against OpenCV's warpPerspective."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.crop import columns, crop
from ocrm55.tasks.page.options import FRAME_SIDE, UNIT
from tests.unit.tasks.page import c_page, drawn


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_c_and_host_crop_alike(page: c_page.Page, data: st.DataObject) -> None:
    frame, box = data.draw(drawn.frames()), data.draw(drawn.boxes())
    height = data.draw(st.sampled_from([1, 7, 48]))
    whole = data.draw(st.one_of(st.integers(1, 60), st.just(columns(box, height)), st.integers(1, 10**6)))
    first = data.draw(st.integers(0, whole - 1))
    width = data.draw(st.integers(1, min(whole - first, 50)))
    outcome, wanted, pixels = page.crop(frame, box, height, whole, first, width)
    assert (outcome, wanted) == (c_page.OK, columns(box, height))
    assert np.array_equal(pixels, crop(frame.picture, box, height, whole, first, width))


def box_at(cx: float, cy: float, width: float, height: float, degrees: float) -> Box:
    angle = np.radians(degrees)
    u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    middle = np.array([cx, cy])
    signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    corners = [middle + a * u * width / 2 + b * v * height / 2 for a, b in signs]
    a, b, c, d = (tuple(int(n) for n in np.round(p * UNIT)) for p in corners)
    return Box((a, b, c, d))


@pytest.mark.parametrize("degrees", [0, 3, -17, 45, 90, 180, -90, 260])
def test_as_warp_perspective_within_two_levels(degrees: float) -> None:
    frame = np.random.default_rng(2).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    frame = cv2.GaussianBlur(frame, (11, 11), 0)
    box = box_at(200, 150, 150, 30, degrees)
    whole = columns(box, 48)
    assert whole in (240, 241)
    ends = np.float32([[-0.5, -0.5], [whole - 0.5, -0.5], [whole - 0.5, 47.5], [-0.5, 47.5]])
    matrix = cv2.getPerspectiveTransform(box.pixels.astype(np.float32), ends)
    wanted = cv2.warpPerspective(frame, matrix, (whole, 48), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = abs(crop(frame, box, 48, whole).astype(int) - wanted)
    assert difference.max() <= 2 and (difference <= 1).mean() > 0.98


def test_outside_the_frame_its_nearest_pixel_counts() -> None:
    frame = np.arange(12, dtype=np.uint8).reshape(3, 4)
    far = FRAME_SIDE * UNIT
    box = Box(((-far, -far), (-far + 9, -far), (-far + 9, -far + 9), (-far, -far + 9)))
    assert (crop(frame, box, 5, 5) == 0).all()
    box = Box(((far - 9, far - 9), (far, far - 9), (far, far), (far - 9, far)))
    assert (crop(frame, box, 5, 5) == 11).all()


def test_a_corner_too_far_outside(page: c_page.Page) -> None:
    frame = c_page.frame_of(np.zeros((3, 4), np.uint8))
    far = FRAME_SIDE * UNIT
    inside = Box(((far, -far), (far, far), (-far, far), (-far, -far)))
    assert page.crop(frame, inside, 2, 2, 0, 2)[0] == c_page.OK
    for wrong in ((far + 1, 0), (0, -far - 1)):
        box = Box((wrong, (0, 0), (0, 0), (0, 0)))
        assert page.read(frame, box, drawn.Options())[0] == c_page.BOX


def test_windows_are_parts_of_the_whole() -> None:
    frame = np.random.default_rng(3).integers(0, 256, (60, 900), np.uint8)
    box = box_at(450, 30, 860, 40, 1)
    whole = columns(box, 48)
    all_of_it = crop(frame, box, 48, whole).astype(int)
    part = crop(frame, box, 48, whole, 224, 320)
    assert abs(part - all_of_it[:, 224:544]).max() <= 4  # steps are rounded from each window's start
