"""`python -m ocrm55.training.draw_pages`: labelled pages that the project draws itself, for `ocrm55 eval --pages`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from ocrm55 import console, files
from ocrm55.errors import InputError
from ocrm55.evaluation.page_labels import write_boxes
from ocrm55.training.fonts import FONT_FOLDERS, Font, find_fonts, split
from ocrm55.training.page_canvas import Page
from ocrm55.training.page_looks import LOOKS, draw_page

LEAST, MOST = 96, 4096  # pixels of a side


def pages(fonts: Sequence[Font], count: int, *, longest: int, seed: int) -> Iterator[Page]:
    """`count` pages of all looks in turn, upright and lying; the same for the same seed and fonts.

    longest: the longer side in pixels; the other one is a half of it to all of it.
    """
    for number in range(count):
        rng = random.Random(f"page {seed} {number}")
        other = round(longest * rng.uniform(0.55, 0.95))
        lying = rng.random() < 0.3
        look = list(LOOKS)[number % len(LOOKS)]
        yield draw_page(rng, fonts, look, *((longest, other) if lying else (other, longest)))


def draw_pages(
    output: Path, count: int, *, longest: int = 640, seed: int = 99, fonts: Sequence[Path] = FONT_FOLDERS
) -> int:
    """Write `count` pages in fonts that training never sees; returns the number of their lines.

    `output` gets pages/ and boxes/, and replaces an older folder as a whole.
    Raises InputError if there are no fonts or a side is out of range, OutputError if the folder cannot be written.
    """
    if not LEAST <= longest <= MOST:
        raise InputError(f"A page of {longest} pixels is not drawn.", [f"--longest takes {LEAST} to {MOST}"])
    seen, unseen = split(find_fonts(fonts))
    lines = 0
    with files.atomic_directory(output) as folder:
        (folder / "pages").mkdir()
        (folder / "boxes").mkdir()
        for number, page in enumerate(pages(unseen or seen, count, longest=longest, seed=seed)):
            Image.fromarray(page.pixels).save(folder / "pages" / f"{number:04d}.jpg", quality=90)
            write_boxes(folder / "boxes" / f"{number:04d}.tsv", page.lines)
            lines += len(page.lines)
    return lines


def main(
    output: Annotated[Path, typer.Argument(help="Folder to write: pages/ and boxes/.")],
    count: Annotated[int, typer.Option(min=1, help="Pages.")] = 100,
    longest: Annotated[int, typer.Option(help="The longer side of a page in pixels.")] = 640,
    seed: Annotated[int, typer.Option(help="The same seed and fonts give the same pages.")] = 99,
    fonts: Annotated[list[Path] | None, typer.Option(help="Font folders instead of the system's.")] = None,
) -> None:
    """Write labelled pages in fonts that training never sees."""
    with console.errors_end_the_program():
        lines = draw_pages(output, count, longest=longest, seed=seed, fonts=tuple(fonts or FONT_FOLDERS))
    console.note(f"{count} pages with {lines} lines")


if __name__ == "__main__":
    typer.run(main)
