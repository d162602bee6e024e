"""Options of the commands that read whole pages, and both networks' options from what a user said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocrm55 import stages
from ocrm55.tasks.recognizer.model import CAME

if TYPE_CHECKING:
    from ocrm55.page.program import PageOptions

# Of a bundled recognizer's input, where the user asks for none: short lines take less work.
WIDTHS = (*range(32, 304, 16), 320)

Pages = Annotated[list[Path], typer.Argument(metavar="PAGE...", help="Pictures of whole pages: PNG, JPEG and others.")]
PageFlag = Annotated[
    bool, typer.Option("--page", help="The pictures are whole pages: find their lines, as `ocrm55 read` does.")
]
DetectorOption = Annotated[
    str,
    typer.Option(
        "--detector",
        metavar="DIR|bundled|NAME",
        help="The network that finds lines: **bundled**, PaddleOCR's name of one, a model folder or an .onnx file.",
    ),
]
SizeOption = Annotated[
    str,
    typer.Option(
        "--size",
        metavar="WIDTHxHEIGHT",
        help="The detector's input in pixels. The page is scaled to fit; small print wants more, such as **640x640**.",
    ),
]
PageTimeLimit = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=1, help="Stop the simulator after this long per page.")
]


def page_options(options: stages.Options, detector: str, size: str) -> PageOptions:
    """Both networks, from what the user said. Raises InputError."""
    from ocrm55.page import program

    height, width = program.parse_size(size)
    chosen = options.compile
    if chosen.precision == "int8" and not chosen.widths and chosen.width is None and options.source in CAME:
        options = replace(options, compile=replace(chosen, widths=WIDTHS))
    return program.PageOptions(options, program.detector_options(options, detector, height, width))
