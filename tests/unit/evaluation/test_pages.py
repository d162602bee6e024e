"""Evaluation of pages: the same from one process and from several, the worst first, tables, JSON and picture."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocrm55.errors import InputError, OutputError
from ocrm55.evaluation import page_labels, page_picture, pages
from ocrm55.evaluation.page_labels import Line
from tests.unit.evaluation.stub_page_reader import StubPageReader


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pages: all right; one line wrong and one lost; nothing to find but what does not count."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "pages").mkdir()
    (folder / "boxes").mkdir()
    texts = {"a": ["20 high", "20 HIGH"], "b": ["20 high", "12 low", "lost"], "c": ["###"]}
    for name, written in texts.items():
        page = Image.new("RGB", (200, 160))
        lines = []
        for number, text in enumerate(written):
            top, height = 10 + 50 * number, 12 if text == "12 low" else 20
            box = (10, top, 150, top + height)
            if text != "lost":
                ImageDraw.Draw(page).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill="white")
            corners = [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])]
            lines.append(Line(np.array(corners, np.float32), text))
        page.save(folder / "pages" / f"{name}.png")
        page_labels.write_boxes(folder / "boxes" / f"{name}.tsv", lines)
    return folder


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_pages_are_read_and_counted(data: Path, workers: int) -> None:
    advances: list[int] = []
    loaded = page_labels.load_pages(data)
    result = pages.evaluate_pages(loaded, StubPageReader(), workers=workers, advance=advances.append)
    assert advances == [1, 1, 1]
    assert [reading.name for reading in result.readings] == ["a", "b", "c"]
    scores = result.scores
    assert (scores.recall.right, scores.recall.count) == (4, 5)
    assert (scores.precision.right, scores.precision.count) == (4, 4)
    assert (scores.exact.right, scores.alphanumeric.right) == (2, 3)
    assert {name: share.count for name, share in scores.found_by_height.items()} == {"6-8": 1, "10-12": 4}
    assert [reading.name for reading in result.worst_first()] == ["b", "a", "c"]


@pytest.mark.slow
def test_a_cluster_reads_the_same(data: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="--cluster needs distributed")
    loaded = page_labels.load_pages(data)
    alone = pages.evaluate_pages(loaded, StubPageReader())
    with distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        together = pages.evaluate_pages(loaded, StubPageReader(), cluster=cluster.scheduler_address)
    assert [reading.name for reading in together.readings] == ["a", "b", "c"]
    assert together.scores == alone.scores


def test_tables_files_and_picture_say_the_same(data: Path, tmp_path: Path) -> None:
    loaded = page_labels.load_pages(data)
    result = pages.evaluate_pages(loaded, StubPageReader())
    tables = {title: rows for title, _, rows in pages.tables(result)}
    assert tables["boxes, by ICDAR's protocol"][0] == ["recall: lines found", "80.0%", "4", "5"]
    assert tables["worst pages"][0] == ["b", "66.7%", "33.3%", "3"]
    pages.write(tmp_path / "out", loaded, result, data="set")
    values = json.loads((tmp_path / "out" / "pages.json").read_text())
    assert values["data"] == "set"
    assert values["recall"] == {"share": 0.8, "right": 4, "count": 5}
    assert [len(page["boxes"]) for page in values["pages"]] == [2, 2, 1]
    with Image.open(tmp_path / "out" / "pages.png") as picture:
        assert picture.width == 3 * page_picture.COLUMN
    with pytest.raises(OutputError):
        pages.write(tmp_path / "out" / "pages.png" / "x", loaded, result)


def test_colours_say_what_became_of_a_line(data: Path) -> None:
    reading = pages.evaluate_pages(page_labels.load_pages(data), StubPageReader()).readings[1]
    sheet = np.asarray(page_picture.page_picture(reading, data / "pages" / "b.png"))
    scale = page_picture.COLUMN / 200
    for y, colour in ((10, page_picture.READ), (60, page_picture.MISREAD), (110, page_picture.LOST)):
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        row = sheet[round(y * scale) + page_picture.TITLE, round(80 * scale)]
        assert row.tolist() == wanted


def test_a_damaged_page_is_one_sentence(data: Path, tmp_path: Path) -> None:
    bad = tmp_path / "a.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a\.png"):
        pages.evaluate_pages([page_labels.LabelledPage("a", bad, ())], StubPageReader())
