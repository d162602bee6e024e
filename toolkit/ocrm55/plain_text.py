"""The characters that a line can show, and the notation of the others.

Names of files and layers, characters of dictionaries and a simulator's output come from strangers. A control character
in them could colour a terminal or rename its window, a line separator could begin a line that we never said, and a
direction mark could turn a word around.
"""

from __future__ import annotations

import unicodedata

# Controls, line and paragraph separators, lone surrogates, characters without a look such as direction marks, and
# numbers that stand for no character.
_UNSHOWN = frozenset({"Cc", "Zl", "Zp", "Cs", "Cf", "Cn"})
_JOINERS = "\u200c\u200d"  # Persian and Indic words are spelt with these


def is_shown(character: str) -> bool:
    """Whether a line can hold this character as it is."""
    return character in _JOINERS or unicodedata.category(character) not in _UNSHOWN


def shown(text: str, keep: str = "") -> str:
    """`text` with each character that no line can hold written as its escape, such as `\\x1b`; `keep` stays."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or is_shown(c) else escaped(c) for c in text)


SPACE = "\u2423"  # an open box


def with_spaces(text: str) -> str:
    """A text whose spaces are to be seen: each is an open box."""
    return text.replace(" ", SPACE)


def escaped(character: str) -> str:
    """A character as Python writes it in ASCII, such as `\\x1b`."""
    return character.encode("unicode_escape").decode()


def first_unshown(text: str) -> str | None:
    """The name of the first character that no line can hold, such as `U+2028 LINE SEPARATOR`; None without one."""
    for character in text:
        if not is_shown(character):
            name = unicodedata.name(character, "a control character")
            return f"U+{ord(character):04X} {name}"
    return None


def counted(count: int, one: str, several: str = "") -> str:
    """A number with its noun: 1 box, 2 boxes. several: the plural, where it is not one with an s."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
