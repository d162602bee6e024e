"""A sheet to write on that knows where its lines stand, and the camera that sees the whole sheet."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, ImageDraw

from ocrm55.evaluation.page_labels import UNKNOWN, Line
from ocrm55.training.render import load_font, texture

Pixels = np.ndarray  # uint8 [height, width, 3] RGB
Colour = tuple[int, ...]
Box = tuple[float, float, float, float]  # left, top, right, bottom
# A sheet has twice the pixels of its page: small letters get their grey edges from the camera, as real ones do.
FINE = 2
# Of what is written below this height in pixels, nobody can say what it is.
ILLEGIBLE = 5.0


@dataclass(frozen=True)
class Page:
    """A drawn page. pixels: [H, W, 3] RGB."""

    pixels: Pixels
    lines: tuple[Line, ...]


@dataclass
class Sheet:
    """A picture that is being drawn, FINE times as fine as the page. All sizes of its methods are in the page's pixels.

    image: the picture; lines: those written so far, in pixels of `image`.
    """

    image: Image.Image
    lines: list[Line] = field(default_factory=list)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in the page's pixels."""
        return self.image.width / FINE, self.image.height / FINE

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        """Draws on the picture, in its own pixels."""
        return ImageDraw.Draw(self.image)

    def measure(self, text: str, path: str, size: float) -> float:
        """The width of a text in the page's pixels."""
        return load_font(path, max(4, round(size * FINE))).getlength(text) / FINE

    def write(
        self, text: str, place: tuple[float, float], path: str, size: float, ink: Colour, side: str = "l"
    ) -> float:
        """Write one line with its upper edge at `place`; returns the width that it took.

        path, size: the font's file, and its size in the page's pixels. side: l, m or r says what `place` is of it.
        Nothing is written that would leave the sheet.
        """
        font = load_font(path, max(4, round(size * FINE)))
        mask, offset = font.getmask2(text)
        ink_box = mask.getbbox()
        if not ink_box:
            return 0.0
        left, top, right, bottom = (edge + offset[number % 2] for number, edge in enumerate(ink_box))
        x = place[0] * FINE - {"l": 0, "m": (right - left) / 2, "r": right - left}[side] - left
        y = place[1] * FINE - top
        box = (left + x, top + y, right + x, bottom + y)
        if box[0] < 0 or box[1] < 0 or box[2] > self.image.width or box[3] > self.image.height:
            return 0.0
        self.pen.text((x, y), text, font=font, fill=ink)
        edge = 0.06 * font.size  # a reader's frame does not touch the ink
        corners = np.array(
            [(box[0] - edge, box[1] - edge), (box[2] + edge, box[1] - edge), (box[2] + edge, box[3] + edge),
             (box[0] - edge, box[3] + edge)], np.float32)  # fmt: skip
        self.lines.append(Line(corners, text))
        return (right - left) / FINE

    def rectangle(self, box: Box, fill: Colour | None, edge: Colour | None = None) -> None:
        """A rectangle, filled or as a frame of one pixel; box: left, top, right, bottom."""
        self.pen.rectangle([v * FINE for v in box], fill=fill, outline=edge, width=FINE)

    def put(self, other: Sheet, homography: np.ndarray) -> None:
        """Lay another sheet over this one. homography: float32 [3, 3], from its pixels to those of this one."""
        size = self.image.size
        seen = cv2.warpPerspective(np.asarray(other.image), homography, size, flags=cv2.INTER_AREA)
        cover = np.full((other.image.height, other.image.width), 255, np.uint8)
        share = cv2.warpPerspective(cover, homography, size)[:, :, None].astype(np.float32) / 255
        mixed = np.asarray(self.image) * (1 - share) + seen * share
        self.image = Image.fromarray(mixed.astype(np.uint8))
        self.lines += [Line(moved(line.corners, homography), line.text) for line in other.lines]


def blank(width: float, height: float, colour: Colour) -> Sheet:
    """A sheet of one colour; sizes in the page's pixels."""
    return Sheet(Image.new("RGB", (round(width * FINE), round(height * FINE)), colour))


def moved(corners: np.ndarray, homography: np.ndarray) -> np.ndarray:
    """Corners [n, 2] under a homography [3, 3]."""
    return cv2.perspectiveTransform(corners.reshape(-1, 1, 2).astype(np.float32), homography)[:, 0]


