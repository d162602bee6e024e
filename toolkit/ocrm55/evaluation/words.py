"""Labelled pictures of words: a folder with `labels.tsv`, or PaddleOCR's `rec_gt` list."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ocrm55 import files
from ocrm55.errors import InputError
from ocrm55.pictures import read_image

Pixels = np.ndarray  # uint8 [height, width, 3] RGB
READABLE = frozenset(string.digits + string.ascii_letters + string.punctuation + " ")
# Photographs have any size; more pixels than this teach a network of 48 rows nothing.
MOST_LINES = 96
MOST_BYTES = 64 << 20  # of a label file
MOST_CHARACTERS = 1000  # of a label


@dataclass(frozen=True)
class Word:
    """One labelled picture. name: its path as the label file has it."""

    name: str
    path: Path
    text: str


def find_labels(data: Path) -> Path:
    """The label file of a folder, or the file itself when `data` is one."""
    if data.is_file():
        return data
    for name in ("labels.tsv", "rec_gt.txt", "rec_gt_train.txt", "rec_gt_test.txt", "rec_gt_label.txt"):
        if (data / name).is_file():
            return data / name
    found = "a folder without labels.tsv or rec_gt.txt" if data.is_dir() else "neither a folder nor a file"
    raise InputError(f"{data} is {found}.", ["write labels.tsv there: path, tab, text, one picture a line"])


def load_words(data: Path, most: int | None = None) -> list[Word]:
    """Read the labels of a folder or label file: `path<TAB>text` a line, paths relative to the file.

    most: lines that are taken. Raises InputError for more, for a line without a tab, with its number, and for a
    missing picture.
    """
    labels = find_labels(data)
    words = []
    try:
        lines = files.read_text(labels, MOST_BYTES, encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as trouble:
        raise InputError(f"{labels} cannot be read as UTF-8 text: {trouble}.") from trouble
    if most is not None and len(lines) > most:
        raise InputError(f"{labels} has {len(lines):,} lines; {most:,} are the most here.", ["take some of them"])
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, tab, text = line.partition("\t")
        if not tab:
            raise InputError(f"{labels}:{number} has no tab between path and text.", ["path, tab, text on each line"])
        if len(text) > MOST_CHARACTERS:
            raise InputError(
                f"{labels}:{number} has a text of {len(text):,} characters, which is no line of a picture."
            )
        path = labels.parent / name
        if not _is_file(path):
            raise InputError(f"{labels}:{number} names {path}, which does not exist.")
        words.append(Word(name, path, text))
    if not words:
        raise InputError(f"{labels} names no pictures.")
    return words


def _is_file(path: Path) -> bool:
    """Whether it is a file; no name that no file can have is one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def load_names(path: Path) -> set[str]:
    """The first column of a list such as val.txt: names of pictures that are kept apart."""
    try:
        lines = files.read_text(path, encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as trouble:
        raise InputError(f"{path} cannot be read as UTF-8 text: {trouble}.") from trouble
    return {line.partition("\t")[0].strip() for line in lines if line.strip()}


def split_words(words: Sequence[Word], kept_apart: Iterable[str]) -> tuple[list[Word], list[Word]]:
    """(words to train on, words to validate on). Raises InputError when a name kept apart is in no label file."""
    apart = set(kept_apart)
    unknown = apart - {word.name for word in words}
    if unknown:
        raise InputError(f"{sorted(unknown)[0]} is to be kept apart but has no label ({len(unknown)} such names).")
    return [w for w in words if w.name not in apart], [w for w in words if w.name in apart]


def trainable(words: Iterable[Word]) -> list[Word]:
    """The words whose text the network knows: not empty, and only of the 95 characters."""
    return [word for word in words if word.text and READABLE.issuperset(word.text)]


def read_pixels(word: Word) -> Pixels:
    """The picture [H, W, 3] in RGB, at most 96 lines, as all commands read it. Raises InputError as read_image does."""
    pixels = np.ascontiguousarray(read_image(word.path)[:, :, ::-1])
    height, width = pixels.shape[:2]
    if height > MOST_LINES:
        size = (max(4, round(width * MOST_LINES / height)), MOST_LINES)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return pixels


def two_tones(pixels: Pixels) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """(background, letters) of a picture [H, W, 3], by Otsu's threshold; None if the two are hardly different."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    _, mask = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    rim = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    back = int(rim.mean() > 0.5)
    if not (mask == back).any() or not (mask != back).any():
        return None
    colours = [pixels[mask == side].mean(0) for side in (back, 1 - back)]
    if abs(float(colours[0].mean() - colours[1].mean())) < 25:
        return None
    return (tuple(int(v) for v in colours[0]), tuple(int(v) for v in colours[1]))


class WordPictures:
    """The pictures of a labelled set, in memory, drawn at random with their texts."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = trainable(words)
        if not self.words:
            raise InputError("No picture of the set has a text of the 95 characters that the network knows.")
        self.pixels = [read_pixels(word) for word in self.words]

    def palette(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Pairs of colours (background, letters) that occur together."""
        return [pair for pixels in self.pixels if (pair := two_tones(pixels))]

    def draw(self, rng: random.Random) -> tuple[Pixels, str]:
        """One picture [H, W, 3] RGB and its text."""
        index = rng.randrange(len(self.words))
        return self.pixels[index], self.words[index].text
