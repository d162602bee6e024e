"""The picture of what was read: boxes where they are, texts beside them, colours by score."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrm55.page import draw
from ocrm55.page.reading import Line, Page

SIZE = (400, 300)


def page(*lines: Line) -> Page:
    return Page(Path("p.png"), *SIZE, lines)


def line(corners: list[tuple[float, float]], text: str = "Hello", score: float = 1.0) -> Line:
    return Line(tuple(corners), text, score, 0.9, 0, 0)


BOX = [(50.0, 100.0), (150.0, 100.0), (150.0, 140.0), (50.0, 140.0)]


def drawn(*lines: Line) -> np.ndarray:
    return np.asarray(draw.draw(page(*lines), np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)))


def test_page_and_text_stand_side_by_side() -> None:
    picture = drawn(line(BOX))
    right = picture[: SIZE[1], SIZE[0] + 12 :]
    assert right.shape == (SIZE[1], SIZE[0], 3)
    inked = np.argwhere((right.astype(int).sum(axis=2)) < 300)  # the text, not the pale outline
    assert len(inked) > 100
    assert inked[:, 0].min() >= 100 and inked[:, 0].max() <= 140
    assert inked[:, 1].min() >= 50 and inked[:, 1].max() <= 150


@pytest.mark.parametrize("turn", range(4))
def test_a_turned_text_stays_in_its_box(turn: int) -> None:
    tall = [(50.0, 50.0), (90.0, 50.0), (90.0, 200.0), (50.0, 200.0)]
    right = drawn(line(tall[turn:] + tall[:turn], "turned text"))[: SIZE[1], SIZE[0] + 12 :]
    inked = np.argwhere((right.astype(int).sum(axis=2)) < 300)
    assert len(inked) > 100
    assert inked[:, 0].min() >= 49 and inked[:, 0].max() <= 201
    assert inked[:, 1].min() >= 49 and inked[:, 1].max() <= 91


def test_colours_tell_scores_apart() -> None:
    sure, middling, unsure = (np.array(draw.colour_of(score)) for score in (1.0, 0.8, 0.5))
    assert np.abs(sure - unsure).max() > 100 and np.abs(sure - middling).max() > 100
    assert draw.colour_of(float("nan")) == draw.colour_of(0.0) == draw.colour_of(-1.0)
    outline = drawn(line(BOX, score=0.5))[100, 60]
    assert np.abs(outline.astype(int) - unsure).max() < 40


def test_odd_boxes_do_no_harm() -> None:
    flat, outside = [(10.0, 10.0)] * 4, [(-500.0, -500.0), (9000.0, -500.0), (9000.0, 9000.0), (-500.0, 9000.0)]
    beside = [(500.0, 400.0), (600.0, 400.0), (600.0, 440.0), (500.0, 440.0)]
    for corners in (flat, outside, beside):
        assert drawn(line(corners)).shape[2] == 3
    assert drawn(line(BOX, "")).shape[2] == 3
    assert drawn().shape[2] == 3


def test_small_print_is_drawn_larger_and_a_big_page_smaller() -> None:
    small = [(50.0, 100.0), (80.0, 100.0), (80.0, 108.0), (50.0, 108.0)]
    assert drawn(line(small)).shape[1] > 2 * drawn(line(BOX)).shape[1]
    big = Page(Path("p.png"), 4000, 3000, [line([(10 * x, 10 * y) for x, y in BOX])])
    assert draw.draw(big, np.full((3000, 4000, 3), 255, np.uint8)).size[0] == 2 * 2000 + 12


def test_the_file_is_a_png(tmp_path: Path) -> None:
    Image.new("RGB", SIZE, "white").save(tmp_path / "p.png")
    draw.write(Page(tmp_path / "p.png", *SIZE, [line(BOX)]), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.format == "PNG"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "p.png"]


@pytest.mark.parametrize("count", [400, 100_000])
def test_a_text_of_any_length_stays_in_its_box(count: int) -> None:
    """A label may be a whole text; the picture must not cost a reading that took minutes."""
    high = [(5.0, 20.0), (395.0, 20.0), (395.0, 280.0), (5.0, 280.0)]
    right = drawn(line(high, "W" * count))[: SIZE[1], SIZE[0] + 12 :]
    inked = np.argwhere((right.astype(int).sum(axis=2)) < 600)
    assert len(inked) > 100
    assert inked[:, 0].min() >= 19 and inked[:, 0].max() <= 281
    assert inked[:, 1].min() >= 4 and inked[:, 1].max() <= 396
