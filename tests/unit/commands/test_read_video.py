"""`ocrm55 read --video`: what it refuses before anything is built, and what it says of a video without text."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ocrm55 import cli
from ocrm55.commands import read_video
from ocrm55.page import program, read
from ocrm55.page.reading import Line, Page

CORNERS = ((20.0, 40.0), (90.0, 40.0), (90.0, 60.0), (20.0, 60.0))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A video of twenty frames, ten a second."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (160, 96))  # type: ignore[attr-defined]
    for number in range(20):
        writer.write(np.full((96, 160, 3), 10 * number, np.uint8))
    writer.release()
    return path


def refused(*words: object) -> str:
    """What the command says; it must fail, with the exit status of bad input, and build nothing."""
    done = CliRunner().invoke(cli.app, ["read", *map(str, words)])
    assert done.exit_code == 3
    return " ".join(done.output.split())


def test_what_cannot_be_read_is_a_sentence(film: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(tmp_path / "a.png")
    build = ["--build-dir", tmp_path / "build"]
    assert "is a picture and no video" in refused("--video", tmp_path / "a.png", *build)
    assert "there is no video" in refused("--video", tmp_path / "none.mp4", *build)
    assert "no name of an MP4 or AVI" in refused("--video", film, "--draw", tmp_path / "b.png", *build)
    assert "would be written over" in refused("--video", film, "--draw", film, *build)
    assert not (tmp_path / "build").exists()
    assert film.stat().st_size > 0


@pytest.mark.parametrize(("text", "score"), [("12345", 0.9), ("", 0.9), ("1", math.nan)])
def test_each_frame_has_its_lines(
    text: str, score: float, film: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pages(pictures: Any) -> list[Page]:
        return [Page(each.path, 160, 96, [Line(CORNERS, text, score, 0.9, 0, 0)]) for each in pictures]

    monkeypatch.setattr(program, "prepare", lambda options, native: None)
    monkeypatch.setattr(read, "run", lambda pictures, *_, **__: pictures)
    monkeypatch.setattr(read, "pages", pages)
    board: Any = type("Board", (), {"native": True})
    options: Any = None
    read_video.show(film, 7, options, board, as_json=True, draw=film.with_name("read.mp4"))
    said = capsys.readouterr()
    values = [json.loads(line) for line in said.out.splitlines()]
    assert [(value["frame"], value["seconds"], value["text"]) for value in values] == [
        (0, 0.0, text),
        (7, 0.7, text),
        (14, 1.4, text),
    ]
    assert [value["score"] for value in values] == [None if math.isnan(score) else score] * 3
    assert ("no text was found" in said.err) == (not text)
    assert film.with_name("read.mp4").stat().st_size > 0
