"""The prose of a page: its sentences, without code, tables and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ITEM = re.compile(r"\s*([-*]|\d+\.) +")
# A full stop or colon ends a sentence when a space and something that may begin one follow.
_END = re.compile(r"(?<=[.!?:])[\"”*)]*\s+(?=[\"“*(\[]*[A-Z0-9`])")


def sentences(text: str) -> list[str]:
    """The sentences of paragraphs and list items; code between backquotes counts as one word."""
    found = []
    for paragraph in _paragraphs(text):
        plain = re.sub(r"`[^`]*`", "`", paragraph)
        plain = re.sub(r"\]\([^)]*\)|<https?:[^>]*>", "", plain)
        found += [sentence for sentence in _END.split(plain) if re.search(r"\w", sentence)]
    return found


def outside_code(text: str) -> Iterator[str]:
    """The lines of a page that are in no code block; blank lines included."""
    fenced = False
    inside = False  # a paragraph or list item, whose continued lines may be indented
    for line in text.splitlines():
        if line.strip().startswith("```"):
            fenced = not fenced
        elif not fenced and (inside or not line.startswith("    ") or _ITEM.match(line)):
            yield line
            inside = bool(line.strip())


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in [*outside_code(re.sub(r"<!--.*?-->", "", text, flags=re.S)), ""]:
        item = _ITEM.match(line)
        ends = not line.strip() or line.startswith(("#", "|"))
        if (ends or item) and lines:
            yield " ".join(lines)
            lines = []
        if not ends:
            lines.append(line[item.end() :] if item else line.strip())
