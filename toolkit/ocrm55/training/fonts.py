"""Fonts of the machine: those that can be read, those without lower case, and the families that training never sees."""

from __future__ import annotations

import hashlib
import json
import random
import string
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFont

from ocrm55 import files
from ocrm55.errors import InputError

FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts")
PRINTABLE = string.digits + string.ascii_letters + string.punctuation

# Names of fonts, or of their files, whose glyphs are no letters, or are too thin for a height of 48 pixels.
UNREADABLE = (
    "hairline", "thin", "extralight", "mathtex", "symbol", "dingbat", "d050000l", "keyboard", "initials",
    "icon", "emoji", "libertine_k", "biolinum_k", "alfabetix", "alfa-beta", "ellhnikh", "stick-", "stixsize",
    "stixnonuni", "stixvar", "stixint", "barcode", "braille", "music", "math", "lmmath", "rfm",
)  # fmt: skip
# A package of display fonts and families; a person cannot read many of them either.
DECORATIVE = ("aenigma", "elegante", "penguin")
# In the names of fonts with small capitals for lower case.
SMALL_CAPITALS = ("smallcaps", "adfstyle", "adftitling", "humor-sans")
# Fonts drawn after one design: a clone of a training font must not pass for one never seen.
CLONES = {
    "helvetica": "liberationsans arimo nimbussans freesans texgyreheros arkpandora albany lmsans heros arial switzera",
    "times": "liberationserif tinos nimbusroman freeserif texgyretermes thorndale termes stix romande lmroman",
    "courier": "liberationmono cousine nimbusmono freemono texgyrecursor cumberland courierprime cursor lmmono",
    "palatino": "p052 texgyrepagella pagella",
    "bookman": "urwbookman texgyrebonum bonum",
    "schoolbook": "c059 texgyreschola schola centurycatalogue",
    "avantgarde": "urwgothic texgyreadventor adventor",
    "chancery": "z003 texgyrechorus chorus",
    "vera": "dejavu bitstreamvera hack verana",
    "baskerville": "baskervald",
    "gill": "gillius cabin",
    "carlito": "carlito lato",
    "roboto": "roboto heebo",
    "karla": "karla karmilla",
    "opendyslexic": "opendyslexic",
}


@dataclass(frozen=True)
class Font:
    """One font file.

    caps: lower-case letters look like capitals, so only capitals may be written with it.
    decorative: made to look at, not to read; good for training in small doses, useless for measuring.
    """

    path: str
    family: str
    caps: bool
    decorative: bool = False


def family_of(name: str) -> str:
    """The design that a family name belongs to: "DejaVu Sans Mono" and "Hack" are both "vera"."""
    plain = "".join(c for c in name.lower() if c.isalnum())
    for design, members in CLONES.items():
        if plain.startswith(design) or any(plain.startswith(member) for member in members.split()):
            return design
    words = [word for word in name.lower().replace("-", " ").split() if word not in ("the", "gfs", "adf", "sil", "new")]
    return words[0] if words else plain


def examine(path: Path) -> Font | None:
    """The font, if it draws each of the 94 printable characters differently from its box for missing glyphs."""
    try:
        font = ImageFont.truetype(str(path), 32)
        name = font.getname()[0] or path.stem
        if any(word in f"{path.name} {name}".lower() for word in UNREADABLE):
            return None
        missing = bytes(font.getmask("\uffff"))
        glyphs = {}
        for char in PRINTABLE:
            mask = font.getmask(char)
            if mask.size[0] == 0 or mask.size[1] == 0 or bytes(mask) == missing:
                return None
            glyphs[char] = (mask.size, bytes(mask))
    except (OSError, ValueError):  # a damaged file does not count as a font
        return None
    family = family_of(name)
    if len({mask for _, mask in glyphs.values()}) < 60:  # one picture for many characters
        return None
    decorative = family in DECORATIVE or any(word in path.parts for word in DECORATIVE)
    caps = _knows_no_lower_case(font) or any(word in path.name.lower() for word in SMALL_CAPITALS)
    return Font(str(path), family, caps=caps, decorative=decorative)


def _knows_no_lower_case(font: ImageFont.FreeTypeFont) -> bool:
    """Whether lower-case letters look like capitals or small capitals."""
    likeness = []
    for char in "abdeghnqrt":
        small, capital = (
            np.asarray(Image.frombytes("L", mask.size, bytes(mask)).resize((24, 24))) > 100
            for mask in (font.getmask(char), font.getmask(char.upper()))
        )
        likeness.append((small & capital).sum() / max(1, (small | capital).sum()))
    return float(np.mean(likeness)) > 0.7


def find_fonts(folders: Iterable[Path] = FONT_FOLDERS) -> list[Font]:
    """All usable TrueType and OpenType fonts below the folders, sorted by path. Takes some 5 ms a font.

    Raises InputError when there is none.
    """
    paths = {path for folder in folders if folder.is_dir() for path in folder.rglob("*.[ot]tf")}
    fonts = [font for path in sorted(paths) if (font := examine(path))]
    if not fonts:
        raise InputError(
            "No usable font was found on this machine.",
            [
                "install fonts, for example: apt-get install fonts-dejavu fonts-liberation fonts-open-sans",
                "--fonts DIR",
            ],
        )
    return fonts


def held_out(family: str, one_in: int = 8) -> bool:
    """Whether a family is kept for evaluation. A hash of its name decides, so every machine decides the same."""
    if family in CLONES:
        return False
    return int.from_bytes(hashlib.sha256(family.encode()).digest()[:4], "big") % one_in == 0


def split(fonts: Sequence[Font]) -> tuple[list[Font], list[Font]]:
    """(fonts to train on, fonts never seen), split by whole families.

    If no family of the machine is held out by name, the last family is.
    """
    unseen = [font for font in fonts if held_out(font.family) and not font.decorative]
    families_unseen = {font.family for font in unseen}
    seen = [font for font in fonts if font.family not in families_unseen]
    families = sorted({font.family for font in fonts})
    if not unseen and len(families) > 1:
        seen = [font for font in fonts if font.family != families[-1]]
        unseen = [font for font in fonts if font.family == families[-1]]
    return (seen, unseen) if seen else (list(fonts), unseen)


def save_fonts(destination: Path, fonts: Sequence[Font]) -> None:
    """Write a list of fonts, so that the next run need not search for them."""
    files.write_text(destination, json.dumps([asdict(font) for font in fonts], indent=1) + "\n")


def load_fonts(source: Path) -> list[Font]:
    """Read a list that `save_fonts` wrote; files that have disappeared are left out."""
    return [Font(**row) for row in json.loads(source.read_text(encoding="utf-8")) if Path(row["path"]).is_file()]


class FontChooser:
    """Draws a family first and then one of its fonts, so a family of forty cuts counts once."""

    def __init__(self, fonts: Sequence[Font], decorative: float = 0.08) -> None:
        self._plain = _by_family(font for font in fonts if not font.decorative)
        self._decorative = _by_family(font for font in fonts if font.decorative)
        self._share = decorative if self._plain and self._decorative else float(bool(self._decorative))

    def choose(self, rng: random.Random) -> Font:
        """One font; `decorative` of the constructor is the share of decorative ones."""
        families = self._decorative if rng.random() < self._share else self._plain
        return rng.choice(rng.choice(families))


def _by_family(fonts: Iterable[Font]) -> list[list[Font]]:
    families: dict[str, list[Font]] = {}
    for font in fonts:
        families.setdefault(font.family, []).append(font)
    return [families[name] for name in sorted(families)]