def rough(rng: random.Random, sheet: Sheet, strength: float) -> None:
    """Give the sheet the structure of paper, wood or walls. strength: in grey levels."""
    noise = np.random.default_rng(rng.getrandbits(32))
    width, height = sheet.image.size
    coarse = texture(noise, (height // FINE, width // FINE), strength)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    sheet.image = Image.fromarray(np.clip(np.asarray(sheet.image) + fine, 0, 255).astype(np.uint8))


def turned(rng: random.Random, size: tuple[int, int], degrees: float, lean: float) -> np.ndarray:
    """A homography [3, 3] for a sheet of `size` (width, height) pixels: turned about its middle, and held aslant.

    degrees: the standard deviation of the turn; lean: how far corners move, as a share of the sheet.
    """
    width, height = size
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    angle = np.radians(rng.gauss(0, degrees))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    middle = source.mean(0)
    jitter = np.array([[rng.uniform(-lean, lean) * width, rng.uniform(-lean, lean) * height] for _ in range(4)])
    target = (source - middle) @ turn.T + middle + jitter.astype(np.float32)
    return cv2.getPerspectiveTransform(source, target.astype(np.float32))


def photographed(rng: random.Random, sheet: Sheet, strength: float) -> Page:
    """The page that a camera or a scanner makes of a sheet. strength: 0 shows it as drawn, 1 as a bad photograph."""
    pixels = cv2.resize(np.asarray(sheet.image), None, fx=1 / FINE, fy=1 / FINE, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5 * strength:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 0.9))
    if rng.random() < 0.12 * strength:
        pixels = _shaken(rng, pixels)
    pixels = _lit(rng, pixels, strength)
    if rng.random() < 0.6 * strength:
        noise = np.random.default_rng(rng.getrandbits(32))
        grain = noise.standard_normal((*pixels.shape[:2], 1), np.float32) * rng.uniform(1, 7)
        pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    height, width = pixels.shape[:2]
    scale = np.diag((1 / FINE, 1 / FINE, 1)).astype(np.float32)
    lines = [Line(moved(line.corners, scale), line.text) for line in sheet.lines]
    return Page(pixels, tuple(seen for line in lines if (seen := _seen(line, width, height))))


def _shaken(rng: random.Random, pixels: Pixels) -> Pixels:
    """Blur along a line of three pixels, in any direction."""
    kernel = np.zeros((3, 3), np.float32)
    start, end = rng.choice((((0, 1), (2, 1)), ((1, 0), (1, 2)), ((0, 0), (2, 2)), ((0, 2), (2, 0))))
    cv2.line(kernel, start, end, (1.0,))
    return cv2.filter2D(pixels, -1, kernel / kernel.sum())


def _lit(rng: random.Random, pixels: Pixels, strength: float) -> Pixels:
    """Light from one side, the shadow of a hand or a sill, less contrast, a tint."""
    height, width = pixels.shape[:2]
    image = pixels.astype(np.float32)
    if rng.random() < 0.6 * strength:
        across = np.linspace(rng.uniform(0.6, 1.1), rng.uniform(0.6, 1.1), width, dtype=np.float32)[None, :, None]
        down = np.linspace(rng.uniform(0.8, 1.1), rng.uniform(0.8, 1.1), height, dtype=np.float32)[:, None, None]
        image = image * across * down
    if rng.random() < 0.35 * strength:
        corners = [[rng.randint(0, width), 0], [width, 0], [width, height], [rng.randint(0, width), height]]
        veil = np.ones((height, width), np.float32)
        cv2.fillPoly(veil, [np.array(corners, np.int32)], (rng.uniform(0.45, 0.85),))
        image = image * cv2.GaussianBlur(veil, (0, 0), rng.uniform(2, 25))[:, :, None]
    if rng.random() < 0.4 * strength:
        image = (image - 128) * rng.uniform(0.5, 1.1) + 128 + rng.uniform(-25, 25)
    if rng.random() < 0.4 * strength:
        image = image * np.array([rng.uniform(0.85, 1.1) for _ in range(3)], np.float32)
    return np.clip(image, 0, 255).astype(np.uint8)


def _seen(line: Line, width: int, height: int) -> Line | None:
    """The line as a picture of this size shows it: whole, as `###` if it is cut or too small, or not at all."""
    low, high = line.corners.min(0), line.corners.max(0)
    if high[0] <= 0 or high[1] <= 0 or low[0] >= width or low[1] >= height:
        return None
    cut = low.min() < 0 or high[0] > width or high[1] > height
    return Line(line.corners, UNKNOWN if cut or line.height < ILLEGIBLE else line.text)
