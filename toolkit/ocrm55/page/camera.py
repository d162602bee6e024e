"""Regions of frames, read by a recognizer alone: the program of firmware/camera, and the same crops on the host."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import console, libraries, stages
from ocrm55.artifact import Artifact
from ocrm55.errors import InputError, MiscompiledError
from ocrm55.firmware import check_path
from ocrm55.simulators.base import Request, Run, Simulator
from ocrm55.simulators.frames import Frame
from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.options import FRAME_SIDE, UNIT
from ocrm55.tasks.page.region import Polarity, rectangle, region

_TRIES = ["--region X,Y,WIDTH,HEIGHT in whole pixels", "--region with the eight numbers of four corners"]
_NUMBERS = 8  # of four corners


@dataclass(frozen=True)
class View:
    """What is read of each frame: a region, None for all of it, and what becomes of light text."""

    box: Box | None = None
    polarity: Polarity = Polarity.AS_IT_IS

    @property
    def words(self) -> list[str]:
        """For the firmware's command line."""
        corners = "" if self.box is None else ",".join(f"{x},{y}" for x, y in self.box.corners)
        return [*([f"region={corners}"] if corners else []), f"polarity={int(self.polarity)}"]


def parse_region(text: str) -> Box:
    """A region of `X,Y,WIDTH,HEIGHT`, or of four corners in pixels: top left, top right, bottom right, bottom left.

    Raises InputError for anything else, or for corners too far outside any frame.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
        if len(numbers) == _NUMBERS // 2:
            x, y, width, height = (int(number) for number in numbers)
            if min(width, height) < 1 or [x, y, width, height] != numbers:
                raise ValueError
            box = rectangle(x, y, width, height)
        elif len(numbers) == _NUMBERS:
            places = [round(number * UNIT) for number in numbers]
            box = Box(tuple(zip(places[::2], places[1::2], strict=True)))  # type: ignore[arg-type]
        else:
            raise ValueError
    except (ValueError, OverflowError):
        raise InputError(f"`{text[:80]}` is no region.", _TRIES) from None
    if any(abs(place) > FRAME_SIDE * UNIT for corner in box.corners for place in corner):
        raise InputError(f"the region `{text[:80]}` lies too far outside any frame.", _TRIES)
    return box


def prepare(options: stages.Options) -> stages.Prepared:
    """Export, compile and build the program for a camera, what is missing or out of date."""
    check_path(options.build_dir)
    if options.compile.npu or options.compile.image is not None:
        raise InputError("regions of frames are read without an NPU, and none is compiled in.", ["leave --npu out"])
    options.board.check_start_up()
    done = stages.compiled(options)
    output = options.folder.firmware_dir(f"camera-{options.firmware_variant}")
    defines = libraries.defines(options.compile.kernels, options.build.cmsis_nn) | {"OCRM55_FRAMES": "ON"}
    with options.folder.locked():
        stages.build_stage("firmware for a camera", done.artifact, [done.artifact], output, options, defines)
    return stages.Prepared(options, done.model, done.artifact, output / "ocrm55.elf")


def crops(frames: Sequence[Frame], view: View, artifact: Artifact) -> list[np.ndarray]:
    """What the recognizer sees of each frame, as the host computes it: uint8 [height, columns, 3] BGR."""
    return [region(frame.pixels, view.box, *artifact.image_size, view.polarity) for frame in frames]


def read(
    frames: Sequence[Frame],
    view: View,
    prepared: stages.Prepared,
    simulator: Simulator,
    *,
    stats: bool,
    timeout_s: float,
) -> Run:
    """Read the region of each frame on the target. timeout_s: a frame.

    Raises MiscompiledError where the target's crop is not the host's, bit for bit.
    """
    count = "1 frame" if len(frames) == 1 else f"{len(frames)} frames"
    console.stage("run", f"{count} on {simulator.name} {simulator.version()}")
    request = Request(
        elf=prepared.elf,
        frames=frames,
        view=view.words,
        stats=stats,
        want_hashes=True,
        want_confidence=not stats,
        timeout_s=timeout_s * len(frames),
        guard=prepared.options.folder.locked,
    )
    run = simulator.run(request)
    wanted = crops(frames, view, Artifact.read(prepared.artifact))
    for number, (result, crop) in enumerate(zip(run.results, wanted, strict=True), 1):
        if result.region != (crop.shape[1], crop.shape[0], zlib.crc32(crop.tobytes())):
            raise MiscompiledError(f"the target's crop of frame {number} is not the host's.")
    return run


def load(paths: Sequence[Path], pixel_format: str) -> list[Frame]:
    """Pictures as frames of this format. Raises InputError for a file that cannot be read, or an odd width in YUYV."""
    from ocrm55.pictures import read_image
    from ocrm55.simulators.frames import frame

    return [frame(read_image(path), pixel_format) for path in paths]
