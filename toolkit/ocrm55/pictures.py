"""From an image file to its pixels: upright, on white, 8 bits a channel. Refuses all other files in one sentence."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ocrm55 import console
from ocrm55.errors import InputError

MAX_PIXELS = 50_000_000  # a word image has some thousands; an image this big is a mistake or an attack
# Common formats that Pillow decodes by itself; for EPS it would start Ghostscript on a stranger's program.
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")


def read_image(path: Path) -> np.ndarray:
    """Read an image file as uint8 [height, width, 3], BGR.

    The image is rotated as its EXIF data say. Transparent parts become white (PaddleOCR drops transparency). 16 bit and
    float are scaled to 8 bit. Of an animation the first frame is read, with a note.

    Raises InputError, with the file's name, unless the file is a whole image of 1 x 1 to MAX_PIXELS pixels.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not an image.", [f"name a file in it: {path / 'word.png'}"])
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a regular file.", ["save the image to a file first"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about broken metadata, which nobody here reads
            with Image.open(path, formats=FORMATS) as image:
                return _pixels(path, image)
    except InputError:
        raise
    except FileNotFoundError as trouble:
        raise InputError(f"there is no image {path}.") from trouble
    except PermissionError as trouble:
        raise InputError(f"{path} cannot be read: permission denied.") from trouble
    except UnidentifiedImageError as trouble:
        what = "is empty" if path.stat().st_size == 0 else "is not an image of a known format"
        raise InputError(f"{path} {what}.", [f"use one of {', '.join(FORMATS)}"]) from trouble
    except Image.DecompressionBombError as trouble:
        raise InputError(f"{path} has too many pixels.", ["crop it", "scale it down"]) from trouble
    except Exception as trouble:  # a decoder may raise anything for a damaged file
        reason = str(trouble).splitlines()[0] if str(trouble) else type(trouble).__name__
        raise InputError(f"{path} cannot be decoded: {reason}.", ["save the image again, as PNG"]) from trouble


def _pixels(path: Path, image: Image.Image) -> np.ndarray:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(f"{path} is {width} x {height} pixels, too many to read.", ["crop it", "scale it down"])
    if width < 1 or height < 1:
        raise InputError(f"{path} has no pixels ({width} x {height}).")
    if getattr(image, "n_frames", 1) > 1:
        console.note(f"{path} has {image.n_frames} frames; the first one is read.")  # type: ignore[attr-defined]
    image.load()
    upright = ImageOps.exif_transpose(image)
    return np.ascontiguousarray(np.asarray(_to_rgb(upright))[:, :, ::-1])


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        return _to_eight_bits(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey levels beyond 8 bits: 16-bit ones by their upper byte, 32-bit and float ones by their own range."""
    levels = np.asarray(image).astype(np.float64)
    if not np.isfinite(levels).all():
        raise ValueError("it holds levels that are no numbers")
    low, high = float(levels.min()), float(levels.max())
    if image.mode.startswith("I") and 0 <= low and high <= 65535:
        levels = levels / 257 if high > 255 or image.mode.startswith("I;16") else levels
    elif 0 <= low and high <= 1:
        levels = levels * 255
    elif not (0 <= low and high <= 255):
        levels = (levels - low) * (255 / max(high - low, 1))
    return Image.fromarray(np.rint(levels).astype(np.uint8))
