"""Text drawn into an image: fonts, spacing, colours, texture, shadow, outline. Then comes the camera, camera.py."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocrm55.training.fonts import Font

Pixels = np.ndarray  # uint8 [height, width, 3] RGB


@dataclass(frozen=True)
class Drawing:
    """Text on a canvas. pixels: [H, W, 3] RGB; box: left, top, right, bottom of the text's line in pixels;
    centres: x of the middle of each character in pixels.
    """

    pixels: Pixels
    text: str
    box: tuple[float, float, float, float]
    centres: list[float]


@lru_cache(maxsize=4096)
def load_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels; kept, since opening one costs more than writing with it."""
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def draw_mask(
    rng: random.Random, font: ImageFont.FreeTypeFont, text: str, margin: int, spacing: float
) -> tuple[Pixels, tuple[float, float, float, float], list[float]]:
    """(mask [H, W] 0 to 255, box of the text, centres of its characters), all in pixels.

    spacing: how much further apart than the font has them, or nearer, the characters may be, in sizes of the font; 0
    leaves them to the font. A gap as wide as a space must stay rare where spaces are to be told from gaps.
    Half of the boxes hug the ink, the others keep the font's ascender and descender, as labels of photographs do both.
    """
    ascent, descent = font.getmetrics()
    size = font.size
    gap = rng.uniform(-0.04, spacing) * size if spacing else 0.0
    edges = [0.0]
    for index in range(len(text)):
        edges.append(font.getlength(text[: index + 1]) + gap * (index + 1))
    left, top, right, bottom = font.getbbox(text)
    right = max(right, edges[-1] - gap)
    canvas = Image.new("L", (int(right - left) + 2 * margin + 2, ascent + descent + 2 * margin), 0)
    pen = ImageDraw.Draw(canvas)
    origin = (margin - left, margin)
    if spacing:
        for char, edge in zip(text, edges, strict=False):
            pen.text((origin[0] + edge, origin[1]), char, font=font, fill=255)
    else:
        pen.text(origin, text, font=font, fill=255)
    if rng.random() < 0.5 and bottom - top >= 0.5 * size:
        lower, upper = margin + top, margin + bottom
    else:  # the height of a line: a lone full stop must not fill the image
        lower, upper = margin, margin + ascent + descent
    centres = [origin[0] + (a + b - gap) / 2 for a, b in pairwise(edges)]
    return np.asarray(canvas), (margin, lower, margin + right - left, upper), centres


Colour = tuple[int, ...]


def two_colours(rng: random.Random, wild: bool, palette: Sequence[tuple[Colour, Colour]] = ()) -> tuple[Colour, Colour]:
    """(background, text) in RGB with contrast: paper and ink, or with `wild` any two that differ.

    palette: pairs seen in photographs, of which two thirds of the wild ones are taken.
    """
    if wild and palette and rng.random() < 0.67:
        shift = rng.randint(-15, 15)
        back, ink = (tuple(min(255, max(0, v + shift)) for v in colour) for colour in rng.choice(palette))
        return (ink, back) if rng.random() < 0.15 else (back, ink)

    def colour(low: int, high: int) -> tuple[int, ...]:
        return tuple(rng.randint(low, high) for _ in range(3))

    if wild:
        least = rng.choice((60, 100, 200))
        for _ in range(30):
            back, ink = colour(0, 255), colour(0, 255)
            if rng.random() < 0.4:  # white or black letters on whatever the sign is painted with
                ink = (rng.randint(215, 255),) * 3 if rng.random() < 0.65 else (rng.randint(0, 40),) * 3
            weights = (0.3, 0.59, 0.11)
            if abs(sum(w * (a - b) for w, a, b in zip(weights, back, ink, strict=True))) > least / 2:
                return back, ink
    if rng.random() < 0.5:
        back, ink = (rng.randint(170, 255),) * 3, (rng.randint(0, 80),) * 3
    else:
        back, ink = colour(150, 255), colour(0, 100)
    return (ink, back) if rng.random() < 0.35 else (back, ink)


