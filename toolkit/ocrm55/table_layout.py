"""Tables as lines of text that fit a width, with every cell whole.

A table that is too wide first wraps its texts, and its headings, between words. If that is not enough, its last columns
go to a second line below the others, indented. Numbers are never broken.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

GAP = 2  # spaces between columns
INDENT = 4  # of the lines below the first
NARROWEST = 14  # cells that a text may be wrapped to
_PIECES = re.compile(r"[^\s./_·-]+[./_·-]*|[./_·-]+|\s+")


@dataclass(frozen=True)
class _Column:
    """heading, cells: texts. is_number: kept whole, and set at the right."""

    heading: str
    cells: list[str]
    is_number: bool

    @property
    def natural(self) -> int:
        return max(map(cell_len, (self.heading, *self.cells)))

    @property
    def least(self) -> int:
        """The width below which a number would be broken, or a text unreadable."""
        words = max((cell_len(word) for word in self.heading.split()), default=0)
        longest = max(map(cell_len, self.cells), default=0)
        return max(words, longest if self.is_number else min(longest, NARROWEST))


def lines(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, right: Collection[str] = ()) -> list[str]:
    """The table's lines, at most `width` cells wide: those of the headings, then those of the rows.

    right: names of the columns of numbers. A number that is wider than `width` is broken after all.
    """
    table = [
        _Column(name, [row[place] if place < len(row) else "" for row in rows], name in right)
        for place, name in enumerate(columns)
    ]
    groups = list(_groups(table, width))
    sizes = [_sizes(group, width - INDENT * bool(number)) for number, group in enumerate(groups)]
    found = []
    for number in range(-1, len(rows)):  # -1: the headings
        for place, (group, size) in enumerate(zip(groups, sizes, strict=True)):
            texts = [column.heading if number < 0 else column.cells[number] for column in group]
            part = _row(texts, size, [column.is_number for column in group])
            if place and not any(line.strip() for line in part):
                continue  # nothing stands in the second line of this row
            found += [f"{' ' * INDENT * bool(place)}{line}".rstrip() for line in part]
    return found


def _groups(table: Sequence[_Column], width: int) -> Iterator[list[_Column]]:
    """The columns that go side by side: all of them, or as many as fit in a line, and so on."""
    group: list[_Column] = []
    room = width
    for column in table:
        if group and sum(each.least + GAP for each in group) + column.least > room:
            yield group
            group, room = [], width - INDENT
        group.append(column)
    yield group


def _sizes(group: Sequence[_Column], width: int) -> list[int]:
    """The columns' widths: what they want if there is room, else the widest gets narrower."""
    sizes = [column.natural for column in group]
    if sum(sizes) + GAP * (len(sizes) - 1) > width:  # headings are wrapped first
        sizes = [max(column.least, *map(cell_len, column.cells), 1) for column in group]
    least = [min(column.least, width) for column in group]
    while sum(sizes) + GAP * (len(sizes) - 1) > width:
        spare = [size - small for size, small in zip(sizes, least, strict=True)]
        if max(spare) <= 0:
            return [min(size, width) for size in sizes]
        sizes[spare.index(max(spare))] -= 1
    return sizes


def _row(texts: Sequence[str], sizes: Sequence[int], numbers: Sequence[bool]) -> list[str]:
    wrapped = [wrap(text, size) for text, size in zip(texts, sizes, strict=True)]
    found = []
    for number in range(max(map(len, wrapped))):
        cells = [cell[number] if number < len(cell) else "" for cell in wrapped]
        set_ = [
            f"{' ' * (size - cell_len(text))}{text}" if right else f"{text}{' ' * (size - cell_len(text))}"
            for text, size, right in zip(cells, sizes, numbers, strict=True)
        ]
        found.append((" " * GAP).join(set_))
    return found


def wrap(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` cells, broken between words, behind `.`, `/`, `_` and `-`, or anywhere."""
    if cell_len(text) <= width:
        return [text]
    found, line = [], ""
    for piece in _PIECES.findall(text):
        if line and cell_len(line + piece.rstrip()) > width:
            found.append(line.rstrip())
            line = ""
        for char in piece:
            if cell_len(line + char) > width:
                found.append(line.rstrip())
                line = ""
            line += char if line or not char.isspace() else ""
    return [each for each in (*found, line.rstrip()) if each] or [""]
