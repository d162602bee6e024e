"""`ocrm55 read`: whole pages in, their text out, found and read on the board."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocrm55 import console, files, plain_json, plain_text, stages
from ocrm55.commands import effect
from ocrm55.commands.options import FvpPath, SimulatorChoice, SimulatorOption, build_options
from ocrm55.commands.page_options import DetectorOption, Pages, PageTimeLimit, SizeOption, page_options
from ocrm55.commands.run_fvp import check_counts
from ocrm55.errors import InputError

if TYPE_CHECKING:
    from ocrm55.page.reading import Page


class PixelFormat(StrEnum):
    """How a page's pixels are handed over."""

    AUTO = "auto"
    GRAY8 = "gray8"
    RGB565 = "rgb565"
    RGB888 = "rgb888"
    BGR888 = "bgr888"
    YUYV = "yuyv"


@build_options(without=["npu", "npu_memory_mode", "vela_config", "npu_fallback", "ethosu_driver", "prefix", "height"])
def read(
    options: stages.Options,
    pages: Pages = None,  # type: ignore[assignment]
    detector: DetectorOption = "bundled",
    size: SizeOption = "320x320",
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="OUT.png", help="Draw the page with its boxes and, beside it, what they say."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of plain text.")] = False,
    hocr: Annotated[
        Path | None, typer.Option("--hocr", metavar="FILE", help="Write hOCR, all pages in one file.")
    ] = None,
    alto: Annotated[
        Path | None, typer.Option("--alto", metavar="FILE", help="Write ALTO 4; of several pages, a file each.")
    ] = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="Count instructions, stage by stage (QEMU), and show the memory.")
    ] = False,
    pixels: Annotated[
        PixelFormat,
        typer.Option(
            "--pixels", help="How pixels are handed over; **auto**: gray8 for a page without colours, else bgr888."
        ),
    ] = PixelFormat.AUTO,
    reject: Annotated[
        float | None,
        typer.Option(
            "--reject",
            metavar="P",
            min=0,
            max=1,
            help="Leave texts out that are right with a probability under P, and say which; **--json** marks them.",
        ),
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(
            "--video", metavar="FILE", help="Read the frames of a video instead; **--draw** then writes an MP4 or AVI."
        ),
    ] = None,
    every: Annotated[int, typer.Option("--every", min=1, help="With --video, read only each so many-th frame.")] = 1,
    simulator: SimulatorOption = SimulatorChoice.AUTO,
    fvp: FvpPath = None,
    timeout: PageTimeLimit = 600,
) -> None:
    """Find and read all text of PAGEs on a simulated Corstone-300 board; print it in reading order.

    One firmware has both networks: the detector finds the lines, the recognizer reads them. A page is handed over once,
    as it is; the board scales, finds, straightens and reads. What is missing or out of date is built first.
    """
    from ocrm55.page import draw as drawing
    from ocrm55.page import markup, program
    from ocrm55.page import read as reading
    from ocrm55.simulators import find_simulator

    effect.check_simulator(simulator.value, options)
    chosen = page_options(options, detector, size)
    if video is None:
        effect.refuse("without --video", ["every"])
    else:
        from ocrm55.commands import read_video

        if pages or hocr or alto or stats or reject is not None:
            raise InputError(
                "a video goes with --every, --draw and --json alone.",
                ["leave PAGE, --hocr, --alto, --stats and --reject out"],
            )
        effect.refuse("with --video, whose frames are bgr888", ["pixels"])
        board = find_simulator(simulator.value, fvp, options.board)
        read_video.show(video, every, chosen, board, draw=draw, as_json=as_json, timeout_s=timeout)
        return
    if not pages:
        raise typer.BadParameter("name a PAGE, or --video FILE", param_hint="PAGE")
    destinations = _destinations(pages, draw, alto)
    _keep_pages(pages, [hocr, *(each for both in destinations for each in both)])
    for place in (hocr, *(each for both in destinations for each in both)):
        files.check_place(place)
    pictures = reading.load(pages, pixels.value)
    board = find_simulator(simulator.value, fvp, options.board)
    check_counts(board, stats)
    prepared = program.prepare(chosen, native=board.native)
    console.note(prepared.placement.words)
    want_confidence = not stats or as_json or reject is not None or draw is not None
    runs = reading.run(pictures, prepared, board, stats=stats, want_confidence=want_confidence, timeout_s=timeout)
    read_pages = reading.pages(runs)
    for page, (drawn, described) in zip(read_pages, destinations, strict=True):
        if drawn is not None:
            drawing.write(page, drawn)
        if described is not None:
            markup.write_alto(page, described)
    if hocr is not None:
        markup.write_hocr(read_pages, hocr)
    if reject is not None and not any(line.right is not None for page in read_pages for line in page.lines):
        console.note("no text is rejected: how likely a text of this model is right is not known (docs/confidence.md)")
    _print(read_pages, as_json, reject)
    if stats and not as_json:
        from ocrm55.report import page_statistics

        page_statistics.show(prepared, runs)


def _destinations(pages: Sequence[Path], draw: Path | None, alto: Path | None) -> list[tuple[Path | None, Path | None]]:
    """Where each page's drawing and description go: of several, the page's name is added before the ending."""

    def of(given: Path | None, number: int) -> Path | None:
        if given is None or len(pages) == 1:
            return given
        return given.with_name(f"{given.stem}-{number}-{pages[number - 1].stem}{given.suffix}")

    if draw is not None and draw.suffix.lower() != ".png":
        raise InputError(f"{draw} is no name of a PNG file.", ["--draw page.png"])
    return [(of(draw, number), of(alto, number)) for number in range(1, len(pages) + 1)]


def _keep_pages(pages: Sequence[Path], destinations: Sequence[Path | None]) -> None:
    """Raise InputError where a page itself would be written over."""
    kept = {os.path.realpath(page) for page in pages}
    for each in destinations:
        if each is not None and os.path.realpath(each) in kept:
            raise InputError(f"{each} is a page to read; it would be written over.", ["name another file"])


def _print(pages: Sequence[Page], as_json: bool, reject: float | None) -> None:
    for page in pages:
        for note in page.notes:
            console.warning(f"{page.path}: {note}")
        if not any(line.text for line in page.lines):
            console.note(f"{page.path}: no text was found.")
    if as_json:
        console.result(plain_json.text([page.values_with(reject) for page in pages]))
        return
    for page in pages:
        for line in page.lines:
            if line.is_rejected(reject):
                console.note(f"{page.path}: rejected, right with {line.right:.2f}: {plain_text.shown(line.text)}")
    pages = [page.without(reject) for page in pages]
    for number, page in enumerate(pages):
        if len(pages) > 1:
            console.result(f"{chr(10) if number else ''}==> {plain_text.shown(str(page.path))} <==")
        if page.text:
            console.result(page.text)
