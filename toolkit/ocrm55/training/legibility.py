"""Which characters a picture can show at all: in many fonts I and l, or 0 and O, have one and the same shape.

The rest of a word, a number or a code often tells which it is. Where nothing tells, a set that asks for the character
measures luck.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from functools import cache
from itertools import combinations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocrm55.training.texts import CODE_LETTERS, CODE_SEPARATORS

# Characters that some fonts draw with the same shape.
LOOKALIKES = ("0Oo", "1lI|!", "2Z", "5S", "'`", ".,", "-_~", "vy", "({[", ")}]")
SAME = 0.88  # two glyphs count as one shape if they have this share of the ink in common
# Letters whose capitals are only larger: alone, cropped to their own height, they could be either.
SIZE_ALONE = frozenset("cosuvwxzCOSUVWXZ")

WORD = re.compile(r"[A-Za-z]{3,}|[A-Za-z]+'[A-Za-z]+")
NUMBER = re.compile(r"[-+#$(@x]?\d[\d.,:/&-]*\d(?:[%)]|am|pm|th)?")
IN_CODES = frozenset(CODE_LETTERS + CODE_SEPARATORS)


@cache
def confusable(path: str) -> dict[str, frozenset[str]]:
    """The characters of a font that share their shape with others; for each, those others."""
    font = ImageFont.truetype(path, 48)
    found: dict[str, frozenset[str]] = {}
    for group in LOOKALIKES:
        for a, b in combinations(group, 2):
            if likeness(font, a, b) > SAME:
                found[a] = found.get(a, frozenset()) | {b}
                found[b] = found.get(b, frozenset()) | {a}
    return found


@cache
def digits_like_letters(path: str) -> bool:
    """Whether a font's 0 is nearly its o, as in old-style figures, or its 1 is a bare stroke like I, l or |.

    In such a font the neighbours tell a digit. Fonts drawn by chance give too little practice for this.
    """
    font = ImageFont.truetype(path, 48)
    return likeness(font, "0", "o") > 0.6 or any(likeness(font, "1", char) > 0.8 for char in "Il|")


def likeness(font: ImageFont.FreeTypeFont, a: str, b: str) -> float:
    """The ink that two glyphs have in common, over all their ink, both on the same base line, 0 to 1."""
    inks = []
    for char in (a, b):
        left, _, right, _ = font.getbbox(char)
        canvas = Image.new("L", (96, 96), 0)
        ImageDraw.Draw(canvas).text((48 - (left + right) / 2, 20), char, font=font, fill=255)
        inks.append(np.asarray(canvas) > 127)
    return float((inks[0] & inks[1]).sum() / max(1, (inks[0] | inks[1]).sum()))


def decidable(text: str, path: str) -> bool:
    """Whether a person who sees the text in this font can know each character, if necessary by its neighbours."""
    if SIZE_ALONE.issuperset(text.replace(" ", "")):
        return False
    others = confusable(path)
    return all(_decidable(part, others) for part in text.split())


def _decidable(part: str, others: Mapping[str, frozenset[str]]) -> bool:
    """A word tells its letters. A number tells its digits, if one of them is certain. A code tells that it has no small
    letters. Any other text must not contain a shape of two meanings.
    """
    if WORD.fullmatch(part.strip(string.punctuation)):
        return True
    unsure = {char for char in part if char in others}
    digits = {char for char in part if char in string.digits}
    if NUMBER.fullmatch(part) and not digits <= unsure:
        return unsure <= digits
    if len(part) > 2 and IN_CODES.issuperset(part) and not set(part) <= unsure:
        return all(others[char].isdisjoint(IN_CODES) for char in unsure)
    return not unsure
