"""Labelled pages: a folder with `pages/NAME.jpg` and `boxes/NAME.tsv`, which says where each line stands.

A row of a box file is `x1 y1 x2 y2 x3 y3 x4 y4 text`, separated by tabs. The corners are in pixels, clockwise from the
upper left corner of the text as it is read. `###` stands for text that nobody has to find.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import files
from ocrm55.errors import InputError
from ocrm55.evaluation.words import load_names

PICTURES = (".jpg", ".jpeg", ".png")
LABELS = (".tsv", ".txt")
UNKNOWN = "###"
FARTHEST = 1e6  # pixels; a corner further away is a slip of the pen


@dataclass(frozen=True)
class Line:
    """A line of a page. corners: float32 [4, 2], x and y in pixels, clockwise from the text's upper left corner.

    text: what is written; `###` where nobody could read it.
    """

    corners: np.ndarray
    text: str

    @property
    def height(self) -> float:
        """Mean of the left and the right edge, in pixels."""
        edges = self.corners[[3, 2]] - self.corners[[0, 1]]
        return float(np.linalg.norm(edges, axis=1).mean())

    @property
    def known(self) -> bool:
        """Whether the line counts."""
        return self.text != UNKNOWN


@dataclass(frozen=True)
class LabelledPage:
    """name: the picture's name without its ending; path: the picture; lines: what stands on it."""

    name: str
    path: Path
    lines: tuple[Line, ...]


def load_pages(data: Path, *, only: Path | None = None, limit: int = 0) -> list[LabelledPage]:
    """The pages of a folder by name: all, those that the list `only` names, or the first `limit` of them.

    Raises InputError for a folder without pages, a page without boxes, two pictures of one name, a name
    without a page, and a wrong row.
    """
    folder = data / "pages"
    if not folder.is_dir():
        raise InputError(f"{data} has no folder `pages`.", ["pages/NAME.jpg and boxes/NAME.tsv, a line of text a row"])
    pictures = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PICTURES]
    found = {path.stem: path for path in pictures}
    for path in pictures:
        if found[path.stem] != path:
            raise InputError(
                f"{path} and {found[path.stem].name} are one page's name.", ["rename or remove one of them"]
            )
    names = sorted(found)
    if only:
        wanted = load_names(only)
        if unknown := sorted(wanted - set(found)):
            raise InputError(f"{only} names {unknown[0]}, of which {folder} has no picture.")
        names = [name for name in names if name in wanted]
    names = names[:limit] if limit else names
    if not names:
        raise InputError(f"{folder} holds no pictures.", [f"their names end in {', '.join(PICTURES)}"])
    return [LabelledPage(name, found[name], _load_boxes(data / "boxes", name)) for name in names]


def _load_boxes(folder: Path, name: str) -> tuple[Line, ...]:
    for ending in LABELS:
        if (folder / f"{name}{ending}").is_file():
            return load_boxes(folder / f"{name}{ending}")
    raise InputError(f"{folder} has no boxes for the page {name}.", [f"write {folder / name}{LABELS[0]}"])


def load_boxes(path: Path) -> tuple[Line, ...]:
    """The lines of a box file. Raises InputError with the number of a row that is wrong."""
    try:
        rows = files.read_text(path, encoding="utf-8-sig").split(
            "\n"
        )  # a text may hold other characters that split lines
    except (OSError, UnicodeDecodeError) as trouble:
        raise InputError(f"{path} cannot be read as UTF-8 text: {trouble}.") from trouble
    return tuple(_line(row, f"{path}:{number}") for number, row in enumerate(rows, 1) if row.strip())


def _line(row: str, where: str) -> Line:
    parts = row.split("\t", 8)
    try:
        corners = np.array([float(part) for part in parts[:8]], np.float32).reshape(4, 2)
    except ValueError:
        corners = np.full((4, 2), np.nan, np.float32)
    if len(parts) < 9 or not (np.abs(corners) < FARTHEST).all():  # NaN is not below anything
        raise InputError(f"{where} is not eight numbers and a text, separated by tabs.")
    return Line(corners, parts[8])


def write_boxes(path: Path, lines: Iterable[Line]) -> None:
    """Write a box file, corners to a tenth of a pixel."""
    path.write_text("".join(_row(line.corners, line.text) for line in lines), encoding="utf-8")


def _row(corners: np.ndarray, text: str) -> str:
    numbers: Sequence[float] = [float(value) for value in np.asarray(corners).reshape(-1)]
    return "\t".join([*(f"{value:.1f}" for value in numbers), text]) + "\n"
