"""Frames of a video for the firmware, and a video of what it read in them."""

from __future__ import annotations

import contextlib
import os
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

AT_ONCE = 8  # frames that one run of the firmware reads, at most
_BYTES_AT_ONCE = 64 << 20  # of their pixels; a frame more begins another run
_PICTURES = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM")
_USUAL_RATE = 25.0  # frames a second, of a file that does not say
_ENDINGS = (".mp4", ".avi")
_LONGEST = 200  # characters of a text that is drawn
Bounds = tuple[float, float, float, float]
# FFmpeg takes text for a video too, and lists of other files (HLS, concat): these name what the user did not.
_CONTAINERS = (
    *("avi", "mov", "matroska", "mpegts", "mpeg", "mpegvideo", "m4v", "h264", "hevc", "mjpeg", "ogg", "flv", "asf"),
    *("ivf", "mxf", "nut", "gif"),
)
_OPENED_WITH = f"format_whitelist;{','.join(_CONTAINERS)}|protocol_whitelist;file"
_CODES = {".mp4": "mp4v", ".avi": "MJPG"}


@dataclass(frozen=True)
class VideoFrame:
    """A frame. number: in the video, from 0. seconds: from its start. pixels: uint8 [height, width, 3] BGR."""

    number: int
    seconds: float
    pixels: np.ndarray


class Video:
    """A video file that is open. rate: its frames a second, a usual rate where the file does not say."""

    def __init__(self, path: Path) -> None:
        """Raises InputError for a file that is no video, or whose frames are too large."""
        if not path.is_file():
            raise InputError(f"there is no video {path}.")
        if _is_picture(path):
            raise InputError(f"{path} is a picture and no video.", [f"ocrm55 read {path}"])
        self._path = path
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's own lines: nobody knows them; read once
        with _quiet(), _only_this_file():
            self._video = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        self._size = [self._video.get(each) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
        if not self._video.isOpened() or not 0 < self._size[0] * self._size[1] <= MAX_PIXELS:
            self.close()
            raise InputError(f"{path} is no video that can be read.", ["convert it to MP4 or AVI"])
        rate = self._video.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0.01 < rate < 10_000 else _USUAL_RATE

    def parts(self, every: int = 1) -> Iterator[list[VideoFrame]]:
        """Each `every`th frame, some at a time; call it once. Raises InputError where there is no frame.

        Warns where the file announces many more frames than can be read.
        """
        part: list[VideoFrame] = []
        for number, pixels in self._frames(every):
            part.append(VideoFrame(number, number / self.rate, pixels))
            if len(part) == AT_ONCE or sum(each.pixels.nbytes for each in part) > _BYTES_AT_ONCE:
                yield part
                part = []
        if part:
            yield part

    def close(self) -> None:
        """Close the file."""
        self._video.release()

    def _frames(self, every: int) -> Iterator[tuple[int, np.ndarray]]:
        """Frames with their numbers; those between are not converted."""
        count = 0
        while self._video.grab():
            if count % every == 0:
                good, pixels = self._video.retrieve()
                if not good:
                    break
                yield count, pixels
            count += 1
        if not count:
            raise InputError(f"{self._path} is a video without frames that can be read.")
        announced = self._video.get(cv2.CAP_PROP_FRAME_COUNT)  # estimated in some formats
        if announced < 1e9 and count < 0.9 * announced - 2:
            console.warning(f"{self._path} announces {announced:.0f} frames; {count} of them can be read.")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Video]:
    """A video for a block. Raises InputError as Video does."""
    video = Video(path)
    try:
        yield video
    finally:
        video.close()


def _is_picture(path: Path) -> bool:
    """Whether it is a still picture, which FFmpeg would take for a video of one frame."""
    try:
        with Image.open(path, formats=_PICTURES) as image:
            return image.width > 0
    except Exception:  # a damaged file may raise anything; the video's reader judges it
        return False


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without OpenCV's warnings: a file that is no video is our own sentence."""
    before = cv2.getLogLevel()
    cv2.setLogLevel(0)
    try:
        yield
    finally:
        cv2.setLogLevel(before)


@contextlib.contextmanager
def _only_this_file() -> Iterator[None]:
    """FFmpeg opens one file, and only as one of _CONTAINERS."""
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    before = os.environ.get(name)
    os.environ[name] = _OPENED_WITH
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def check_destination(path: Path) -> None:
    """Raise InputError for a name of no video that can be written, OutputError for a place that cannot."""
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"{path} is no name of an MP4 or AVI file.", ["--draw read.mp4"])
    files.check_place(path)


@contextlib.contextmanager
def annotated(destination: Path, rate: float) -> Iterator[Any]:
    """A function for the block that adds a frame, drawn: (pixels, page). The file is there whole, or not at all.

    rate: frames a second. Raises OutputError when it cannot be written.
    """
    with files.atomic_file(destination) as staging, contextlib.ExitStack() as stack:
        writer: list[cv2.VideoWriter] = []
        size: list[int] = []
        # OpenCV takes the kind of a file from its name.
        named = staging.with_name(f"{staging.name}{destination.suffix.lower()}")
        stack.callback(lambda: named.unlink(missing_ok=True))

        def add(pixels: np.ndarray, page: Page) -> None:
            drawn = draw(pixels, page)
            if not writer:
                size.extend(drawn.shape[1::-1])
                code = cv2.VideoWriter_fourcc(*_CODES[destination.suffix.lower()])  # type: ignore[attr-defined]
                writer.append(cv2.VideoWriter(str(named), cv2.CAP_FFMPEG, code, rate, drawn.shape[1::-1]))
            if not writer[0].isOpened():
                raise OutputError(f"{destination} cannot be written.", ["choose another folder"])
            # A stream may change its size; the writer leaves frames of another one out, and says nothing.
            writer[0].write(drawn if [*drawn.shape[1::-1]] == size else cv2.resize(drawn, size))

        yield add
        for each in writer:
            each.release()
        if writer:
            staging.write_bytes(named.read_bytes())
            console.note(f"wrote {destination}")


def draw(pixels: np.ndarray, page: Page) -> np.ndarray:
    """A frame with its boxes and their texts, uint8 BGR, its sides made even."""
    rows, columns = (max(side // 2 * 2, 2) for side in pixels.shape[:2])
    whole = np.pad(
        pixels, ((0, rows - min(rows, len(pixels))), (0, columns - min(columns, pixels.shape[1])), (0, 0)), "edge"
    )
    sheet = Image.fromarray(np.ascontiguousarray(whole[:rows, :columns, ::-1]))
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
