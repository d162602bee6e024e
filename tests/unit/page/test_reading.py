"""What was read of a page: corners in pixels of the picture, and text in reading order."""

from dataclasses import replace
from pathlib import Path

import pytest

from ocrm55.page.reading import of_result
from ocrm55.simulators.page_protocol import BoxResult, PageResult


def box(text: str, line: int, left: int = 0, top: int = 0) -> BoxResult:
    """A box of 100 x 20 pixels."""
    xs, ys = (left, left + 100), (top, top + 20)
    corners = [(256 * x, 256 * y) for x, y in ((xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1]))]
    return BoxResult((corners[0], corners[1], corners[2], corners[3]), 0.9, line, 0, 1, text, 0.75)


RESULT = PageResult(400, 300, "gray8", [box("a", 0), box("b", 0, 200), box("", 1), box("c", 2), box("d", 2)])


def test_boxes_side_by_side_are_one_line_of_text() -> None:
    assert of_result(Path("p.png"), 400, 300, RESULT).text == "a  b\nc  d"


def test_a_page_upside_down_is_read_from_its_end() -> None:
    turned = PageResult(400, 300, "gray8", RESULT.boxes, reversed=True)
    assert of_result(Path("p.png"), 400, 300, turned).text == "d  c\nb  a"


def test_corners_are_the_pictures_although_the_frame_was_smaller() -> None:
    """A pixel's middle is 0 for the firmware and 0.5 here: edges of picture and frame then fall together."""
    page = of_result(Path("p.png"), 800, 900, RESULT)
    assert page.lines[1].corners[0] == pytest.approx((200.5 * 2, 0.5 * 3))
    edge = PageResult(400, 300, "gray8", [box("x", 0, left=-1)])
    edge.boxes[0] = BoxResult(((-128, -128),) * 4, 0.9, 0, 0, 1, "x", 0.75)
    assert of_result(Path("p.png"), 800, 900, edge).lines[0].corners[0] == (0, 0)


def test_nothing_found_is_an_empty_text() -> None:
    page = of_result(Path("p.png"), 400, 300, PageResult(400, 300, "gray8"))
    assert (page.text, list(page.rows), page.values["lines"]) == ("", [], [])


def test_unlikely_texts_are_rejected() -> None:
    boxes = [
        replace(box(text, i), right=right) for i, (text, right) in enumerate((("a", 0.9), ("b", 0.2), ("c", None)))
    ]
    page = of_result(Path("p.png"), 400, 300, PageResult(400, 300, "gray8", boxes))
    assert page.without(0.9).text == "a\nc"
    assert page.without(None).text == "a\nb\nc"
    assert [line["rejected"] for line in page.values_with(0.5)["lines"]] == [False, True, False]
    assert [line.get("right") for line in page.values_with(None)["lines"]] == [0.9, 0.2, None]
    assert "rejected" not in page.values_with(None)["lines"][0]


def test_values_say_everything_for_json() -> None:
    values = of_result(Path("p.png"), 400, 300, RESULT).values
    assert values["page"] == "p.png"
    assert [line["text"] for line in values["lines"]] == ["a", "b", "", "c", "d"]
    assert values["lines"][0]["corners"] == [[0.5, 0.5], [100.5, 0.5], [100.5, 20.5], [0.5, 20.5]]
