"""Shares of equal texts, and what is printed of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrm55.evaluation.agreement import Agreement, PictureTexts, show


def reading(integers: str, onnx: str, real: str = "word", label: str = "word") -> PictureTexts:
    return PictureTexts(Path("a.png"), label, integers, onnx, real)


FOUND = Agreement([reading("word", "word"), reading("w0rd", "word"), reading("w0rd", "w0rd")], on_target=2)


def test_shares_are_of_all_pictures() -> None:
    assert FOUND.share(lambda r: r.integers == r.onnx) == (2, 2 / 3)
    assert FOUND.share(lambda r: r.integers == r.label) == (1, 1 / 3)


def test_what_is_read_differently_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show(FOUND)
    printed = capsys.readouterr().out
    assert "2 of 3" in printed and "66.7 %" in printed
    assert "a.png" in printed
    assert "2 of 2 run on the target" in printed


def test_nothing_is_said_of_a_target_that_did_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    show(Agreement([reading("word", "word")], on_target=0))
    assert "target: bit" not in capsys.readouterr().out
