"""The 97 classes of the English recognizer: the character of each output of the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ocrm55 import files, plain_text, plain_yaml, resources
from ocrm55.errors import InputError, first_line

MOST_CLASSES = 65535  # the firmware keeps a class in 16 bits
LONGEST_CHARACTER = 16  # letters in an entry of a dictionary: one, with the marks that join it
_TRIES = ["use the dictionary that the model was trained with"]
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
        lines = files.read_text(path).split("\n")
    except (OSError, UnicodeDecodeError) as trouble:
        raise InputError(f"the dictionary {path} cannot be read: {trouble}.") from trouble
    characters = [line.rstrip("\r") for line in lines]
    return [character for character in characters if character]


def read_dictionary(path: Path) -> list[str]:
    """The characters of a user's file: one a line, or the character_dict of settings in YAML.

    Raises InputError for a file that is none, or holds what cannot stand in a line.
    """
    if path.suffix in (".yml", ".yaml"):
        found = plain_yaml.load(path)
        while isinstance(found, dict):
            found = found.get("character_dict", found.get("PostProcess"))
        if not isinstance(found, list) or not found:
            raise InputError(f"{path} has no character_dict.", ["name a file with one character a line"])
        return checked(found, str(path))
    return checked(_of_lines(_text(path), str(path)), str(path))


def of_metadata(text: str, where: str) -> list[str]:
    """The characters that RapidOCR's models note in their metadata, one a line. where: for messages."""
    return checked(_of_lines(text, where), where)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            raise InputError(f"the dictionary {path} {what}.", _TRIES)
        if path.stat().st_size > plain_yaml.MOST_BYTES:
            raise InputError(f"the dictionary {path} has more than {plain_yaml.MOST_BYTES:,} bytes.", _TRIES)
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as trouble:
        raise InputError(f"the dictionary {path} cannot be read: {first_line(trouble)}.", _TRIES) from trouble


def _of_lines(text: str, where: str) -> list[str]:
    """Only the line feed ends a line. Empty lines at the end are none."""
    lines = [line.rstrip("\r") for line in text.rstrip("\r\n").split("\n")]
    if "" in lines:
        raise InputError(f"line {lines.index('') + 1} of {where} is empty: a class has no character.", _TRIES)
    return lines


def checked(characters: Sequence[object], where: str) -> list[str]:
    """The characters of a dictionary, if each can stand in a line. Raises InputError. where: for messages."""
    if len(characters) > MOST_CLASSES - 2:
        raise InputError(f"{where} names {len(characters)} characters; {MOST_CLASSES - 2} is the most.")
    found: list[str] = []
    for number, character in enumerate(characters, 1):
        text = character if isinstance(character, str) else ""
        wrong = "a list" if not isinstance(character, str) else plain_text.first_unshown(text)
        if wrong is None and len(text) > LONGEST_CHARACTER:
            wrong = f"{len(text)} characters long; {LONGEST_CHARACTER} is the most"
        if wrong is not None:
            raise InputError(f"character {number} in {where} cannot stand in a line: it is or has {wrong}.", _TRIES)
        found.append(text)
    return found


def with_blank_and_space(characters: Sequence[str]) -> list[str]:
    """The classes that PaddleOCR makes of a dictionary: CTC's blank (here "") first, one more space last.

    The English dictionary already ends with a space, so two classes stand for it, 95 and 96. The official models are
    trained like that. Class 96 is never the likeliest.
    """
    return ["", *characters, " "]


def load_charset() -> list[str]:
    """The 97 classes of the English PP-OCRv3 recognizer; index 0 is the CTC blank, an empty string."""
    return with_blank_and_space(load_dictionary())
