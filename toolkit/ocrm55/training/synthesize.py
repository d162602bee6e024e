"""`python -m ocrm55.training.synthesize`: a labelled set of synthetic lines, for `ocrm55 eval`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from ocrm55 import console, files
from ocrm55.training import checks
from ocrm55.training.fonts import FONT_FOLDERS, find_fonts, split


def synthesize(
    output: Path,
    count: int,
    *,
    clean: bool,
    seed: int = 99,
    fonts: Sequence[Path] = FONT_FOLDERS,
    form: str = "",
) -> list[str]:
    """Write `count` pictures of lines in fonts that training never sees, and labels.tsv; return the fonts' families.

    clean: as drawn; otherwise as a scanner or a straight camera shows them. Lines have 1 to 25 characters and are
    squeezed into 320 pixels if they are longer. form: of fields.FORMS, instead of
    lines. An older `output` is replaced as a whole.
    Raises InputError if there are no fonts, OutputError if the folder cannot be written.
    """
    seen, unseen = split(find_fonts(fonts))
    if form:
        check = checks.of_form(unseen or seen, count, form, clean=clean, seed=seed)
    else:
        check = checks.unseen_fonts(unseen or seen, count, clean=clean, seed=seed)
    with files.atomic_directory(output) as folder:
        (folder / "images").mkdir()
        rows = []
        for number, sample in enumerate(check.samples):
            name = f"images/{number:05d}.png"
            Image.fromarray(sample.pixels).save(folder / name)
            rows.append(f"{name}\t{sample.text}\n")
        (folder / "labels.tsv").write_text("".join(rows), encoding="utf-8")
    return sorted({font.family for font in unseen or seen})


class Form(StrEnum):
    """The texts that are drawn."""

    LINE = "line"
    VIN = "vin"
    METER = "meter"
    DATE = "date"


def main(
    output: Annotated[Path, typer.Argument(help="Folder to write: images/ and labels.tsv.")],
    count: Annotated[int, typer.Option(min=1, help="Pictures.")] = 1000,
    clean: Annotated[bool, typer.Option("--clean", help="As drawn, without blur, noise and perspective.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed and fonts give the same pictures.")] = 99,
    form: Annotated[
        Form, typer.Option(help="Lines of any text, or vehicle numbers, meter readings, dates.")
    ] = Form.LINE,
    fonts: Annotated[list[Path] | None, typer.Option(help="Font folders instead of the system's.")] = None,
) -> None:
    """Write a labelled set of synthetic lines in fonts that training never sees."""
    with console.errors_end_the_program():
        chosen = "" if form == Form.LINE else form.value
        families = synthesize(output, count, clean=clean, seed=seed, fonts=tuple(fonts or FONT_FOLDERS), form=chosen)
    console.note(f"{count} lines in {len(families)} families: {', '.join(families)}")


if __name__ == "__main__":
    typer.run(main)
