"""Pages that the project draws: the same for the same seed, with ink where the boxes are."""

import random
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrm55 import resources
from ocrm55.errors import InputError
from ocrm55.evaluation.page_labels import load_pages
from ocrm55.training import draw_pages, fonts, page_canvas
from ocrm55.training.page_looks import LOOKS, draw_page

FOLDER = Path("/usr/share/fonts/truetype")
pytestmark = pytest.mark.skipif(not any(FOLDER.rglob("*.ttf")), reason="no TrueType fonts on this machine")


@pytest.fixture(scope="module")
def some_fonts() -> list[fonts.Font]:
    found = (font for path in sorted(FOLDER.rglob("*.ttf"))[:30] if (font := fonts.examine(path)))
    return list(found) or pytest.skip("no usable font on this machine")


@pytest.mark.parametrize("look", LOOKS)
def test_a_page_is_the_same_for_the_same_seed(look: str, some_fonts: list[fonts.Font]) -> None:
    first, again, other = (draw_page(random.Random(seed), some_fonts, look, 240, 320) for seed in (1, 1, 2))
    assert first.pixels.shape == (320, 240, 3)
    assert first.pixels.dtype == np.uint8
    assert np.array_equal(first.pixels, again.pixels)
    assert [line.text for line in first.lines] == [line.text for line in again.lines]
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("look", LOOKS)
def test_boxes_stand_where_the_ink_is(look: str, some_fonts: list[fonts.Font]) -> None:
    lines = 0
    for seed in range(4):
        page = draw_page(random.Random(seed), some_fonts, look, 360, 480)
        for line in (line for line in page.lines if line.known):
            lines += 1
            (left, top), (right, bottom) = line.corners.min(0).astype(int), line.corners.max(0).astype(int)
            assert 0 <= left < right <= 360
            assert 0 <= top < bottom <= 480
            inside = page.pixels[top : bottom + 1, left : right + 1].astype(float).mean(2)
            # Letters are steep edges: a box beside its line would hold paper alone.
            assert np.ptp(inside) > 8, f"{look} {seed}: nothing in the box of {line.text!r}"
            assert line.height >= page_canvas.ILLEGIBLE
    assert lines > 8


def test_a_box_is_as_tight_as_its_ink() -> None:
    sheet = page_canvas.blank(200, 60, (255, 255, 255))
    path = str(next(iter(sorted(FOLDER.rglob("DejaVuSans.ttf"))), next(FOLDER.rglob("*.ttf"))))
    sheet.write("Hxg", (20, 10), path, 24, (0, 0, 0))
    dark = np.argwhere(np.asarray(sheet.image)[:, :, 0] < 128)
    (top, left), (bottom, right) = dark.min(0), dark.max(0) + 1
    box = sheet.lines[0].corners
    np.testing.assert_allclose(box.min(0), (left, top), atol=5)  # of 48 pixels of the sheet's font
    np.testing.assert_allclose(box.max(0), (right, bottom), atol=5)


def test_lines_that_are_cut_off_or_tiny_do_not_count() -> None:
    sheet = page_canvas.blank(100, 50, (255, 255, 255))
    square = np.array([(0, 0), (40, 0), (40, 20), (0, 20)], np.float32)
    sheet.lines = [page_canvas.Line(square * scale + move, text) for text, scale, move in
                   (("whole", 1, 10), ("cut", 1, -10), ("gone", 1, 300), ("tiny", 0.4, 10))]  # fmt: skip
    page = page_canvas.photographed(random.Random(1), sheet, 0.0)
    assert [line.text for line in page.lines] == ["whole", "###", "###"]


def test_a_set_of_pages_is_one_that_eval_reads(tmp_path: Path) -> None:
    lines = draw_pages.draw_pages(tmp_path / "drawn", 4, longest=320, fonts=(FOLDER,))
    pages = load_pages(tmp_path / "drawn")
    assert len(pages) == 4
    assert sum(len(page.lines) for page in pages) == lines
    assert max(Image.open(pages[0].path).size) == 320
    with pytest.raises(InputError, match="of 20 pixels is not drawn"):
        draw_pages.draw_pages(tmp_path / "small", 4, longest=20)


def test_the_bundled_calibration_pages_are_small_and_of_all_looks() -> None:
    pictures = sorted((resources.folder("models") / "calibration_pages").glob("*.jpg"))
    assert len(pictures) == 24
    assert sum(path.stat().st_size for path in pictures) < 600_000
    assert {Image.open(path).mode for path in pictures} == {"L", "RGB"}


@pytest.mark.slow
def test_a_command_draws_the_calibration_pages(tmp_path: Path) -> None:
    bundled = resources.folder("models") / "calibration_pages"
    runpy.run_path(str(bundled / "make_calibration_pages.py"))["main"](tmp_path)
    # Fonts differ between machines, so pictures do; sizes come from the seed alone.
    sizes = [{path.name: Image.open(path).size for path in at.glob("*.jpg")} for at in (bundled, tmp_path)]
    assert len(sizes[0]) == 24
    assert sizes[0] == sizes[1]
