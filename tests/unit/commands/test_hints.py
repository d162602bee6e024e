"""Warnings beside what is read: which pictures are read again, how they are said, and `--strict`."""

from pathlib import Path

import numpy as np
import pytest

from ocrm55 import resources
from ocrm55.commands import hints
from ocrm55.errors import StrictError
from ocrm55.pictures import read_image
from ocrm55.simulators.protocol import ImageResult
from ocrm55.tasks.recognizer.confidence import Confidence

WORD = read_image(resources.folder("models") / "samples" / "word_capital.png")
IMAGES = [Path("a.png"), Path("b.png")]


def result(text: str, right: float) -> ImageResult:
    return ImageResult(text, 0.9, confidence=Confidence((), 0.9, 0.9, 0.9, 0.9, right))


def test_only_a_picture_in_doubt_is_read_again() -> None:
    given = []

    def read(turned: list[np.ndarray]) -> list[ImageResult]:
        given.extend(turned)
        return [result("Cambridge", 0.99)]

    found = hints.find([WORD, np.rot90(WORD, 2)], [result("Cambridge", 0.99), result("x", 0.1)], (48, 320), read)
    assert [[each.kind for each in warnings] for warnings in found] == [[], ["turned"]]
    assert len(given) == 1
    assert np.array_equal(given[0], WORD)
    assert hints.values(found[1])[0]["kind"] == "turned"
    with pytest.raises(StrictError, match=r"b\.png: the picture seems to be turned by 180 degrees"):
        hints.check(IMAGES, found)


def test_good_pictures_are_not_read_again_and_pass_strictly() -> None:
    def read(turned: list[np.ndarray]) -> list[ImageResult]:
        raise AssertionError(turned)

    found = hints.find([WORD], [result("Cambridge", 0.99)], (48, 320), read)
    hints.check(IMAGES[:1], found)


def test_a_score_stands_in_where_nothing_else_is_known() -> None:
    assert hints.sureness(ImageResult("a", 0.7)) == 0.7


def test_each_warning_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = hints.find([np.full((48, 48, 3), 9, np.uint8)], [ImageResult("", 0.0)], (48, 320), lambda turned: [])
    hints.show([Path("a\nb.png")], found)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["warning: a\\nb.png: the picture is nearly blank: check what was cut out"]
