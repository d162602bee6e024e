"""From an image file to its pixels: upright, opaque, 8 bits a channel. Refuses all other files in one sentence."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from ocrm55 import console, decoding_cost, transparency
from ocrm55.errors import InputError

MAX_PIXELS = 50_000_000  # a word image has some thousands; an image this big is a mistake or an attack
MOST_BYTES = 256 << 20  # of a file, and of what its decoder holds
# Common formats that Pillow decodes by itself; for EPS it would start Ghostscript on a stranger's program.
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")

_KNOWN = f"use one of {', '.join(FORMATS)}"
_SMALLER = ["crop it", "scale it down"]
_AT_A_TIME = 1 << 20  # pixels that are converted at once: beside a big picture there is no room for a second one
_COUNTED = {"TIFF": 1 << 16}  # bytes of a file whose frames are counted; Pillow takes the square of their number
_COUNTED_OTHERS = 1 << 20
# EXIF's orientations as (transpose, flip rows, flip columns), in this order.
_TURNS = {2: (0, 0, 1), 3: (0, 1, 1), 4: (0, 1, 0), 5: (1, 0, 0), 6: (1, 0, 1), 7: (1, 1, 1), 8: (1, 1, 0)}


def read_image(path: Path) -> np.ndarray:
    """Read an image file as uint8 [height, width, 3], BGR.

    The image is rotated as its EXIF data say. Transparent parts become white, or black under light text (see
    `transparency`). 16 bit and float are scaled to 8 bit. Of an animation the first frame is read, with a note.

    Raises InputError, with the file's name, unless the file is a regular one with a whole image of 1 x 1 to MAX_PIXELS
    pixels that takes at most MOST_BYTES to decode.
    """
    path = Path(path)
    try:
        with _regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about broken metadata, which nobody here reads
            with Image.open(file, formats=FORMATS) as image:
                pixels, orientation = _pixels(path, file, image)
        return _upright(pixels, orientation)
    except InputError:
        raise
    except FileNotFoundError as trouble:
        raise InputError(f"there is no image {path}.") from trouble
    except PermissionError as trouble:
        raise InputError(f"{path} cannot be read: permission denied.") from trouble
    except UnidentifiedImageError as trouble:
        raise InputError(f"{path} is not an image of a known format.", [_KNOWN]) from trouble
    except Image.DecompressionBombError as trouble:
        raise InputError(f"{path} has too many pixels.", _SMALLER) from trouble
    except Exception as trouble:  # a decoder may raise anything for a damaged file
        reason = str(trouble).splitlines()[0] if str(trouble) else type(trouble).__name__
        raise InputError(f"{path} cannot be decoded: {reason}.", ["save the image again, as PNG"]) from trouble


@contextmanager
def _regular(path: Path) -> Iterator[BinaryIO]:
    """The file, open. What it is, is asked after it was opened: a name may stand for something else a moment later."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe without a writer does not block
    try:
        about = os.fstat(handle)
        if stat.S_ISDIR(about.st_mode):
            raise InputError(f"{path} is a folder, not an image.", [f"name a file in it: {path / 'word.png'}"])
        if not stat.S_ISREG(about.st_mode):
            raise InputError(f"{path} is not a regular file.", ["save the image to a file first"])
        if about.st_size == 0:  # the kernel's own files say so too, and some of them never end
            raise InputError(f"{path} is empty.", [_KNOWN])
        if about.st_size > MOST_BYTES:
            raise InputError(f"{path} is {about.st_size >> 20:,} MB, more than an image of text ever is.", _SMALLER)
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


