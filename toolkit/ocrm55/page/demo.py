"""`python -m ocrm55.page.demo FILE.png`: a page to read, a receipt on a table, in the font that Pillow brings."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from PIL import Image, ImageDraw, ImageFont

from ocrm55 import console, files
from ocrm55.errors import InputError

SIZE = (480, 640)  # pixels, width and height
# Rows of the receipt: size of the letters, text on the left, text on the right; alone, a text stands in the middle.
ROWS = (
    (34, "Corner Bakery", ""),
    (17, "12 Mill Lane, Bristol", ""),
    (17, "Tel. 0117 496 0234", ""),
    (20, "2 Rye bread", "9.00"),
    (20, "1 Apple cake", "3.75"),
    (20, "3 Butter croissant", "6.30"),
    (20, "1 Flat white", "2.95"),
    (24, "TOTAL", "22.00"),
    (20, "Cash", "25.00"),
    (20, "Change", "3.00"),
    (17, "14 March 2026   16:42", ""),
    (20, "Thank you for your visit!", ""),
)
_TABLE, _PAPER, _INK = (86, 106, 128), (246, 244, 238), (38, 36, 40)  # red, green, blue
_MARGIN, _TILT = 36, 2.2  # pixels at the edges of the paper; degrees


def draw() -> np.ndarray:
    """The page: uint8 [height, width, 3] RGB, the same every time."""
    paper = Image.new("RGB", (360, 560), _PAPER)
    pen, down = ImageDraw.Draw(paper), 26.0
    for size, left, right in ROWS:
        letters = ImageFont.load_default(size)
        long = pen.textlength(left, font=letters)
        pen.text((_MARGIN if right else (paper.width - long) / 2, down), left, _INK, font=letters)
        if right:
            pen.text((paper.width - _MARGIN - pen.textlength(right, font=letters), down), right, _INK, font=letters)
        down += size * 2.0
    turn = cv2.getRotationMatrix2D((paper.width / 2, paper.height / 2), _TILT, 1.0)
    turn = turn + np.array([[0, 0, (SIZE[0] - paper.width) / 2], [0, 0, (SIZE[1] - paper.height) / 2]])
    page = cv2.warpAffine(
        np.asarray(paper), turn, SIZE, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_CONSTANT, borderValue=_TABLE
    )
    light = np.linspace(1.0, 0.8, SIZE[0])[None, :, None] * np.linspace(1.0, 0.92, SIZE[1])[:, None, None]
    noise = np.random.default_rng(5).normal(0, 3, page.shape)
    return np.clip(cv2.GaussianBlur(page, (0, 0), 0.6) * light + noise, 0, 255).astype(np.uint8)


def main(destination: Annotated[Path, typer.Argument(metavar="FILE.png", help="The picture to write.")]) -> None:
    """Draw a page to read."""
    with console.errors_end_the_program():
        if destination.suffix.lower() != ".png":
            raise InputError(f"{destination} is no name of a PNG file.", ["python -m ocrm55.page.demo page.png"])
        data = io.BytesIO()
        Image.fromarray(draw()).save(data, "PNG")
        with files.atomic_file(destination) as path:
            path.write_bytes(data.getvalue())


if __name__ == "__main__":
    typer.run(main)
