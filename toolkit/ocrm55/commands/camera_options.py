"""Options of run-fvp for a camera: pictures go to the target as frames, of which it reads a region."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import stages
from ocrm55.errors import InputError
from ocrm55.simulators.base import Run, Simulator


class FrameFormat(StrEnum):
    """The pixels of a frame."""

    GRAY8 = "gray8"
    RGB565 = "rgb565"
    RGB888 = "rgb888"
    BGR888 = "bgr888"
    YUYV = "yuyv"


class PolarityChoice(StrEnum):
    """What becomes of light text on a dark ground, in the order of ocrm55_polarity."""

    AS_IT_IS = "as-it-is"
    INVERTED = "inverted"
    DARK_ON_LIGHT = "dark-on-light"


FrameOption = Annotated[
    FrameFormat | None,
    typer.Option("--frame", help="Hand each picture over as a camera's frame of this format; the board scales it."),
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="X,Y,WIDTH,HEIGHT",
        help="With --frame: what is read of it, in pixels; or eight numbers, the corners of a rotated region.",
    ),
]
PolarityOption = Annotated[
    PolarityChoice, typer.Option("--polarity", help="With --frame: whether light text is inverted.")
]


def check(frame: FrameFormat | None, region: str | None, polarity: PolarityChoice) -> None:
    """Raise InputError for a region or a polarity without a frame."""
    if frame is None and (region is not None or polarity is not PolarityChoice.AS_IT_IS):
        raise InputError("a region and a polarity are those of a camera's frame.", ["--frame rgb565"])


def read(
    images: Sequence[Path],
    options: stages.Options,
    frame: FrameFormat,
    region: str | None,
    polarity: PolarityChoice,
    board: Simulator,
    *,
    stats: bool,
    timeout_s: float,
) -> tuple[stages.Prepared, Run]:
    """The program for a camera, and what it reads of the pictures; each crop is compared with the host's."""
    from ocrm55.page import camera
    from ocrm55.tasks.page.region import Polarity

    chosen = Polarity(list(PolarityChoice).index(polarity))
    view = camera.View(None if region is None else camera.parse_region(region), chosen)
    frames = camera.load(images, frame.value)
    if board.native:
        raise InputError("frames are read by the board's program.", ["--simulator qemu"])
    prepared = camera.prepare(options)
    return prepared, camera.read(frames, view, prepared, board, stats=stats, timeout_s=timeout_s)
