"""`ocrm55 report --page`: one HTML file about pages that were read: page, map, every crop with its alignment, costs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from markupsafe import Markup
from PIL import Image

from ocrm55 import __version__, files
from ocrm55.page import draw
from ocrm55.page.host import Host
from ocrm55.page.program import PreparedPage
from ocrm55.page.read import Picture
from ocrm55.page.reading import Page, of_result
from ocrm55.pictures import read_image
from ocrm55.report import alignment, page_statistics, svg
from ocrm55.report.page import NARROW, WIDE, page_colours, templates
from ocrm55.simulators.base import Run
from ocrm55.simulators.frames import Frame
from ocrm55.simulators.page_protocol import BoxResult
from ocrm55.tasks.page import lines, rows
from ocrm55.tasks.page.boxes import Box

MOST_CARDS = 60  # boxes of a page whose crops are shown


@dataclass(frozen=True)
class Window:
    """A crop as the recognizer saw it, with its alignment for wide and narrow pages."""

    columns: int
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class LineCard:
    """A box: what was read in it, and its crops."""

    number: int
    text: str
    score: str
    found: str
    readings: int
    windows: list[Window]
    right: str = ""  # the calibrated probability that the text is right; empty where not known


@dataclass(frozen=True)
class PageCard:
    """A page of the report. drawing, map: data URIs. costs: of page_statistics.rows, with shares 0 .. 1."""

    page: Page
    drawing: str
    map: str
    cards: list[LineCard]
    costs: list[tuple[str, str, str, str, float]]


def write(prepared: PreparedPage, runs: Sequence[tuple[Sequence[Picture], Run]], destination: Path) -> None:
    """Write the report of runs with stats and maps, whole or not at all. Raises OutputError."""
    host = Host(prepared)
    cards = [_page(host, picture, run, number) for part, run in runs for number, picture in enumerate(part)]
    text = (
        templates()
        .get_template("whole_page.html.j2")
        .render(
            pages=cards,
            placement=prepared.placement.words,
            memory=page_statistics.memory(prepared, runs),
            detector=runs[0][1].detector,
            identity=runs[0][1].identity,
            size=f"{host.size[1]} x {host.size[0]}",
            style=Markup(page_colours() + svg.style()),
            version=__version__,
            written_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        )
    )
    files.write_text(destination, "\n".join(svg.printable(line) for line in text.splitlines()) + "\n")


def _page(host: Host, picture: Picture, run: Run, number: int) -> PageCard:
    result = run.pages[number]
    page = of_result(picture.path, picture.width, picture.height, result)
    boxes = list(enumerate(result.boxes, 1))[:: -1 if result.reversed else 1]  # in reading order
    cards = [_line(host, picture.frame, box, at) for at, box in boxes[:MOST_CARDS]]
    costs = page_statistics.rows(result.work) if result.work else []
    shares = [float(row[2]) / 100 for row in costs]
    size = host.size[0] * host.size[1]
    values = np.frombuffer(run.maps or b"", np.int8, size, number * size).reshape(host.size)
    return PageCard(
        page,
        _uri(draw.draw(page, read_image(picture.path)), "JPEG"),
        _uri(Image.fromarray(heat(picture.frame, values)), "JPEG"),
        cards,
        [(*row, share) for row, share in zip(costs, shares, strict=True)],
    )


def heat(frame: Frame, values: np.ndarray) -> np.ndarray:
    """The detector's input with its probabilities over it: uint8 [2 * height, 2 * width, 3] RGB.

    values: int8 [height, width], probability - 128 in 1/256.
    """
    height, width = values.shape
    picture = rows.picture(frame.pixels, width, height)[:, :, ::-1]
    share = ((values.astype(np.float32) + 128) / 256)[:, :, None]
    grey = 0.55 * picture + 0.45 * 255
    mixed = grey * (1 - 0.75 * share) + np.array([215, 40, 60]) * 0.75 * share
    size = (2 * width, 2 * height)
    return cv2.resize(np.rint(mixed).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)


def _line(host: Host, frame: Frame, said: BoxResult, number: int) -> LineCard:
    """The crops of a box in the direction in which it was read; the host's recognizer has the target's bits."""
    recognizer = host.recognizer
    box = Box(said.corners, round(said.found * 65536), said.line, said.turned)
    windows = []
    for pixels in lines.crops(recognizer, frame.pixels, box, host.options):
        output, _, _ = recognizer.recognize(pixels)
        columns = len(output) * recognizer.windows.width // recognizer.steps
        steps = alignment.align(output, recognizer.labels, columns)
        wide, narrow = (
            alignment.alignment_picture(pixels, steps, columns, size, count).inline(name)
            for name, size, count in (("wide", WIDE, 1), ("narrow", NARROW, 2))
        )
        windows.append(Window(pixels.shape[1], wide, narrow))
    right = "" if said.right is None else f"{said.right:.3f}"
    return LineCard(number, said.text, f"{said.score:.6f}", f"{said.found:.3f}", said.readings, windows, right)


def _uri(picture: Image.Image, kind: str) -> str:
    data = io.BytesIO()
    picture.save(data, kind, quality=85)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"
