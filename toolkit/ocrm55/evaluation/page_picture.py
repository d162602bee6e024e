"""The worst pages of an evaluation as one picture: which lines were found and read, and what was found beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ocrm55 import files
from ocrm55.evaluation.metrics import alphanumeric
from ocrm55.evaluation.page_metrics import PageReading, score
from ocrm55.pictures import read_image

COLUMN = 640  # pixels of a page's width in the picture
TALLEST = 1000  # pixels of its height
ACROSS = 3
TITLE = 44  # pixels
READ, MISREAD, LOST, EXTRA, FREE = "#1c8a2c", "#d08000", "#c01818", "#2040d0", "#909090"
LEGEND = (
    (READ, "read"),
    (MISREAD, "found, read wrong"),
    (LOST, "not found"),
    (EXTRA, "no line"),
    (FREE, "not counted"),
)


def page_picture(reading: PageReading, path: Path) -> Image.Image:
    """One page with its lines and boxes, and its figures above."""
    pixels = read_image(path)
    shrunk = min(COLUMN / pixels.shape[1], TALLEST / pixels.shape[0])
    page = Image.fromarray(pixels[:, :, ::-1])
    page = page.resize((max(1, round(page.width * shrunk)), max(1, round(page.height * shrunk))))
    sheet = Image.new("RGB", (COLUMN, page.height + TITLE), "white")
    sheet.paste(page, (0, TITLE))
    pen, face = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    judged = reading.judged()
    box_of, counted = dict(judged.pairs), set(judged.counted)

    def outline(corners: object, colour: str, width: int) -> None:
        points = [(x * shrunk, y * shrunk + TITLE) for x, y in corners]  # type: ignore[attr-defined]
        pen.line([*points, points[0]], fill=colour, width=width)

    for column, found in enumerate(reading.found):
        if column not in box_of.values():
            outline(found.corners, EXTRA if column in counted else FREE, 1)
    for row, line in enumerate(reading.lines):
        said = reading.found[box_of[row]].text if row in box_of else None
        right = said is not None and alphanumeric(said) == alphanumeric(line.text)
        outline(line.corners, FREE if not line.known else READ if right else LOST if said is None else MISREAD, 2)
    scores = score([reading])
    text = f"{reading.name}: found {scores.recall.right}, read {scores.alphanumeric.right} of {scores.recall.count}"
    pen.text((4, 2), text, font=face, fill="black")
    x = 4.0
    for colour, name in LEGEND:
        pen.text((x, 22), name, font=face, fill=colour)
        x += pen.textlength(name, font=face) + 12
    return sheet


def write_pages(destination: Path, readings: Sequence[PageReading], paths: Mapping[str, Path], most: int = 12) -> None:
    """Write up to `most` pages, in the order given, side by side as a PNG; paths: name of a page -> its picture."""
    sheets = [page_picture(reading, paths[reading.name]) for reading in readings[:most]]
    rows = [sheets[start : start + ACROSS] for start in range(0, len(sheets), ACROSS)]
    height = sum(max(sheet.height for sheet in row) for row in rows)
    whole = Image.new("RGB", (COLUMN * min(ACROSS, max(1, len(sheets))), max(1, height)), "white")
    y = 0
    for row in rows:
        for column, sheet in enumerate(row):
            whole.paste(sheet, (column * COLUMN, y))
        y += max(sheet.height for sheet in row)
    with files.atomic_file(destination) as staging:
        whole.save(staging, format="PNG")
