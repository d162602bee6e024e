"""A frame as the detector's input: C and the host alike, and against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.tasks.page import rows
from ocrm55.tasks.page.options import Options
from tests.unit.tasks.page import c_page, drawn


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_c_and_host_resize_alike(page: c_page.Page, data: st.DataObject) -> None:
    frame, width, height = data.draw(drawn.frames()), data.draw(st.integers(1, 70)), data.draw(st.integers(1, 70))
    options = Options(padding=(1, 2, 3))
    assert np.array_equal(
        page.picture(frame, width, height, options), rows.picture(frame.picture, width, height, options)
    )


@pytest.mark.parametrize(
    ("height", "width", "used"), [(400, 500, (256, 320)), (1200, 900, (320, 240)), (48, 40, (320, 267))]
)
def test_as_opencv_within_a_level(height: int, width: int, used: tuple[int, int]) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    frame = cv2.GaussianBlur(frame, (9, 9), 0)
    got = rows.picture(frame, 320, 320)[: used[0], : used[1]]
    wanted = cv2.resize(frame, used[::-1], interpolation=cv2.INTER_LINEAR)
    difference = abs(got.astype(int) - wanted)
    assert (difference <= 1).mean() > 0.99 and difference.max() <= 3


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (8000, 6000), (6000, 8000), (16384, 1), (1, 16384), (16384, 16384)]
)
def test_frames_of_any_size_fit(width: int, height: int) -> None:
    scaled = rows.scaling(np.broadcast_to(np.uint8(0), (height, width)), 320, 256)
    assert 1 <= scaled.used_width <= 320 and 1 <= scaled.used_height <= 256
    assert scaled.used_width == 320 or scaled.used_height == 256
    assert scaled.step * scaled.used_width >= width * 65536 - scaled.step
