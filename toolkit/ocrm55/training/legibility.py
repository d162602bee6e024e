"""What can be decided from a picture at all: in many fonts I and l, or 0 and O, are one and the same shape.

In a word or a number the rest of it tells; in a serial number nobody can, and a set to measure on that asks for it
measures luck.
"""

from __future__ import annotations

import re
import string
from functools import cache
from itertools import combinations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Characters that some font draws alike.
LOOKALIKES = ("0Oo", "1lI|!", "2Z", "5S", "'`", ".,", "-_~", "vy", "({[", ")}]")
SAME = 0.88  # share of the ink that two glyphs have in common at which they count as one shape
# Letters whose capitals are but larger: alone, cropped to their own height, they could be either.
SIZE_ALONE = frozenset("cosuvwxzCOSUVWXZ")

WORD = re.compile(r"[A-Za-z]{3,}|[A-Za-z]+'[A-Za-z]+")
NUMBER = re.compile(r"[-+#$(@x]?\d[\d.,:/&-]*\d(?:[%)]|am|pm|th)?")


@cache
def confusable(path: str) -> frozenset[str]:
    """The characters of a font that share their shape with another one."""
    font = ImageFont.truetype(path, 48)
    found: set[str] = set()
    for group in LOOKALIKES:
        for a, b in combinations(group, 2):
            if likeness(font, a, b) > SAME:
                found |= {a, b}
    return frozenset(found)


def likeness(font: ImageFont.FreeTypeFont, a: str, b: str) -> float:
    """Common ink of two glyphs over their joint ink, both on the same base line, 0 to 1."""
    inks = []
    for char in (a, b):
        left, _, right, _ = font.getbbox(char)
        canvas = Image.new("L", (96, 96), 0)
        ImageDraw.Draw(canvas).text((48 - (left + right) / 2, 20), char, font=font, fill=255)
        inks.append(np.asarray(canvas) > 127)
    return float((inks[0] & inks[1]).sum() / max(1, (inks[0] | inks[1]).sum()))


def decidable(text: str, path: str) -> bool:
    """Whether a person who sees the text in this font can know each character.

    Words may hold any letter, since the word tells. So may numbers hold any digit, as long as one of them cannot be
    anything else; everything else may not hold a shape of two meanings.
    """
    if SIZE_ALONE.issuperset(text.replace(" ", "")):
        return False
    unsure = confusable(path)
    for part in text.split():
        if WORD.fullmatch(part.strip(string.punctuation)):
            continue
        digits = frozenset(part) & frozenset(string.digits)
        known = digits if NUMBER.fullmatch(part) and not digits <= unsure else frozenset()
        if not unsure.isdisjoint(frozenset(part) - known):
            return False
    return True
