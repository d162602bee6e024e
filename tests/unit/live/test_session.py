"""One line at a time: which texts of a region are said, with an allow list, a pattern and a threshold."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ocrm55.errors import InputError
from ocrm55.live.session import Session, settings_of
from ocrm55.tasks.page.boxes import Box

LABELS = ("", *"0123456789.ab")
REGION = [0.25, 0.5, 0.5, 0.25]


class Reader:
    """An engine that reads these texts in turn, and keeps the regions that it was asked for."""

    def __init__(self, *texts: tuple[str, float]) -> None:
        self.texts, self.regions = list(texts), []  # type: ignore[var-annotated]

    def line(self, pixels: np.ndarray, region: Any) -> tuple[str, float, Box]:
        self.regions.append(region)
        return *self.texts.pop(0), Box(((0, 0), (256, 0), (256, 256), (0, 256)))


def said(texts: list[tuple[str, float]], **settings: Any) -> list[str]:
    """What is said, frame after frame."""
    engine: Any = Reader(*texts)
    session = Session(engine, LABELS, 40)
    session.change(settings_of({"region": REGION, **settings}))
    found = [session.step(blank())["said"] for _ in texts]
    assert engine.regions == [tuple(REGION)] * len(texts)
    return found


def blank() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 32), "white").save(file, "PNG")
    return file.getvalue()


def test_a_text_is_said_once_when_it_was_the_same_three_times() -> None:
    texts = [("12", 0.9), ("12", 0.9), ("13", 0.9), ("12", 0.9), ("12", 0.9), ("12", 0.9), ("12", 0.9)]
    assert said(texts) == ["", "", "", "", "", "12", ""]


@pytest.mark.parametrize(
    ("settings", "text", "is_said"),
    [
        ({}, "12.a", True),
        ({"allow": "0-9."}, "12.a", False),
        ({"allow": "0-9."}, "12.5", True),
        ({"pattern": r"\d{2}\.\d"}, "12.5", True),
        ({"pattern": r"\d{2}\.\d"}, "12.55", False),
        ({"pattern": r"\d{2}\.\d", "allow": "0-4."}, "12.5", False),
        ({"allow": "0-9."}, "", False),
    ],
)
def test_only_texts_that_fit_are_said(settings: dict[str, str], text: str, is_said: bool) -> None:
    found = said([(text, 0.95)] * 4, **settings)
    assert any(found) == is_said
    assert set(found) <= {text, ""}


@pytest.mark.parametrize(("score", "is_said"), [(0.69, False), (0.7, True)])
def test_a_text_below_the_threshold_is_not_said(score: float, is_said: bool) -> None:
    assert any(said([("12", score)] * 4, threshold=0.7)) == is_said


def test_a_pattern_that_is_none_is_a_sentence_and_the_old_one_stays() -> None:
    engine: Any = Reader(*[("12", 0.9)] * 3)
    session = Session(engine, LABELS, 40)
    session.change(settings_of({"region": REGION, "pattern": r"\d\d"}))
    with pytest.raises(InputError):
        session.change(settings_of({"region": REGION, "pattern": "("}))
    assert [session.step(blank())["said"] for _ in range(3)] == ["", "", "12"]
