"""Frames of a video for the firmware, and a video of what it read in them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from ocrm55 import console, files
from ocrm55.errors import InputError, OutputError
from ocrm55.page.draw import colour_of, font
from ocrm55.page.reading import Page
from ocrm55.pictures import MAX_PIXELS

AT_ONCE = 8  # frames that one run of the firmware reads
_USUAL_RATE = 25.0  # frames a second, of a file that does not say
_ENDINGS = (".mp4", ".avi")
_LONGEST = 200  # characters of a text that is drawn
Bounds = tuple[float, float, float, float]
_CODES = {".mp4": "mp4v", ".avi": "MJPG"}


@dataclass(frozen=True)
class VideoFrame:
    """A frame. number: in the video, from 0. seconds: from its start. pixels: uint8 [height, width, 3] BGR."""

    number: int
    seconds: float
    pixels: np.ndarray


def frames(path: Path, every: int = 1) -> Iterator[list[VideoFrame]]:
    """Each `every`th frame of a video, AT_ONCE at a time. Raises InputError for a file that holds none."""
    with contextlib.closing(_Capture(path)) as capture:
        part: list[VideoFrame] = []
        for number, pixels in enumerate(capture.frames(every)):
            part.append(VideoFrame(number * every, number * every / capture.rate, pixels))
            if len(part) == AT_ONCE:
                yield part
                part = []
        if part:
            yield part


def rate_of(path: Path) -> float:
    """Frames a second of a video, a usual rate where its file does not say. Raises InputError where there is none."""
    with contextlib.closing(_Capture(path)) as capture:
        return capture.rate


class _Capture:
    """A video file that is open."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"there is no video {path}.")
        self._path = path
        self._video = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        rate = self._video.get(cv2.CAP_PROP_FPS) if self._video.isOpened() else 0.0
        self.rate = rate if 0.01 < rate < 10_000 else _USUAL_RATE

    def frames(self, every: int) -> Iterator[np.ndarray]:
        """The frames; those between are not converted."""
        size = (self._video.get(each) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        width, height = size
        if not self._video.isOpened() or not 0 < width * height <= MAX_PIXELS:
            raise InputError(f"{self._path} is no video that can be read.", ["convert it to MP4 or AVI"])
        count = 0
        while self._video.grab():
            if count % every == 0:
                good, pixels = self._video.retrieve()
                if not good:
                    break
                yield pixels
            count += 1
        if not count:
            raise InputError(f"{self._path} is a video without frames.")

    def close(self) -> None:
        """Close the file."""
        self._video.release()


def check_destination(path: Path) -> None:
    """Raise InputError for a name of no video that can be written."""
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"{path} is no name of an MP4 or AVI file.", ["--draw read.mp4"])


@contextlib.contextmanager
def annotated(destination: Path, rate: float) -> Iterator[Any]:
    """A function for the block that adds a frame, drawn: (pixels, page). The file is there whole, or not at all.

    rate: frames a second. Raises OutputError when it cannot be written.
    """
    with files.atomic_file(destination) as staging, contextlib.ExitStack() as stack:
        writer: list[cv2.VideoWriter] = []
        # OpenCV takes the kind of a file from its name.
        named = staging.with_name(f"{staging.name}{destination.suffix.lower()}")
        stack.callback(lambda: named.unlink(missing_ok=True))

        def add(pixels: np.ndarray, page: Page) -> None:
            drawn = draw(pixels, page)
            if not writer:
                code = cv2.VideoWriter_fourcc(*_CODES[destination.suffix.lower()])  # type: ignore[attr-defined]
                writer.append(cv2.VideoWriter(str(named), cv2.CAP_FFMPEG, code, rate, drawn.shape[1::-1]))
            if not writer[0].isOpened():
                raise OutputError(f"{destination} cannot be written.", ["choose another folder"])
            writer[0].write(drawn)

        yield add
        for each in writer:
            each.release()
        if writer:
            staging.write_bytes(named.read_bytes())
            console.note(f"wrote {destination}")


def draw(pixels: np.ndarray, page: Page) -> np.ndarray:
    """A frame with its boxes and their texts, uint8 BGR, its sides made even."""
    sheet = Image.fromarray(np.ascontiguousarray(pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2, ::-1]))
    pen = ImageDraw.Draw(sheet)
    taken = [line.bounds for line in page.lines]
    for line, bounds in zip(page.lines, list(taken), strict=True):
        colour = colour_of(line.score)
        pen.polygon([tuple(corner) for corner in line.corners], outline=colour, width=2)
        letters = font(int(min(max((bounds[3] - bounds[1]) * 0.5, 12), 48)))
        _, _, wide, high = pen.textbbox((0, 0), line.text[:_LONGEST], font=letters)
        place = _free_place(bounds, wide, high, taken, sheet.size) if line.text else None
        if place is not None:
            pen.rectangle((place[0] - 3, place[1], place[0] + wide + 3, place[1] + high + 3), fill=colour)
            pen.text(place, line.text[:_LONGEST], (255, 255, 255), font=letters)
            taken.append((*place, place[0] + wide, place[1] + high))
    return np.ascontiguousarray(np.asarray(sheet)[:, :, ::-1])


def _free_place(
    bounds: Bounds, wide: float, high: float, taken: Sequence[Bounds], size: tuple[int, int]
) -> tuple[float, float] | None:
    """Where a text may stand beside its box and cover no other one; None where there is no such place."""
    left, top, right, bottom = bounds
    beside = (top + bottom - high) / 2
    for x, y in ((left, top - high - 5), (left, bottom + 3), (right + 6, beside), (left - wide - 6, beside)):
        inside = 0 <= x and 0 <= y and x + wide <= size[0] and y + high <= size[1]
        others = [each for each in taken if each != bounds]
        if inside and all(x >= c or x + wide <= a or y >= d or y + high <= b for a, b, c, d in others):
            return x, y
    return None


def values(frame: VideoFrame, page: Page) -> Sequence[dict[str, Any]]:
    """A frame's lines, for JSON: each with the frame's number and time."""
    return [{"frame": frame.number, "seconds": round(frame.seconds, 3), **line.values} for line in page.lines]
