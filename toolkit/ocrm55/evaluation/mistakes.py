"""The mistakes of an evaluation as one picture, worst first: the image beside its label and its reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ocrm55 import files
from ocrm55.evaluation.metrics import align
from ocrm55.evaluation.readings import Reading
from ocrm55.page.draw import font
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer.image import resize

ROW = 56  # pixels; the image's 48 and a gap
IMAGE_WIDTH = 330
TEXT_WIDTH = 560
SPACE_WIDTH = 12
Face = ImageFont.FreeTypeFont | ImageFont.ImageFont
INK, RIGHT, WRONG, PAPER = "#202020", "#707070", "#c01818", "white"


def mistakes_picture(readings: Sequence[Reading], paths: Mapping[str, Path], title: str, most: int = 60) -> Image.Image:
    """Draw up to `most` readings, in the order given; paths: name of a reading -> its image file."""
    shown = readings[:most]
    face = font(18)
    sheet = Image.new("RGB", (IMAGE_WIDTH + TEXT_WIDTH, ROW * (len(shown) + 1)), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((8, 16), title, font=face, fill=INK)
    for row, reading in enumerate(shown, 1):
        pixels = resize(read_image(paths[reading.name]))
        sheet.paste(Image.fromarray(pixels[:, :, ::-1]), (4, row * ROW + 4))
        y = row * ROW + 4
        _write(pen, (IMAGE_WIDTH, y), reading.written, face, RIGHT)
        x = float(IMAGE_WIDTH)
        for written, read in align(reading.written, reading.read):
            x = _write(pen, (x, y + 24), read or "_", face, INK if written == read else WRONG)
        pen.text((IMAGE_WIDTH + TEXT_WIDTH - 70, y + 24), f"{reading.score:.3f}", font=face, fill=RIGHT)
    return sheet


def write_mistakes(
    destination: Path, readings: Sequence[Reading], paths: Mapping[str, Path], title: str, most: int = 60
) -> None:
    """Write `mistakes_picture` as a PNG, whole or not at all."""
    with files.atomic_file(destination) as staging:
        mistakes_picture(readings, paths, title, most).save(staging, format="PNG")


def _write(pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, face: Face, ink: str) -> float:
    """Write a text; return where the next one begins. A space is an open box, drawn, because few fonts have one."""
    x, y = place
    for char in text:
        if char == " ":
            left, right, low = x + 2, x + SPACE_WIDTH - 2, y + 19
            pen.line([(left, low - 5), (left, low), (right, low), (right, low - 5)], fill=ink, width=2)
            x += SPACE_WIDTH
        else:
            pen.text((x, y), char, font=face, fill=ink)
            x += pen.textlength(char, font=face)
    return x
