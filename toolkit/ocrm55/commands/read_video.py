"""`ocrm55 read --video`: frames of a video in, a line for each frame and box out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from ocrm55 import console, plain_json, plain_text
from ocrm55.errors import InputError
from ocrm55.page import program, read, video
from ocrm55.page.program import PageOptions
from ocrm55.page.reading import Page
from ocrm55.simulators import Simulator


def show(
    path: Path,
    every: int,
    options: PageOptions,
    board: Simulator,
    *,
    draw: Path | None = None,
    as_json: bool = False,
    timeout_s: float = read.SECONDS_PER_PAGE,
) -> None:
    """Read each `every`th frame and print its lines, as JSON lines if asked for; draw: a video to write.

    Raises InputError for a file that is no video, and for a name of no video in `draw`.
    """
    if draw is not None:
        video.check_destination(draw)
        if os.path.realpath(draw) == os.path.realpath(path):
            raise InputError(f"{draw} is the video to read; it would be written over.", ["name another file"])
    with contextlib.ExitStack() as stack:
        film = stack.enter_context(video.opened(path))
        parts = film.parts(every)
        part = next(parts)  # before anything is built
        prepared = program.prepare(options, native=board.native)
        add: Callable[..., None] = lambda pixels, page: None  # noqa: E731
        if draw is not None:
            add = stack.enter_context(video.annotated(draw, film.rate / every))
        found = False
        while part:
            pictures = [read.picture_of(Path(f"frame {each.number}"), each.pixels, "bgr888") for each in part]
            pages = read.pages(read.run(pictures, prepared, board, timeout_s=timeout_s))
            for frame, page in zip(part, pages, strict=True):
                found |= any(line.text for line in page.lines)
                _print(frame, page, as_json)
                add(frame.pixels, page)
            part = next(parts, [])
    if not found:
        console.note(f"{path}: no text was found.")


def _print(frame: video.VideoFrame, page: Page, as_json: bool) -> None:
    for note in page.notes:
        console.warning(f"{page.path}: {note}")
    if as_json:
        for value in video.values(frame, page):
            console.result(plain_json.line(value))
        return
    for line in page.lines:
        if line.text:
            console.result(f"{frame.number}  {frame.seconds:.2f} s  {line.score:.6f}  {plain_text.shown(line.text)}")