def _pixels(path: Path, file: BinaryIO, image: Image.Image) -> tuple[np.ndarray, int]:
    """uint8 [height, width, 3] BGR as the file has them, and EXIF's orientation."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(f"{path} is {width} x {height} pixels, too many to read.", _SMALLER)
    if width < 1 or height < 1:
        raise InputError(f"{path} has no pixels ({width} x {height}).")
    needed = decoding_cost.estimate(image, file)
    if needed > MOST_BYTES:
        raise InputError(
            f"{path} takes {needed >> 20:,} MB to decode, more than {MOST_BYTES >> 20}.",
            [*_SMALLER, "save it as PNG, or as JPEG that is not progressive"],
        )
    _note_frames(path, file, image)
    levels = transparency.key_of(image)  # before loading, which forgets how many bits a level has
    image.load()
    pixels = np.empty((height, width, 3), np.uint8)
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        _fill_deep(pixels, image, levels)
    elif transparency.is_in(image, levels):
        _fill_transparent(path, pixels, image, levels)
    else:
        for rows, part in _parts(image):
            pixels[rows] = np.asarray(part.convert("RGB"))[:, :, ::-1]
    return pixels, int(image.getexif().get(0x0112, 1))


def _note_frames(path: Path, file: BinaryIO, image: Image.Image) -> None:
    if not getattr(image, "is_animated", False):
        return
    few = os.fstat(file.fileno()).st_size <= _COUNTED.get(image.format or "", _COUNTED_OTHERS)
    count = getattr(image, "n_frames", 1) if few else "many"
    if count != 1:
        console.note(f"{path} has {count} frames; the first one is read.")


def _parts(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """The picture from top to bottom, some rows at a time."""
    width, height = image.size
    step = max(1, _AT_A_TIME // width)
    for top in range(0, height, step):
        bottom = min(height, top + step)
        yield slice(top, bottom), image.crop((0, top, width, bottom))


def _fill_transparent(path: Path, pixels: np.ndarray, image: Image.Image, levels: transparency.Key | None) -> None:
    seen = transparency.Visible(image.width)
    for _, part in _parts(image):
        seen.add(np.asarray(transparency.straight(part, levels)))
    if not seen.any:
        console.note(f"{path} is transparent everywhere; its colours are read.")
    for rows, part in _parts(image):
        colours = transparency.straight(part, levels)
        if seen.any:
            paper = Image.new("RGBA", colours.size, seen.ground)
            colours = Image.alpha_composite(paper, colours)
        pixels[rows] = np.asarray(colours)[:, :, 2::-1]


def _fill_deep(pixels: np.ndarray, image: Image.Image, levels: transparency.Key | None) -> None:
    """Grey levels beyond 8 bits: 16-bit ones by their upper byte, 32-bit and float ones by their own range."""
    low, high = np.inf, -np.inf
    seen = transparency.Visible(image.width)
    for _, part in _parts(image):
        grey = np.asarray(part)
        if not np.isfinite(grey).all():
            raise ValueError("it holds levels that are no numbers")
        low, high = min(low, float(grey.min())), max(high, float(grey.max()))
    for last in (False, True):
        for rows, part in _parts(image):
            grey = np.asarray(part)
            eight = _to_eight_bits(grey.astype(np.float64), image.mode, low, high)
            if levels is not None:
                alpha = np.where(grey == levels[0], 0, 255).astype(np.uint8)
                if not last:
                    seen.add(np.dstack([eight, eight, eight, alpha]))
                elif seen.any:
                    eight = np.where(alpha == 0, np.uint8(0 if seen.ground == "black" else 255), eight)
            pixels[rows] = eight[:, :, np.newaxis]
        if levels is None:
            return


def _to_eight_bits(levels: np.ndarray, mode: str, low: float, high: float) -> np.ndarray:
    if mode.startswith("I") and 0 <= low and high <= 65535:
        levels = levels / 257 if high > 255 or mode.startswith("I;16") else levels
    elif 0 <= low and high <= 1:
        levels = levels * 255
    elif not (0 <= low and high <= 255):
        levels = (levels - low) * (255 / max(high - low, 1))
    return np.rint(levels).astype(np.uint8)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    transpose, rows, columns = _TURNS.get(orientation, (0, 0, 0))
    turned: Any = pixels.transpose(1, 0, 2) if transpose else pixels
    turned = turned[::-1] if rows else turned
    turned = turned[:, ::-1] if columns else turned
    return np.ascontiguousarray(turned)
