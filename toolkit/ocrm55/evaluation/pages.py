"""`ocrm55 eval --pages` step by step: read the pages, count, show, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ocrm55 import __version__, console, files
from ocrm55.evaluation import page_metrics
from ocrm55.evaluation.distribution import Advance, read_all
from ocrm55.evaluation.metrics import Share
from ocrm55.evaluation.page_labels import LabelledPage
from ocrm55.evaluation.page_metrics import Found, PageReading, PageScores
from ocrm55.evaluation.page_picture import write_pages
from ocrm55.pictures import read_image

Table = tuple[str, list[str], list[list[str]]]


class PageReader(Protocol):
    """Reads pages; close it when done."""

    def read(self, pixels: np.ndarray) -> tuple[list[Found], float]:
        """A page, uint8 [H, W, 3] BGR -> its lines, and pixels of the detector's input for one of the page."""

    def close(self) -> None:
        """Remove what was unpacked."""


class PageSpec(Protocol):
    """The input of an evaluation: a value that can be pickled, and that opens the reader where it arrives."""

    def open(self) -> PageReader:
        """Open the reader."""


@dataclass(frozen=True)
class PageEvaluation:
    """What was found on each page, and the figures over all."""

    readings: list[PageReading]
    scores: PageScores

    def worst_first(self) -> list[PageReading]:
        """The pages, those with the least share of lines read first; among equals, the one with more lines."""

        def badness(reading: PageReading) -> tuple[float, int, str]:
            read = page_metrics.score([reading]).alphanumeric
            return (read.value if read.count else 1.0, -read.count, reading.name)

        return sorted(self.readings, key=badness)

    def as_values(self, **about: object) -> dict[str, object]:
        """For JSON; `about` (data, detector, place) comes first."""
        return {
            "ocrm55": __version__,
            **about,
            **self.scores.as_values(),
            "pages": [_page_values(reading) for reading in self.readings],
        }


def _page_values(reading: PageReading) -> dict[str, object]:
    found = [
        {"corners": np.round(found.corners, 1).tolist(), "text": found.text, "score": round(found.score, 6)}
        for found in reading.found
    ]
    pairs = [{"line": line, "box": box} for line, box in reading.judged().pairs]
    return {"name": reading.name, "scale": round(reading.scale, 6), "boxes": found, "pairs": pairs}


def read_pages(reader: PageReader, task: Sequence[LabelledPage]) -> list[PageReading]:
    """Read the pages of one task."""
    readings = []
    for page in task:
        found, scale = reader.read(read_image(page.path))
        readings.append(PageReading(page.name, page.lines, tuple(found), scale))
    return readings


def evaluate_pages(
    pages: Sequence[LabelledPage],
    spec: PageSpec,
    *,
    workers: int = 1,
    cluster: str | None = None,
    advance: Advance = lambda count: None,
) -> PageEvaluation:
    """Read the pages with the reader of `spec`, and count; see evaluate.evaluate for the rest."""
    readings = read_all(pages, spec, read_pages, task=1, workers=workers, cluster=cluster, advance=advance)
    return PageEvaluation(readings, page_metrics.score(readings))


def evaluate_with_bar(
    pages: Sequence[LabelledPage], spec: PageSpec, *, workers: int = 1, cluster: str | None = None
) -> PageEvaluation:
    """`evaluate_pages` with a progress bar."""
    with console.progress("reading pages", len(pages)) as bar:
        return evaluate_pages(
            pages, spec, workers=workers, cluster=cluster, advance=lambda count: bar.advance(bar.task_ids[0], count)
        )


def tables(evaluation: PageEvaluation, most_pages: int = 10) -> list[Table]:
    """Title, columns and rows of each table for a person."""

    def row(name: str, share: Share) -> list[str]:
        return [name, f"{share.value:.1%}", f"{share.right}", f"{share.count}"]

    scores = evaluation.scores
    columns = ["", "right", "of them", "in all"]
    boxes = [row("recall: lines found", scores.recall), row("precision: boxes that are lines", scores.precision)]
    boxes += [["Hmean", f"{scores.hmean:.1%}", "", ""], row("lines covered by a box", scores.covered)]
    lines = [row("letters and digits, any case", scores.alphanumeric), row("exact", scores.exact)]
    lines += [row("words, in lines cut in two as well", scores.words)]
    heights = [
        [name, f"{share.value:.1%}", f"{scores.read_by_height[name].value:.1%}", str(share.count)]
        for name, share in scores.found_by_height.items()
    ]
    worst = []
    for reading in evaluation.worst_first()[:most_pages]:
        of_page = page_metrics.score([reading])
        worst.append(
            [
                reading.name,
                f"{of_page.recall.value:.1%}",
                f"{of_page.alphanumeric.value:.1%}",
                str(of_page.recall.count),
            ]
        )
    by = ["found", "read", "lines"]
    return [
        ("boxes, by ICDAR's protocol", columns, boxes),
        ("lines found and read", columns, lines),
        ("by height of text in the detector's input", ["pixels", *by], heights),
        ("worst pages", ["page", *by], worst),
    ]


def write(output: Path, pages: Sequence[LabelledPage], evaluation: PageEvaluation, **about: object) -> None:
    """Write pages.json and pages.png into a folder. Raises OutputError when it cannot be written."""
    with files.atomic_files(output) as staging:
        files.write_json(staging / "pages.json", evaluation.as_values(**about))
        write_pages(staging / "pages.png", evaluation.worst_first(), {page.name: page.path for page in pages})
