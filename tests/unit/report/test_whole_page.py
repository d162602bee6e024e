"""The report of whole pages: which boxes it shows, and that what strangers wrote is text in it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocrm55.page.read import Picture, picture_of
from ocrm55.report import whole_page
from ocrm55.report.whole_page import LineCard
from ocrm55.simulators.base import Run
from ocrm55.simulators.page_protocol import BoxResult, Detector, PageResult
from ocrm55.simulators.protocol import Identity

CORNERS = ((256, 256), (4096, 256), (4096, 1024), (256, 1024))
SCRIPT = "<script>alert('é')</script>"


class Placed:
    class placement:  # noqa: N801
        words = "one arena"


class Host:
    size = (32, 32)

    def __init__(self, _: object) -> None:
        pass


def shown(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, upside_down: bool = False) -> str:
    """The report of a page of so many boxes, of which each says its number and SCRIPT."""
    monkeypatch.setattr(whole_page, "Host", Host)
    monkeypatch.setattr(whole_page.page_statistics, "memory", lambda *_: [])
    monkeypatch.setattr(
        whole_page, "_line", lambda _, __, said, number: LineCard(number, said.text, "0.9", "0.8", 1, [])
    )
    path = tmp_path / "<b>&.png"
    pixels = np.full((24, 30, 3), 255, np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    boxes = [BoxResult(CORNERS, 0.8, at, 0, 1, f"{at} {SCRIPT}", 0.9) for at in range(count)]
    page = PageResult(30, 24, "gray8", boxes, notes=[SCRIPT], reversed=upside_down)
    run = Run(
        "",
        0,
        [],
        identity=Identity("0.1.0", "rec", "int8", (1, 3, 48, 320), 16),
        detector=Detector("det", "int8", 32, 32, 16),
        pages=[page],
        maps=bytes(32 * 32),
    )
    pictures: list[Picture] = [picture_of(path, pixels)]
    whole_page.write(Placed(), [(pictures, run)], tmp_path / "out.html")  # type: ignore[arg-type]
    return (tmp_path / "out.html").read_text(encoding="utf-8")


def test_what_strangers_wrote_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(2, tmp_path, monkeypatch)
    assert "<script" not in text and "<b>&.png" not in text
    assert text.count("&lt;script&gt;alert(&#39;é&#39;)&lt;/script&gt;") == 3, "two boxes and a note"
    assert "Here are the first" not in text


@pytest.mark.parametrize("upside_down", [False, True])
def test_of_many_boxes_the_first_ones_to_read_are_shown(
    upside_down: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(whole_page.MOST_CARDS + 5, tmp_path, monkeypatch, upside_down=upside_down)
    assert "Here are the first 60 of 65 boxes." in text
    numbers = [int(part.split(",")[0]) for part in text.split('<p class="soft">box ')[1:]]
    assert numbers == (list(range(65, 5, -1)) if upside_down else list(range(1, 61)))
