"""Figures of pages: areas against shapely, ICDAR's rules derived again from its description, texts by hand."""

import random

import numpy as np
import pytest

from ocrm55.evaluation import page_metrics
from ocrm55.evaluation.page_labels import UNKNOWN, Line
from ocrm55.evaluation.page_metrics import Found, PageReading

shapely = pytest.importorskip("shapely")


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def turned(rng: random.Random) -> np.ndarray:
    """A convex quadrangle somewhere in 0 .. 100: a rectangle, turned and sheared; in either direction."""
    width, height, angle = rng.uniform(3, 60), rng.uniform(2, 25), rng.uniform(0, 2 * np.pi)
    shape = rectangle(0, 0, width, height) @ np.array([[1, rng.uniform(-0.3, 0.3)], [rng.uniform(-0.3, 0.3), 1]])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = shape @ turn + [rng.uniform(0, 100), rng.uniform(0, 100)]
    return (corners[::-1] if rng.random() < 0.3 else corners).astype(np.float32)


def test_areas_are_those_of_shapely() -> None:
    rng = random.Random(1)
    touching = 0
    for _ in range(1500):
        one, other = turned(rng), turned(rng)
        wanted = shapely.Polygon(one).intersection(shapely.Polygon(other)).area
        inside = page_metrics.common(one, other)
        found = page_metrics.area(inside) if len(inside) > 2 else 0.0
        assert found == pytest.approx(wanted, abs=1e-3)
        assert page_metrics.area(one) == pytest.approx(shapely.Polygon(one).area, rel=1e-5)
        touching += wanted > 0
    assert touching > 100


def icdar(lines: list[np.ndarray], known: list[bool], boxes: list[np.ndarray]) -> tuple[int, int, int]:
    """(matches, lines that count, boxes that count), as ICDAR 2015 describes it: task 1, one to one."""
    truth, given = [shapely.Polygon(line) for line in lines], [shapely.Polygon(box) for box in boxes]
    ignored = {
        j
        for j, box in enumerate(given)
        if any(
            not counts and line.intersection(box).area / box.area > 0.5
            for line, counts in zip(truth, known, strict=True)
        )
    }
    line_free, box_free = [True] * len(truth), [True] * len(given)
    matches = 0
    for i, line in enumerate(truth):
        for j, box in enumerate(given):
            if line_free[i] and box_free[j] and known[i] and j not in ignored:
                shared = line.intersection(box).area
                if shared / (line.area + box.area - shared) > 0.5:
                    line_free[i] = box_free[j] = False
                    matches += 1
    return matches, sum(known), len(given) - len(ignored)


def test_pages_by_chance_are_judged_as_icdar_does() -> None:
    rng = random.Random(2)
    matched = ignored = 0
    for _ in range(60):
        lines = [turned(rng) for _ in range(rng.randint(0, 12))]
        known = [rng.random() < 0.7 for _ in lines]
        moved = [line + rng.uniform(-4, 4) for line in lines for _ in range(rng.randint(0, 2))]
        boxes = [*moved, *(turned(rng) for _ in range(rng.randint(0, 4)))]
        rng.shuffle(boxes)
        judged = page_metrics.judge(lines, known, boxes)
        wanted = icdar(lines, known, boxes)
        assert (len(judged.pairs), sum(known), len(judged.counted)) == wanted
        matched += wanted[0]
        ignored += len(boxes) - wanted[2]
    assert matched > 50
    assert ignored > 20


def reading(
    lines: list[tuple[np.ndarray, str]], found: list[tuple[np.ndarray, str]], scale: float = 1.0
) -> PageReading:
    return PageReading(
        "page", tuple(Line(*line) for line in lines), tuple(Found(box, text, 0.9) for box, text in found), scale
    )


def test_lines_boxes_and_texts_are_counted() -> None:
    lines = [(rectangle(0, 0, 100, 10), "Total 5.00"), (rectangle(0, 20, 100, 30), "Exact"),
             (rectangle(0, 40, 100, 50), UNKNOWN), (rectangle(0, 60, 100, 70), "lost")]  # fmt: skip
    found = [(rectangle(0, 0, 98, 11), "TOTAL 500"), (rectangle(0, 19, 100, 30), "Exact"),
             (rectangle(0, 40, 60, 50), "whatever"), (rectangle(0, 80, 60, 90), "noise")]  # fmt: skip
    scores = page_metrics.score([reading(lines, found)])
    assert (scores.recall.right, scores.recall.count) == (2, 3)
    assert (scores.precision.right, scores.precision.count) == (2, 3)
    assert scores.hmean == pytest.approx(2 / 3)
    assert (scores.exact.right, scores.alphanumeric.right, scores.covered.right) == (1, 2, 2)
    assert (scores.words.right, scores.words.count) == (3, 4)


def test_a_line_in_two_boxes_is_not_found_but_its_words_are_read() -> None:
    scores = page_metrics.score(
        [
            reading(
                [(rectangle(0, 0, 100, 10), "one two two")],
                [(rectangle(0, 0, 45, 10), "One"), (rectangle(52, 0, 100, 10), "two")],
            )
        ]
    )
    assert scores.recall.right == 0
    assert (scores.words.right, scores.words.count) == (2, 3), "a word that is said once is read once"


def test_heights_are_those_in_the_detectors_input() -> None:
    lines = [(rectangle(0, 20 * i, 90, 20 * i + height), "a") for i, height in enumerate((8, 14, 18))]
    scores = page_metrics.score([reading(lines, [(lines[1][0], "A")], scale=0.5)])
    assert {name: (share.right, share.count) for name, share in scores.found_by_height.items()} == {
        "under 6": (0, 1), "6-8": (1, 1), "8-10": (0, 1)}  # fmt: skip
    assert page_metrics.height_class(24) == "24 and more"
    assert page_metrics.height_class(23.9) == "16-24"


def test_nothing_found_and_nothing_to_find() -> None:
    assert page_metrics.score([]).hmean == 0
    assert page_metrics.score([reading([], [])]).recall.count == 0
    nothing = page_metrics.score([reading([(rectangle(0, 0, 9, 9), "a")], [])])
    assert (nothing.recall.count, nothing.precision.count) == (1, 0)
    point = page_metrics.score([reading([(np.zeros((4, 2), np.float32), "a")], [(np.zeros((4, 2), np.float32), "a")])])
    assert point.recall.right == point.covered.right == 0
