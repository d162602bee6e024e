"""Pictures to frames, and as many of them at a time as the board's memory holds."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ocrm55 import boards
from ocrm55.page import read
from ocrm55.page.program import Placement
from ocrm55.simulators.base import Request, Run
from ocrm55.simulators.page_protocol import PageResult


def save(path: Path, width: int, height: int) -> Path:
    Image.fromarray(np.full((height, width), 200, np.uint8)).save(path)
    return path


def test_a_large_picture_is_made_smaller_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path / "large.png", 8000, 6000)
    picture = read.load([path])[0]
    assert (picture.width, picture.height) == (8000, 6000)
    assert (picture.frame.width, picture.frame.height) == (4096, 3072)
    assert "it is read at 4096 x 3072" in capsys.readouterr().err


def test_a_thin_picture_keeps_a_pixel(tmp_path: Path) -> None:
    picture = read.load([save(tmp_path / "thin.png", 9000, 1)])[0]
    assert (picture.frame.width, picture.frame.height) == (4096, 1)


def test_a_picture_of_any_other_size_stays_as_it_is(tmp_path: Path) -> None:
    picture = read.load([save(tmp_path / "small.png", 1, 1)])[0]
    assert (picture.frame.width, picture.frame.height, picture.frame.format) == (1, 1, "gray8")


@dataclass
class Sim:
    """Answers for every frame that it is given."""

    name: str = "nobody"
    given: list[int] = field(default_factory=list)

    def version(self) -> str:
        return "1"

    def run(self, request: Request) -> Run:
        self.given.append(len(request.frames))
        return Run("", 0, [], pages=[PageResult(f.width, f.height, f.format) for f in request.frames])


def test_pages_are_handed_over_as_often_as_the_memory_is_full(tmp_path: Path) -> None:
    regions = dict(boards.find().memories.regions)
    small = replace(regions["DDR"], size=read.SCRATCH_ROOM + 25_000)
    chosen = {"arena": regions["DTCM"], "weights": regions["ISRAM"], "far_weights": regions["DDR"], "images": small}
    placement = Placement(1000, 1000, 0, chosen)
    recognizer = SimpleNamespace(folder=SimpleNamespace(locked=None))
    prepared: Any = SimpleNamespace(elf=Path("x"), placement=placement, options=SimpleNamespace(recognizer=recognizer))
    pictures = read.load([save(tmp_path / f"{number}.png", 100, 100) for number in range(5)])
    simulator: Any = Sim()
    runs = read.run(pictures, prepared, simulator)
    assert simulator.given == [2, 2, 1]
    assert [page.path for page in read.pages(runs)] == [picture.path for picture in pictures]
