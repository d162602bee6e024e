"""Whole pages on the target against the host, step by step: rows, map, boxes, crops, texts and scores, bit for bit.

The host computes the networks by the integer reference, and the steps between them by `tasks/page`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import console, plain_text
from ocrm55.page import read as reading
from ocrm55.page.host import Host
from ocrm55.page.program import PreparedPage
from ocrm55.page.read import Picture
from ocrm55.simulators.base import Simulator
from ocrm55.simulators.frames import Frame
from ocrm55.simulators.page_protocol import BoxResult, PageResult
from ocrm55.tasks.page import rows, whole
from ocrm55.tasks.page.whole import ReadBox


@dataclass(frozen=True)
class PageComparison:
    """A page on the target and on the host. differs: the first step that differs, in words; None if none does."""

    path: Path
    boxes: int
    readings: int
    differs: str | None


def compare(pictures: Sequence[Picture], prepared: PreparedPage, simulator: Simulator) -> list[PageComparison]:
    """Read all pages on the target with hashes, and compute each step on the host."""
    host = Host(prepared)
    found = []
    runs = reading.run(pictures, prepared, simulator, want_hashes=True, want_confidence=True)
    for part, run in runs:
        for picture, result in zip(part, run.pages, strict=True):
            console.stage("verify", f"{picture.path}: {plain_text.counted(len(result.boxes), 'box', 'boxes')}")
            differs = next(_differences(host, picture.frame, result), None)
            readings = sum(box.readings for box in result.boxes)
            found.append(PageComparison(picture.path, len(result.boxes), readings, differs))
    return found


def _differences(host: Host, frame: Frame, result: PageResult) -> Iterator[str]:
    """The steps that differ, in their order; what follows a difference means nothing."""
    pixels = frame.pixels
    height, width = host.size
    picture = rows.picture(pixels, width, height, host.options)
    if result.hashes.get("rows") != rows_hash(picture):
        yield "the page as rows of the detector's input"
    values = host.map(picture)
    if result.hashes.get("map") != zlib.crc32(np.ascontiguousarray(values).tobytes()):
        yield "the detector's map"
    expected = host.boxes(values, pixels)
    if len(expected) != len(result.boxes):
        yield f"the number of boxes, {len(result.boxes)} instead of {len(expected)}"
    texts, upside_down = whole.read(host.recognizer, pixels, expected, host.options)
    if result.reversed != upside_down:
        yield "whether the page lies upside down"
    for number, (each, said) in enumerate(zip(texts, result.boxes, strict=True), 1):
        yield from (f"{what} of box {number}" for what in _of_box(host, each, said))


def _of_box(host: Host, each: ReadBox, said: BoxResult) -> Iterator[str]:
    box, line = each.box, each.line
    corners = tuple((int(x), int(y)) for x, y in box.corners)
    place = (corners, f"{box.score / 65536:.6f}", box.line, box.turned)
    if place != (said.corners, f"{said.found:.6f}", said.line, said.turned):
        yield "the place or the score"
    if [crop.crc for crop in said.crops] != [zlib.crc32(pixels.tobytes()) for pixels in each.crops]:
        yield "the crops"
    read = (host.recognizer.text(line.classes), f"{line.score:.6f}", line.readings)
    if read != (said.text, f"{said.score:.6f}", said.readings):
        yield "the text or its score"
    right = host.recognizer.right(line)
    if (None if right is None else f"{right:.6f}") != (None if said.right is None else f"{said.right:.6f}"):
        yield "how likely the text is right"


def rows_hash(picture: np.ndarray) -> int:
    """The hash of rows that firmware/page/main.c says: of each row, mixed with those before."""
    mixed = 0
    for row in picture:
        mixed = zlib.crc32(np.ascontiguousarray(row).tobytes()) ^ ((mixed << 1 | mixed >> 31) & 0xFFFFFFFF)
    return mixed
