"""The target's steps on the host, with a detector that calls bright pixels text, and a recognizer that says a word."""

import dataclasses

import numpy as np
import pytest

from ocrm55.compiler.widths import padding
from ocrm55.evaluation import page_reference
from ocrm55.evaluation.page_reference import Network, ReferenceSpec
from ocrm55.normalisation import Normalisation
from ocrm55.tasks.page.options import Options
from tests.unit.evaluation.test_page_host import CHARSET, LEVELS, bright, says


def spec(height: int, width: int) -> ReferenceSpec:
    detector = Network(bright(), (height, width), LEVELS)
    return ReferenceSpec(detector, Options(), Network(says(320, 1), (48, 320), Normalisation()), CHARSET, "greedy")


def test_boxes_are_where_the_bright_rectangles_are_and_in_reading_order() -> None:
    page = np.zeros((240, 400, 3), np.uint8)
    page[120:140, 20:120] = 255
    page[40:60, 250:350] = 255
    page[40:60, 50:150] = 255
    lines, scale = spec(128, 192).open().read(page)
    assert scale == pytest.approx(192 / 400, rel=1e-4)
    assert [line.text for line in lines] == ["n", "n", "n"]
    for line, (left, top) in zip(lines, ((50, 40), (250, 40), (20, 120)), strict=True):
        grown = 100 * 20 * 1.5 / (2 * 120)
        wanted = (left - grown, top - grown, left + 100 + grown, top + 20 + grown)
        found = (*line.corners.min(0), *line.corners.max(0))
        np.testing.assert_allclose(found, wanted, atol=5)  # rectangles go through the middles of the map's pixels


def test_a_long_line_is_read_in_windows() -> None:
    page = np.zeros((64, 640, 3), np.uint8)
    page[20:36, 10:630] = 255
    (line,), _ = spec(64, 640).open().read(page)
    assert set(line.text) == {"n"}
    assert len(line.text) > 1, "each window says the word once"


def test_grey_pages_are_grey_frames() -> None:
    grey = np.repeat(np.arange(12, dtype=np.uint8).reshape(3, 4, 1), 3, axis=2)
    assert page_reference.frame_of(grey).shape == (3, 4)
    coloured = grey.copy()
    coloured[0, 0, 0] = 99
    assert page_reference.frame_of(coloured) is coloured


def test_a_page_without_text_has_no_lines() -> None:
    assert spec(64, 96).open().read(np.zeros((10, 10, 3), np.uint8))[0] == []


def test_a_crowded_page_has_no_lines_and_its_own_scale() -> None:
    """Heights of its lines are counted by that scale."""
    page = np.zeros((128, 256, 3), np.uint8)
    page[:, ::2] = 255
    assert spec(128, 256).open().read(page)[1] == 1.0
    lines, scale = spec(128, 256).open().read(np.repeat(np.repeat(page, 2, axis=0), 2, axis=1))
    assert lines == []
    assert scale == 0.5


@pytest.mark.parametrize(("beyond", "text"), [(0, "w"), (150, "n")])
def test_a_line_is_read_at_the_narrowest_width_with_columns_behind_it(beyond: int, text: str) -> None:
    page = np.zeros((64, 96, 3), np.uint8)
    page[20:44, 20:76] = 255
    at_full = spec(64, 96)
    options = dataclasses.replace(at_full.options, beyond=beyond)
    narrow = {200: says(200 + padding.TAIL, 2)}
    (line,), _ = dataclasses.replace(at_full, options=options, narrow=narrow).open().read(page)
    assert line.text == text


def test_a_detector_may_ask_for_fewer_boxes() -> None:
    page = np.zeros((96, 96, 3), np.uint8)
    for row in (8, 36, 64):
        page[row : row + 16, 20:76] = 255
    assert len(spec(96, 96).open().read(page)[0]) == 3
    found, _ = dataclasses.replace(spec(96, 96), most_boxes=2).open().read(page)
    assert max(line.corners[:, 1].max() for line in found) < 64, "the first ones from the top"
    assert len(found) == 2
