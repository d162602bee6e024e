"""Frames: what a picture's pixels become in each format."""

import cv2
import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.simulators.frames import MOST_SIDE, Frame, frame, ocrf

COLOURS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
GREY = np.repeat(COLOURS[..., :1], 3, axis=2)


def test_a_page_without_colours_travels_as_grey() -> None:
    assert frame(GREY).format == "gray8"
    assert frame(COLOURS).format == "bgr888"
    assert np.array_equal(frame(GREY).bgr(), GREY)
    assert np.array_equal(frame(COLOURS).bgr(), COLOURS)


def test_grey_is_what_opencv_makes_of_colours() -> None:
    assert np.array_equal(frame(COLOURS, "gray8").rows, cv2.cvtColor(COLOURS, cv2.COLOR_BGR2GRAY))


def test_rgb888_is_red_first() -> None:
    assert np.array_equal(frame(COLOURS, "rgb888").rows, cv2.cvtColor(COLOURS, cv2.COLOR_BGR2RGB).reshape(40, -1))
    assert np.array_equal(frame(COLOURS, "rgb888").bgr(), COLOURS)


def test_rgb565_has_opencvs_bits() -> None:
    """OpenCV calls it BGR565: blue in the low bits."""
    wanted = cv2.cvtColor(COLOURS, cv2.COLOR_BGR2BGR565)
    assert np.array_equal(frame(COLOURS, "rgb565").rows.reshape(40, 50, 2), wanted)
    seen = frame(COLOURS, "rgb565").bgr()
    assert np.abs(seen.astype(int) - COLOURS).max() <= 7
    assert np.array_equal(frame(np.full_like(COLOURS, 255), "rgb565").bgr(), np.full_like(COLOURS, 255))


def test_yuyv_has_the_colours_that_opencv_sees() -> None:
    yuyv = np.random.default_rng(1).integers(0, 256, (40, 50, 2), dtype=np.uint8)
    seen = Frame(yuyv.reshape(40, 100), 50, "yuyv").bgr()
    assert np.array_equal(seen, cv2.cvtColor(yuyv, cv2.COLOR_YUV2BGR_YUYV))


def test_a_picture_in_yuyv_keeps_its_brightness_and_its_large_colours() -> None:
    flat = np.repeat(np.repeat(COLOURS[::4, ::5], 4, axis=0), 10, axis=1)[:, :100]
    assert np.abs(frame(flat, "yuyv").bgr().astype(int) - flat).max() <= 3
    with pytest.raises(InputError, match="a width of 49 is odd"):
        frame(COLOURS[:, :49], "yuyv")


def test_rows_may_lie_further_apart() -> None:
    rows = np.zeros((4, 20), np.uint8)
    rows[:, :15] = COLOURS[:4, :5].reshape(4, 15)
    apart = Frame(rows, 5, "bgr888")
    assert (apart.stride, apart.height) == (20, 4)
    assert np.array_equal(apart.bgr(), COLOURS[:4, :5])


def test_bytes_are_those_of_the_container() -> None:
    frames = [frame(COLOURS[:height, :width], each) for height, width, each in ((1, 1, "gray8"), (3, 7, "rgb565"))]
    assert len(ocrf(frames)) == 16 + sum(each.bytes for each in frames)


def test_what_the_firmware_does_not_take_is_refused() -> None:
    with pytest.raises(InputError, match="page 1 is 8193 x 1 pixels"):
        ocrf([Frame(np.zeros((1, MOST_SIDE + 1), np.uint8), MOST_SIDE + 1, "gray8")])
