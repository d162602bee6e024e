"""Transparent parts of a picture, and the background on which the visible parts can be read.

PaddleOCR drops the alpha channel and reads the colours below it, which nobody sees. Here the picture is put on paper:
on white, or on black where light text would vanish on white.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

Key = tuple[int, ...]  # the levels that mean transparent, as the pixels hold them

_DARK, _HALF = 96, 128  # levels of luminance, of 255; half of it is also where alpha counts as visible
_OPAQUE = 250
_STROKES = 0.01  # share of dark pixels from which a light shape is a label with dark text on it
_RIM = 0.9  # share of a shape's rim that is light when the shape is a label


def key_of(image: Image.Image) -> Key | None:
    """The colour that a PNG without alpha or palette declares transparent. To be asked before the picture is loaded."""
    declared = image.info.get("transparency")
    if image.mode not in ("1", "L", "RGB", "I;16", "I;16B") or declared is None or image.format == "GIF":
        return None
    values = (declared,) if isinstance(declared, int) else tuple(declared)
    tiles = getattr(image, "tile", None)
    stored = str(tiles[0].args) if tiles else ""
    if image.mode == "1":
        return (255 if values[0] else 0,)
    if image.mode == "RGB" and ";16" in stored:  # only the upper byte is kept
        return tuple(value >> 8 for value in values)
    for bits in (2, 4):
        if image.mode == "L" and f";{bits}" in stored:
            return (values[0] * 255 // (2**bits - 1),)
    return values


def is_in(image: Image.Image, key: Key | None) -> bool:
    """Whether a picture of 8 bits a channel says that something in it is transparent."""
    return key is not None or image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def straight(image: Image.Image, key: Key | None) -> Image.Image:
    """The picture, or a part of it, as RGBA whose colours are not multiplied by alpha."""
    if key is None:
        return (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    colours = np.asarray(image.convert("RGB"))
    alpha = np.where((colours == np.array(key, np.int32)).all(axis=2), 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([colours, alpha]))


class Visible:
    """The visible part of a picture, gathered some rows at a time."""

    def __init__(self, width: int) -> None:
        self._weights = np.zeros(256)  # alpha by luminance
        self._opaque = self._dark = self._rim = self._light_rim = 0
        self._width = width

    def add(self, pixels: np.ndarray) -> None:
        """pixels: uint8 [rows, width, 4], red green blue alpha."""
        luminance = _luminance(pixels)
        alpha = pixels[:, :, 3]
        self._weights += np.bincount(luminance.ravel(), weights=alpha.ravel(), minlength=256)
        opaque = alpha >= _OPAQUE
        self._opaque += int(opaque.sum())
        self._dark += int((opaque & (luminance < _DARK)).sum())
        visible = alpha >= _HALF
        rim = np.zeros_like(visible)
        rim[:, 1:] |= visible[:, 1:] & ~visible[:, :-1]
        rim[:, :-1] |= visible[:, :-1] & ~visible[:, 1:]
        self._rim += int(rim.sum())
        self._light_rim += int((rim & (luminance >= _HALF)).sum())

    @property
    def any(self) -> bool:
        """Whether anything is visible at all."""
        return bool(self._weights.any())

    @property
    def ground(self) -> str:
        """The paper's colour: white, or black under light shapes that are no label with dark text on it."""
        mean = float(self._weights @ np.arange(256)) / max(float(self._weights.sum()), 1.0)
        return "black" if mean >= _HALF and not self._label else "white"

    @property
    def _label(self) -> bool:
        """Dark strokes within a shape whose rim is light: white text with a dark shadow has a dark rim too."""
        strokes = self._dark >= _STROKES * max(self._opaque, 1) and self._dark > 0
        return strokes and self._light_rim >= _RIM * self._rim


def _luminance(pixels: np.ndarray) -> Any:
    """uint8 [rows, width] as Pillow computes it."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels[:, :, :3])).convert("L"))
