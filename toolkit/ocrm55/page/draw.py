"""A picture of what was read: the page with boxes and, beside it, the texts at their places. Colours say how sure."""

from __future__ import annotations

import io
import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocrm55 import files, plain_text
from ocrm55.page.reading import Line, Page
from ocrm55.pictures import read_image

# Score -> red, green, blue; between them colours blend. Apart for eyes that confuse red and green, too.
_SCALE = ((0.5, (196, 30, 58)), (0.8, (217, 122, 0)), (1.0, (0, 98, 155)))
_READABLE = 22  # pixels of height that a median line shall have in the picture
_MOST_SIDE, _LARGEST = 2000, 3.0  # pixels of a page's longer side; most times that a small page grows
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf")
_LARGEST_LETTERS = 160  # pixels; larger ones are enlarged
_MOST_LETTERS, _LONGEST = 1000, 30000  # of a text, and its pixels before it is squeezed; OpenCV takes below 32,767
_GAP, _LEGEND = 12, 34
_WASH = 0.16  # of the colour over a box


def write(page: Page, destination: Path) -> None:
    """Draw the page as PNG, whole or not at all. Raises OutputError, and InputError if its picture is gone."""
    picture = draw(page, read_image(page.path))
    data = io.BytesIO()
    picture.save(data, "PNG")
    with files.atomic_file(destination) as path:
        path.write_bytes(data.getvalue())


def draw(page: Page, pixels: np.ndarray) -> Image.Image:
    """pixels: uint8 [height, width, 3] BGR, of the page's size."""
    scale = _scale(page)
    size = max(1, round(page.width * scale)), max(1, round(page.height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    left = cv2.resize(pixels, size, interpolation=method)[:, :, ::-1].copy()
    right = np.full_like(left, 255)
    width = max(1, round(min(size) / 400))
    for line in page.lines:
        corners = np.array(line.corners, np.float32) * scale
        outline, colour = np.rint(corners).astype(np.int32), colour_of(line.sureness)
        wash = left.copy()
        cv2.fillConvexPoly(wash, outline, colour)
        cv2.addWeighted(wash, _WASH, left, 1 - _WASH, 0, left)
        cv2.polylines(left, [outline], True, (255, 255, 255), width + 2, cv2.LINE_AA)  # for dark pages
        cv2.polylines(left, [outline], True, colour, width, cv2.LINE_AA)
        cv2.polylines(right, [outline], True, (225, 225, 225), 1, cv2.LINE_AA)
    for line in page.lines:
        _write_text(right, line, np.array(line.corners, np.float32) * scale)
    sheet = Image.new("RGB", (2 * size[0] + _GAP, size[1] + _LEGEND), "white")
    sheet.paste(Image.fromarray(left), (0, 0))
    sheet.paste(Image.fromarray(right), (size[0] + _GAP, 0))
    _legend(sheet, page, size[1])
    return sheet


def colour_of(score: float) -> tuple[int, int, int]:
    """Red, green, blue of a score."""
    value = score if math.isfinite(score) else 0.0
    points, channels = [at for at, _ in _SCALE], zip(*(colour for _, colour in _SCALE), strict=True)
    mixed = [round(float(np.interp(value, points, channel))) for channel in channels]
    return mixed[0], mixed[1], mixed[2]


def _scale(page: Page) -> float:
    """Pixels of the drawing for one of the picture."""
    heights = [_sides(np.array(line.corners))[1] for line in page.lines]
    wanted = _READABLE / max(float(np.median(heights)), 1.0) if heights else 1.0
    return min(max(wanted, 1.0), _LARGEST, _MOST_SIDE / max(page.width, page.height))


def _sides(corners: np.ndarray) -> tuple[float, float]:
    """Length and height of a box, in the direction of its text."""
    along = (np.hypot(*(corners[1] - corners[0])) + np.hypot(*(corners[2] - corners[3]))) / 2
    across = (np.hypot(*(corners[3] - corners[0])) + np.hypot(*(corners[2] - corners[1]))) / 2
    return float(along), float(across)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A readable font with many letters where the machine has one, else the one that Pillow brings."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _write_text(sheet: np.ndarray, line: Line, corners: np.ndarray) -> None:
    """The line's text, as large as its box, in the box's direction."""
    along, across = _sides(corners)
    if not line.text or min(along, across) < 2:
        return
    text, height = line.text[:_MOST_LETTERS], min(max(6, round(across * 0.72)), _LARGEST_LETTERS)
    letters = font(height)
    if (long := letters.getbbox(text)[2]) > _LONGEST:
        letters = font(max(1, int(height * _LONGEST / long)))
    _, _, right, bottom = letters.getbbox(text)
    ascent, descent = letters.getmetrics() if isinstance(letters, ImageFont.FreeTypeFont) else (bottom, 0)
    size = max(1, math.ceil(right)), max(1, math.ceil(max(ascent + descent, bottom)))
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).text((0, 0), text, 255, font=letters)
    # A text wider than its box is squeezed; a narrower one stands at its left.
    share = min(1.0, size[0] * across / size[1] / along)
    edges = np.array([[0, 0], [size[0], 0], [0, size[1]]], np.float32)
    places = np.array([corners[0], corners[0] + (corners[1] - corners[0]) * share, corners[3]], np.float32)
    turn = cv2.getAffineTransform(edges, places)
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    part = sheet[low[1] : math.ceil(corners[:, 1].max()) + 2, low[0] : math.ceil(corners[:, 0].max()) + 2]
    if not part.size:
        return
    turn = turn - np.array([[0, 0, low[0]], [0, 0, low[1]]])
    ink = cv2.warpAffine(np.asarray(mask), turn, part.shape[1::-1], flags=cv2.INTER_AREA)[:, :, None] / 255.0
    part[:] = np.rint(part * (1 - ink) + np.array(colour_of(line.sureness)) * ink).astype(np.uint8)


def _legend(sheet: Image.Image, page: Page, top: int) -> None:
    """The scale of colours, and how much was read."""
    pen, letters = ImageDraw.Draw(sheet), font(14)
    left, width, middle = 6, 120, top + _LEGEND // 2
    low = _SCALE[0][0]
    for x in range(width):
        pen.line([(left + x, middle - 6), (left + x, middle + 6)], colour_of(low + (1 - low) * x / (width - 1)))
    read = sum(bool(line.text) for line in page.lines)
    what = "score" if all(line.right is None for line in page.lines) else "right with"
    words = f"{what} {low:g} to 1      {plain_text.counted(len(page.lines), 'box', 'boxes')}, {read} with a text"
    pen.text((left + width + 8, middle - 9), words, (60, 60, 60), font=letters)