def texture(noise: np.random.Generator, shape: tuple[int, int], strength: float) -> np.ndarray:
    """Smooth random structure [H, W, 3] around 0, coarse and fine mixed."""
    height, width = shape
    total = np.zeros((height, width, 3), np.float32)
    for cell in (3, 8, 24):
        coarse = noise.standard_normal((height // cell + 2, width // cell + 2, 3), np.float32)
        coarse = 0.75 * coarse.mean(2, keepdims=True) + 0.25 * coarse  # mostly light and shade, some colour
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * noise.uniform(0, strength)
    return total


def clutter(rng: random.Random, canvas: Image.Image, font: ImageFont.FreeTypeFont, box: tuple[float, ...]) -> None:
    """Draw the clutter beside words in the street: edges, frames, lines, parts of other words above and below."""
    pen = ImageDraw.Draw(canvas)
    width, height = canvas.size
    left, top, right, bottom = box
    colour = tuple(rng.randint(0, 255) for _ in range(3))
    kind = rng.random()
    if kind < 0.35:
        y = rng.choice((top - rng.uniform(1, 8), bottom + rng.uniform(1, 8)))
        pen.line((0, y, width, y + rng.uniform(-4, 4)), fill=colour, width=rng.randint(1, 4))
    elif kind < 0.55:
        pen.rectangle((left - 6, top - 5, right + 6, bottom + 5), outline=colour, width=rng.randint(1, 3))
    elif kind < 0.7:
        x = rng.choice((left - rng.uniform(2, 12), right + rng.uniform(2, 12)))
        edge = (0, 0, x, height) if x < left else (x, 0, width, height)
        pen.rectangle(edge, fill=colour)
    else:
        other = "".join(rng.choice("ABCDEFGHLMNOPRSTaehinorstu") for _ in range(rng.randint(3, 10)))
        line = bottom - top
        y = rng.choice((top - line * rng.uniform(1.1, 1.4), bottom + line * rng.uniform(0.1, 0.3)))
        pen.text((rng.uniform(-10, left), y), other, font=font, fill=colour)


def draw(
    rng: random.Random,
    text: str,
    font: Font,
    *,
    plain: bool,
    palette: Sequence[tuple[Colour, Colour]] = (),
    margin: int = 14,
) -> Drawing:
    """Draw a text of printable ASCII on a canvas of its own.

    plain: ink on paper in one colour each, as in clean print. Otherwise wild colours, texture, shadows, outlines,
    clutter and odd spacing, each now and then.
    """
    if font.caps:
        text = text.upper()
    face = load_font(font.path, rng.choice((28, 32, 36, 40)))
    mask, box, centres = draw_mask(
        rng, face, text, margin, 0.0 if plain or rng.random() > 0.25 else 0.08 if " " in text else 0.25
    )
    back, ink = two_colours(rng, wild=not plain and rng.random() < 0.75, palette=palette)
    height, width = mask.shape
    noise = np.random.default_rng(rng.getrandbits(32))
    canvas = Image.new("RGB", (width, height), back)
    if not plain and rng.random() < 0.3:
        clutter(rng, canvas, face, box)
    pixels: np.ndarray = np.asarray(canvas).astype(np.float32)
    if not plain and rng.random() < 0.5:
        pixels += texture(noise, (height, width), rng.uniform(5, 30))
    alpha = mask.astype(np.float32)[:, :, None] / 255
    if not plain and rng.random() < 0.25:  # a shadow, sharp or soft
        shift = np.array([[1, 0, rng.randint(-3, 3)], [0, 1, rng.randint(-3, 3)]], np.float32)
        shadow = cv2.warpAffine(alpha[:, :, 0], shift, (width, height))
        shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.3, 2.5))[:, :, None] * rng.uniform(0.3, 1)
        shade = np.array((rng.randint(0, 60),) * 3, np.float32)
        if rng.random() < 0.3:  # the glow of a lit sign
            shade = np.array(ink, np.float32)
        pixels = pixels * (1 - shadow) + shade * shadow
    if not plain and rng.random() < 0.18:  # an outline, or letters that are nothing but outline
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rng.choice((3, 3, 5)),) * 2)
        wide = cv2.dilate(alpha[:, :, 0], kernel)[:, :, None]
        edge = np.array([rng.randint(0, 255) for _ in range(3)], np.float32)
        if rng.random() < 0.2:
            wide, alpha = wide - alpha * 0.9, alpha * 0
            edge = np.array(ink, np.float32)
        pixels = pixels * (1 - wide) + edge * wide
    colour: np.ndarray = np.array(ink, np.float32) + np.zeros_like(pixels)
    if not plain and rng.random() < 0.3:
        colour += texture(noise, (height, width), rng.uniform(5, 30))
    pixels = pixels * (1 - alpha) + colour * alpha
    return Drawing(np.clip(pixels, 0, 255).astype(np.uint8), text, box, centres)
