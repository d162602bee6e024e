"""Frames, the pixels of whole pages, and the container in which the firmware takes them (firmware/page/ocrf.h)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocrm55.errors import InputError

# Format -> number in the container, bytes of a pixel.
FORMATS = {"gray8": (0, 1), "rgb565": (1, 2), "rgb888": (2, 3), "bgr888": (3, 3), "yuyv": (4, 2)}
MOST_SIDE = 8192  # pixels, as ocrf.h has it


@dataclass(frozen=True)
class Frame:
    """A picture of a page: uint8 [height, stride], rows of `width` pixels in one of FORMATS.

    RGB565 is little endian: two bytes, red in the upper five bits. YUYV has Y, U, Y, V for two pixels.
    """

    rows: NDArray[np.uint8]
    width: int
    format: str

    @property
    def height(self) -> int:
        return int(self.rows.shape[0])

    @property
    def stride(self) -> int:
        """Bytes from a row to the next."""
        return int(self.rows.shape[1])

    @property
    def bytes(self) -> int:
        """Bytes of the frame in the container."""
        return 20 + (self.rows.size + 3) // 4 * 4

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The same as `tasks/page` takes it: uint8 [height, width] of gray8, otherwise [height, width, 3] BGR."""
        return np.ascontiguousarray(self.rows[:, : self.width] if self.format == "gray8" else self.bgr())

    def bgr(self) -> NDArray[np.uint8]:
        """The colours that the target sees, uint8 [height, width, 3] BGR."""
        size = FORMATS[self.format][1]
        pixels = self.rows[:, : self.width * size].reshape(self.height, self.width, size)
        if self.format == "gray8":
            return np.repeat(pixels, 3, axis=2)
        if self.format == "rgb565":
            value = pixels[..., 0].astype(np.uint16) | pixels[..., 1].astype(np.uint16) << 8
            red, green, blue = value >> 11, value >> 5 & 63, value & 31
            parts = (blue << 3 | blue >> 2, green << 2 | green >> 4, red << 3 | red >> 2)
            return np.stack(parts, axis=2).astype(np.uint8)
        if self.format == "yuyv":
            return _bgr_of_yuyv(pixels)
        return pixels[..., ::-1] if self.format == "rgb888" else pixels


def frame(pixels: NDArray[np.uint8], pixel_format: str = "auto") -> Frame:
    """A frame of uint8 [height, width, 3] BGR. auto: gray8 where no pixel has a colour, otherwise bgr888.

    Raises InputError for YUYV of an odd width.
    """
    height, width = pixels.shape[:2]
    grey = bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all())
    chosen = ("gray8" if grey else "bgr888") if pixel_format == "auto" else pixel_format
    if chosen == "gray8":
        rows = pixels[..., 1] if grey else _grey(pixels)
    elif chosen == "rgb565":
        blue, green, red = (pixels[..., channel].astype(np.uint16) for channel in range(3))
        value = (red >> 3) << 11 | (green >> 2) << 5 | blue >> 3
        rows = value.astype("<u2").view(np.uint8).reshape(height, 2 * width)
    elif chosen == "yuyv":
        rows = _yuyv(pixels)
    else:
        rows = (pixels[..., ::-1] if chosen == "rgb888" else pixels).reshape(height, 3 * width)
    return Frame(np.ascontiguousarray(rows), width, chosen)


def _yuyv(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Y, U, Y, V by ITU-R BT.601, of rows of 2 x width bytes; U and V are the means of two pixels."""
    height, width = pixels.shape[:2]
    if width % 2:
        raise InputError(f"YUYV has pairs of pixels; a width of {width} is odd.", ["another format", "an even width"])
    blue, green, red = (pixels[..., channel].astype(np.float64) for channel in range(3))
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue
    u, v = (blue - brightness) / 1.772, (red - brightness) / 1.402
    rows = np.empty((height, width, 2))
    rows[..., 0] = 16 + brightness * 219 / 255
    for place, colour in ((0, u), (1, v)):
        rows[:, place::2, 1] = 128 + colour.reshape(height, -1, 2).mean(axis=2) * 224 / 255
    return np.clip(np.rint(rows), 0, 255).astype(np.uint8).reshape(height, 2 * width)


def _bgr_of_yuyv(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The colours of uint8 [height, width, 2] as firmware/tasks/page/sample.c computes them, and OpenCV."""
    values = pixels.astype(np.int32)
    y = np.maximum(values[..., 0] - 16, 0) * 1220542 + (1 << 19)
    u, v = (np.repeat(values[:, place::2, 1] - 128, 2, axis=1) for place in (0, 1))
    parts = (y + 2116026 * u, y - 409993 * u - 852492 * v, y + 1673527 * v)
    return np.clip(np.stack(parts, axis=2) >> 20, 0, 255).astype(np.uint8)


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The brightness by ITU-R BT.601, in integers as OpenCV computes it."""
    weights = np.array([3735, 19235, 9798], np.uint32)
    return ((pixels.astype(np.uint32) @ weights + (1 << 14)) >> 15).astype(np.uint8)


def ocrf(frames: Sequence[Frame]) -> bytes:
    """The container of frames. Raises InputError for a frame whose sides the firmware does not take."""
    records = bytearray()
    for number, each in enumerate(frames, 1):
        if not (1 <= each.width <= MOST_SIDE and 1 <= each.height <= MOST_SIDE):
            raise InputError(f"page {number} is {each.width} x {each.height} pixels, a side has 1 to {MOST_SIDE}.")
        pixels = each.rows.tobytes()
        code = FORMATS[each.format][0]
        records += struct.pack("<IIIII", each.width, each.height, each.stride, code, len(pixels))
        records += pixels + bytes(-len(pixels) % 4)
    return b"OCRF" + struct.pack("<III", 2, len(frames), checksum(bytes(records))) + bytes(records)


def checksum(data: bytes) -> int:
    """ocrf_checksum of firmware/page/ocrf.h."""
    words = np.frombuffer(data + bytes(-len(data) % 4), "<u4")
    total = (1 + int(words.sum(dtype=np.uint32))) & 0xFFFFFFFF
    often = np.arange(len(words), 0, -1, dtype=np.uint32)
    totals = (len(words) + int((words * often).sum(dtype=np.uint32))) & 0xFFFFFFFF
    return totals ^ (total << 16 & 0xFFFFFFFF | total >> 16)
