"""Regions of frames for a camera's program: what a user may write, and what the firmware is told."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from ocrm55.commands import camera_options
from ocrm55.commands.camera_options import FrameFormat, PolarityChoice
from ocrm55.errors import InputError
from ocrm55.page import camera
from ocrm55.simulators import protocol
from ocrm55.tasks.page.region import Polarity, rectangle

IDENTITY = "ocrm55 0.1.0 net int8 1x3x48x320 arena 1000\n"


def test_a_rectangle_and_four_corners() -> None:
    assert camera.parse_region("10,20,30,40") == rectangle(10, 20, 30, 40)
    assert camera.parse_region("-1,0,3,4") == rectangle(-1, 0, 3, 4)
    turned = camera.parse_region("10,5, 20,15, 15,20, 5,10.5")
    assert turned.corners == ((2560, 1280), (5120, 3840), (3840, 5120), (1280, 2688))


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,0,4", "1,2,3.5,4", "a,b,c,d", "1,2,3,4,5,6,7,nan", "1,2,inf,4"])
def test_what_is_no_region(text: str) -> None:
    with pytest.raises(InputError, match="is no region"):
        camera.parse_region(text)


def test_too_far_outside() -> None:
    with pytest.raises(InputError, match="too far outside"):
        camera.parse_region("16384,0,3,4")


def test_the_firmware_s_words() -> None:
    view = camera.View(rectangle(0, 0, 2, 1), Polarity.DARK_ON_LIGHT)
    assert view.words == ["region=-128,-128,384,-128,384,128,-128,128", "polarity=2"]
    assert camera.View().words == ["polarity=0"]


def test_a_region_wants_a_frame() -> None:
    camera_options.check(FrameFormat.YUYV, "1,2,3,4", PolarityChoice.INVERTED)
    camera_options.check(None, None, PolarityChoice.AS_IT_IS)
    for region, polarity in (("1,2,3,4", PolarityChoice.AS_IT_IS), (None, PolarityChoice.INVERTED)):
        with pytest.raises(InputError, match="camera's frame"):
            camera_options.check(None, region, polarity)


def test_choices_are_those_of_the_c_code() -> None:
    assert [each.value.replace("-", "_").upper() for each in PolarityChoice] == [each.name for each in Polarity]


def test_the_crop_s_hash_is_that_of_its_image() -> None:
    crc = zlib.crc32(np.zeros((48, 9, 3), np.uint8).tobytes())
    lines = f"image 1/2\nregion 9x48 0x{crc:08x}\ntext: a, score: 0.500000\nimage 2/2\ntext: b, score: 0.500000\n"
    said = protocol.parse(f"{IDENTITY}{lines}exit status 0\n")
    assert [each.region for each in said.results] == [(9, 48, crc), None]
