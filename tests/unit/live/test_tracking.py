"""Lines from frame to frame: what stays is not read again, what changes is, and what leaves is said."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from ocrm55.live.steady import Steady
from ocrm55.live.tracking import Tracker
from ocrm55.tasks.page.boxes import Box


def picture(text: str, left: int = 40, noise: int = 0) -> np.ndarray:
    page = np.full((120, 400, 3), 220, np.uint8)
    cv2.putText(page, text, (left, 70), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (20, 20, 20), 2, cv2.LINE_AA)
    grain = np.random.default_rng(noise).normal(0, 4, page.shape) if noise else 0
    return np.clip(page + grain, 0, 255).astype(np.uint8)


def box(left: int = 36, width: int = 150) -> Box:
    edges = (left * 256, 40 * 256, (left + width) * 256, 78 * 256)
    return Box(((edges[0], edges[1]), (edges[2], edges[1]), (edges[2], edges[3]), (edges[0], edges[3])))


def reader(*texts: str) -> tuple[Callable[[Box, bool], tuple[str, float, bool]], list[Box]]:
    """Something that reads these texts in turn, and what it was asked."""
    asked: list[Box] = []
    left = list(texts)

    def read(found: Box, _: bool) -> tuple[str, float, bool]:
        asked.append(found)
        return left.pop(0), 0.9, False

    return read, asked


def test_a_still_scene_costs_one_reading() -> None:
    tracker, (read, asked) = Tracker(), reader("12345")
    for noise in range(1, 8):
        step = tracker.step([box()], picture("12345", noise=noise), read)
    assert len(asked) == 1
    assert [track.text for track in step.tracks] == ["12345"]
    assert not (step.came or step.changed or step.left)


def test_another_digit_is_read() -> None:
    tracker, (read, asked) = Tracker(), reader("12345", "12347")
    tracker.step([box()], picture("12345"), read)
    step = tracker.step([box()], picture("12347"), read)
    assert len(asked) == 2
    assert step.changed == [1]
    assert step.tracks[0].text == "12347"


@pytest.mark.parametrize(("longer", "more"), [("1234.", 12), ("12345", 22), ("123", -22)])
def test_a_line_that_grows_or_shrinks_is_read(longer: str, more: int) -> None:
    """What was there before looks as it did: the box alone tells."""
    tracker, (read, asked) = Tracker(), reader("1234", longer)
    tracker.step([box(width=100)], picture("1234"), read)
    step = tracker.step([box(width=100 + more)], picture(longer), read)
    assert len(asked) == 2
    assert [track.text for track in step.tracks] == [longer]


def trembling(chance: np.random.Generator) -> Box:
    """The box of a line that stays: each edge by up to two pixels elsewhere, as detections have it."""
    left, top, right, bottom = (256 * each for each in np.array([36, 40, 186, 78]) + chance.uniform(-2, 2, 4))
    return Box(tuple((round(x), round(y)) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(40))
def test_a_box_that_trembles_is_not_read_again_and_one_other_digit_is(seed: int) -> None:
    chance = np.random.default_rng(seed)
    digits = [str(each) for each in chance.integers(0, 10, 5)]
    place = int(chance.integers(5))
    others = [*digits[:place], str((int(digits[place]) + int(chance.integers(1, 10))) % 10), *digits[place + 1 :]]
    tracker, (read, asked) = Tracker(), reader("before", "after")
    for number in range(4):
        tracker.step([trembling(chance)], picture("".join(digits), noise=100 * seed + number + 1), read)
    assert len(asked) == 1
    step = tracker.step([trembling(chance)], picture("".join(others), noise=seed + 9999), read)
    assert [track.text for track in step.tracks] == ["after"], (digits, others)


@pytest.mark.parametrize("stride", [3, 60])
def test_a_line_that_moves_keeps_its_number_and_text(stride: int) -> None:
    tracker, (read, asked) = Tracker(), reader("12345")
    for place in (0, 1, 2, 3):
        step = tracker.step([box(36 + stride * place)], picture("12345", 40 + stride * place), read)
    assert len(asked) == 1
    assert [track.number for track in step.tracks] == [1]


def test_a_line_that_leaves_is_gone_at_once_and_said_after_two_frames() -> None:
    tracker, (read, _) = Tracker(), reader("12345")
    tracker.step([box()], picture("12345"), read)
    first, second = (tracker.step([], picture(""), read) for _ in range(2))
    assert not first.tracks
    assert not first.left
    assert second.left == [1]


def test_a_line_that_is_missed_once_keeps_its_text() -> None:
    tracker, (read, asked) = Tracker(), reader("12345")
    tracker.step([box()], picture("12345"), read)
    tracker.step([], picture(""), read)
    assert tracker.step([box()], picture("12345"), read).tracks[0].text == "12345"
    assert len(asked) == 1


def test_a_steady_text_is_said_once() -> None:
    steady = Steady(0.8)
    said = [steady.take(text, score, True) for text, score in [("a", 0.9)] * 5 + [("a", 0.5)] + [("b", 0.9)] * 4]
    assert said == ["", "", "a", "", "", "", "", "", "b", ""]


def test_a_text_that_does_not_fit_is_never_said() -> None:
    steady = Steady(0.8)
    assert not any(steady.take("a", 0.9, False) for _ in range(5))
