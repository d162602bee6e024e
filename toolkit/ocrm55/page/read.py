"""Pages read by the firmware: frames for a simulator, and its answer as pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ocrm55 import console
from ocrm55.page.program import SCRATCH_ROOM, PreparedPage
from ocrm55.page.reading import Page, of_result
from ocrm55.pictures import read_image
from ocrm55.simulators.base import Request, Run, Simulator
from ocrm55.simulators.frames import Frame, frame
from ocrm55.simulators.listener import Listener

LONGEST = 4096  # pixels of a frame's side; a larger picture is made smaller
SECONDS_PER_PAGE = 600.0  # a thousand boxes take QEMU minutes; a hang is told from work by this


@dataclass(frozen=True)
class Picture:
    """A page's picture: its size in pixels, and the frame that goes to the target."""

    path: Path
    width: int
    height: int
    frame: Frame


def load(paths: Sequence[Path], pixel_format: str = "auto") -> list[Picture]:
    """Read pictures as frames. pixel_format: of simulators.frames.FORMATS, or auto.

    Says a word for each that is made smaller. Raises InputError for a file that cannot be read: to be called before
    anything is built.
    """
    return [picture_of(path, read_image(path), pixel_format) for path in paths]


def picture_of(path: Path, pixels: np.ndarray, pixel_format: str = "auto") -> Picture:
    """A page of pixels, uint8 [height, width, 3] BGR; path: what it is called."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest > LONGEST:
        size = [max(1, round(side * LONGEST / longest)) for side in (width, height)]
        console.note(f"{path} has {width} x {height} pixels; it is read at {size[0]} x {size[1]}.")
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return Picture(path, width, height, frame(pixels, pixel_format))


def run(
    pictures: Sequence[Picture],
    prepared: PreparedPage,
    simulator: Simulator,
    *,
    stats: bool = False,
    want_hashes: bool = False,
    want_maps: bool = False,
    want_confidence: bool = False,
    timeout_s: float = SECONDS_PER_PAGE,
    listener: Listener | None = None,
) -> list[tuple[Sequence[Picture], Run]]:
    """Run the firmware over all pictures; as often as the memory for images is filled.

    timeout_s: limit per page, in seconds of the host. listener: hears the UART as it comes, and may stop the run.
    """
    count = "1 page" if len(pictures) == 1 else f"{len(pictures)} pages"
    console.stage("run", f"{count} on {simulator.name} {simulator.version()}")
    runs = []
    for part in _parts(pictures, prepared):
        request = Request(
            elf=prepared.elf,
            frames=[picture.frame for picture in part],
            stats=stats,
            want_hashes=want_hashes,
            want_maps=want_maps,
            want_confidence=want_confidence,
            timeout_s=timeout_s * len(part),
            guard=prepared.options.recognizer.folder.locked,
            listener=listener,
        )
        runs.append((part, simulator.run(request)))
    return runs


def _parts(pictures: Sequence[Picture], prepared: PreparedPage) -> Iterator[Sequence[Picture]]:
    """As many pictures at a time as the memory for images holds."""
    placement = prepared.placement
    images = placement.regions["images"]
    taken = sum(
        size
        for what, size in (
            ("arena", placement.arena_bytes),
            ("weights", placement.weight_bytes),
            ("far_weights", placement.far_bytes),
        )
        if placement.regions[what] == images
    )
    room = images.size - taken - placement.hot_bytes - SCRATCH_ROOM
    part: list[Picture] = []
    for picture in pictures:
        if part and sum(each.frame.bytes for each in part) + picture.frame.bytes > room:
            yield part
            part = []
        part.append(picture)
    yield part


def pages(runs: Sequence[tuple[Sequence[Picture], Run]]) -> list[Page]:
    """What was read of every picture."""
    return [
        of_result(picture.path, picture.width, picture.height, result)
        for part, answer in runs
        for picture, result in zip(part, answer.pages, strict=True)
    ]
