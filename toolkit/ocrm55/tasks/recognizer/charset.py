"""The 97 classes of the English recognizer: the character of each output of the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ocrm55 import resources
from ocrm55.errors import InputError

DICTIONARY = "en_ppocrv3_rec/en_dict.txt"  # in models/


def load_dictionary(path: Path | None = None) -> list[str]:
    """The characters of a PaddleOCR dictionary file, one a line, in the order of the file.

    Default: the English dictionary of PP-OCRv3, `ppocr/utils/en_dict.txt` of PaddleOCR, 94 visible ASCII characters
    and a space. PaddleOCR has a second `utils/dict/en_dict.txt` with another order; with that one,
    the texts are fluent nonsense. Raises InputError when the file cannot be read as UTF-8 text.
    """
    path = path or resources.folder("models") / DICTIONARY
    try:
        # Only the line feed ends a line. A dictionary may hold characters at which str.splitlines() splits.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as trouble:
        raise InputError(f"the dictionary {path} cannot be read: {trouble}.") from trouble
    characters = [line.rstrip("\r") for line in lines]
    return [character for character in characters if character]


def with_blank_and_space(characters: Sequence[str]) -> list[str]:
    """The classes that PaddleOCR makes of a dictionary: CTC's blank (here "") first, one more space last.

    The English dictionary already ends with a space, so two classes stand for it, 95 and 96. The official models are
    trained like that. Class 96 is never the likeliest.
    """
    return ["", *characters, " "]


def load_charset() -> list[str]:
    """The 97 classes of the English PP-OCRv3 recognizer; index 0 is the CTC blank, an empty string."""
    return with_blank_and_space(load_dictionary())
