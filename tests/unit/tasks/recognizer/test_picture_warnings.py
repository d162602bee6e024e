"""Warnings about pictures: of bad ones, and of no good one."""

import numpy as np
import pytest

from ocrm55 import resources
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import picture_warnings as warnings

SAMPLES = sorted((resources.folder("models") / "samples").glob("*.png"))
WORD = read_image(next(path for path in SAMPLES if path.name == "word_capital.png"))


def kinds(pixels: np.ndarray, sure: float = 0.0, width: int = 320) -> list[str]:
    return [each.kind for each in warnings.of_picture(pixels, sure, 48, width)]


def below(*pictures: np.ndarray) -> np.ndarray:
    width = max(each.shape[1] for each in pictures)
    rows = [np.pad(each, ((2, 2), (0, width - each.shape[1]), (0, 0)), mode="edge") for each in pictures]
    return np.concatenate(rows)


def test_no_good_picture_is_warned_of() -> None:
    found = {path.name: kinds(read_image(path), 0.9) for path in SAMPLES}
    assert {name: warned for name, warned in found.items() if warned} == {
        "blank.png": ["blank"],
        "wide.png": ["squeezed"],
    }


def test_no_sample_looks_like_several_lines() -> None:
    assert all(warnings.lines(read_image(path)) < 2 for path in SAMPLES)


def test_no_sample_has_a_gap() -> None:
    assert not any(warnings.of_gap(read_image(path), "read") for path in SAMPLES)


def test_a_squeezed_line_says_by_how_much() -> None:
    (found,) = warnings.of_picture(np.tile(WORD, (1, 4, 1)), 0.9, 48, 320)
    assert found.kind == "squeezed"
    assert f"{4 * 48 * WORD.shape[1] / WORD.shape[0] / 320:.2f} times" in found.sentence


@pytest.mark.parametrize("light", [False, True])
def test_a_wide_gap_without_a_space_is_warned_of(light: bool) -> None:
    picture = np.full((48, 320, 3), 255, np.uint8)
    picture[10:38, 10:30] = picture[10:38, 250:270] = 0
    picture = 255 - picture if light else picture
    (warning,) = warnings.of_gap(picture, "AB")
    assert warning.kind == "gap" and "a gap is 7." in warning.sentence
    assert not warnings.of_gap(picture, "A B") and not warnings.of_gap(picture, "")
    near = np.full((48, 320, 3), 255, np.uint8)
    near[10:38, 10:30] = near[10:38, 60:80] = 0
    assert not warnings.of_gap(near, "AB")


def test_small_pictures_and_several_lines_are_warned_of_only_in_doubt() -> None:
    assert kinds(WORD[::5, ::5]) == ["small"]
    assert kinds(WORD[::5, ::5], sure=0.9) == []
    two = below(WORD, WORD)
    assert kinds(two) == ["lines"]
    assert kinds(two, sure=0.9) == []


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_picture(grey: int) -> None:
    noise = np.random.default_rng(1).integers(-3, 4, (48, 200, 3))
    assert kinds(np.clip(grey + noise, 0, 255).astype(np.uint8)) == ["blank"]


def test_which_pictures_are_read_again() -> None:
    tall = np.rot90(WORD)
    assert warnings.ways_to_turn(WORD, 0.9) == []
    assert warnings.ways_to_turn(WORD, 0.1) == [2]
    assert warnings.ways_to_turn(tall, 0.1) == [1, 2, 3]
    assert warnings.ways_to_turn(np.full((48, 48, 3), 9, np.uint8), 0.1) == []


def test_a_turned_picture_says_which_way() -> None:
    assert np.array_equal(warnings.turned(np.rot90(WORD, -1), 1), WORD)  # a quarter clockwise, and back
    (found,) = warnings.of_turns({1: ("Cambridge", 0.99), 2: ("x", 0.95), 3: ("", 0.2)})
    assert found.kind == "turned"
    assert found.sentence.endswith("by 90 degrees clockwise")
    assert warnings.of_turns({2: ("Cambridge", 0.5)}) == []
    assert warnings.of_turns({2: ("I", 0.99)}) == []
    assert warnings.of_turns({}) == []
