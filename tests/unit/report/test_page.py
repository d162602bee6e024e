"""The page of `ocrm55 report`: whole, self-contained, and nothing from outside gets into its markup."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrm55.errors import InputError
from ocrm55.report import accuracy, page
from ocrm55.report.measurement import Measurement
from ocrm55.tasks.recognizer.confidence import Confidence
from tests.unit.report.tiny_network import COUNTS, PRECISIONS, estimate, measurement_of

CHARSET = ["", "a", "b", "<", "&"]
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Checker(HTMLParser):
    """Notes tags that are not closed in order, links, and what is seen as text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.seen: set[str] = set()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        for name, value in attrs:
            if name in ("href", "src", "xlink:href"):
                self.targets.append(value or "")
            if name == "id":
                self.ids.add(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "word.png"
    Image.fromarray(np.full((16, 24, 3), 200, np.uint8)).save(path)
    return path


def checked(measured: Measurement, **more: object) -> tuple[str, Checker]:
    options: dict = {"accuracies": [], "versions": [("ocrm55", "0.1.0")], "written_at": "now"} | more
    text = page.render(measured, CHARSET, **options)
    checker = Checker()
    checker.feed(text)
    assert not checker.wrong
    assert not checker.open
    return text, checker


@pytest.mark.parametrize("precision", PRECISIONS)
def test_page_says_everything(precision: str, picture: Path) -> None:
    measured = measurement_of(precision, [picture, picture])
    text, checker = checked(measured)
    for row in measured.layers:
        assert row.title in checker.words
        assert f"{row.instructions:,}" in checker.words
    for words in ("tiny", precision, "QEMU 7.2", "0.920000", f"{sum(COUNTS):,}", f"{measured.metadata.macs:,}"):
        assert words in checker.words
    assert checker.words.count("word.png") == 2
    if precision == "int8":
        assert "no 3x3 with 3 channels" in checker.words
    assert len(text) < 400_000


def test_page_needs_nothing_but_itself(picture: Path) -> None:
    text, checker = checked(measurement_of("float32", [picture]))
    assert checker.seen.isdisjoint({"script", "link", "iframe", "object", "img"})
    for target in checker.targets:
        assert target.startswith(("#", "data:image/png;base64,")), target
    assert {target[1:] for target in checker.targets if target.startswith("#")} <= checker.ids
    urls = set(re.findall(r"https?://[^\s\"'<>)]+", text))
    assert urls <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert "url(" not in text
    assert "@import" not in text


def test_nothing_from_outside_becomes_markup(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script>\"'&"
    path = tmp_path / '<img src=x onerror=alert(1)>&".png'
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    measured = measurement_of("int8", [path])
    operators = [
        dataclasses.replace(row, name=nasty + row.name, target=nasty, function=nasty, why_not={nasty: nasty})
        for row in measured.metadata.operators
    ]
    metadata = dataclasses.replace(measured.metadata, model=nasty, operators=tuple(operators))
    measured = dataclasses.replace(measured, metadata=metadata)
    share = accuracy.Share(1, 2)
    row = accuracy.Accuracy(path, nasty, nasty, nasty, nasty, share, share, 0.5, {})
    text = page.render(measured, ["", "<script>", "&", "<", "\x00"], [row], [(nasty, nasty)], "now")
    lowered = text.lower()
    assert "<script" not in lowered
    assert "<img" not in lowered
    assert "alert(1)&lt;/script&gt;" in lowered


def test_a_squeezed_line_is_said_to_be(picture: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.png"
    Image.fromarray(np.zeros((10, 50, 3), np.uint8)).save(long)
    _, checker = checked(measurement_of("float32", [picture, long]))
    assert "word.png: 24 x 16 pixels, read at 12 x 8;" in checker.words
    assert "long.png: 50 x 10 pixels, read at 16 x 8, squeezed from 40;" in checker.words


def test_without_counts_the_page_says_so(picture: Path) -> None:
    measured = measurement_of("float32", [picture], counted=False)
    text, checker = checked(measured)
    assert "does not count instructions" in checker.words
    assert "None" not in re.sub(r"data:[^\"]+", "", text)


def test_the_page_is_written_whole(picture: Path, tmp_path: Path) -> None:
    destination = tmp_path / "new" / "report.html"
    page.write(measurement_of("float32", [picture]), destination, charset=CHARSET)
    assert destination.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [path.name for path in destination.parent.iterdir()] == ["report.html"]


VALUES = {
    "data": "words",
    "on": "target",
    "precision": "int8",
    "source": "bundled",
    "exact": {"right": 431, "count": 500},
    "alphanumeric": {"right": 450, "count": 500},
    "character_error_rate": 0.0412,
}


def test_an_evaluation_becomes_a_row(picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "float32-eval"
    folder.mkdir()
    (folder / "evaluation.json").write_text(json.dumps(VALUES))
    (found,) = accuracy.collect([], tmp_path)
    assert accuracy.collect([folder], Path("nowhere")) == [found]
    _, checker = checked(measurement_of("float32", [picture]), accuracies=[found])
    for words in ("86.2 %", "431 of 500", "90.0 %", "4.1 %"):
        assert words in checker.words


def test_what_is_no_evaluation_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evaluation.json"
    for text in ("", "[]", "{}", '{"exact": 5}', json.dumps(VALUES | {"character_error_rate": "many"})):
        path.write_text(text)
        with pytest.raises(InputError, match="not an evaluation"):
            accuracy.collect([path], tmp_path)
        assert accuracy.collect([], tmp_path) == []
    with pytest.raises(InputError, match="cannot be read"):
        accuracy.load(tmp_path / "none.json")
    assert "warning" in capsys.readouterr().err


def test_what_each_step_by_itself_says_is_there_where_it_is_another_text(picture: Path) -> None:
    measured = measurement_of("float32", [picture])
    alone = "".join(step.character for step in page.card(measured, 0, CHARSET).kept)
    same = dataclasses.replace(measured.run.results[0], text=alone)
    other = dataclasses.replace(measured.run.results[0], text="other")
    for result, said in ((same, False), (other, True)):
        run = dataclasses.replace(measured.run, results=[result])
        _, checker = checked(dataclasses.replace(measured, run=run))
        assert ("Each step by itself says" in checker.words) == said


def test_the_estimate_of_cycles_has_a_row_for_each_layer(picture: Path) -> None:
    measured = measurement_of("int8", [picture])
    text, checker = checked(measured, cycles=estimate())
    assert "Cycles, estimated" in checker.words
    assert "nothing was timed on silicon" in checker.words
    assert text.count("between layers") == 1
    assert "Cycles, estimated" not in checked(measured)[1].words


def test_a_card_says_how_sure_the_text_is(picture: Path) -> None:
    measured = measurement_of("int8", [picture])
    for right, said in ((0.98765, "right with a probability of 0.9877; of"), (None, "How sure it is: of")):
        confidence = Confidence((), 0.91, 0.95, 0.99, 0.88, right)
        result = dataclasses.replace(measured.run.results[0], confidence=confidence)
        run = dataclasses.replace(measured.run, results=[result])
        words = " ".join(checked(dataclasses.replace(measured, run=run))[1].words.split())
        assert f"{said} its characters the least sure has 0.9100" in words
    assert "How sure" not in checked(measured)[1].words
