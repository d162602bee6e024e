"""Labels that a larger reader made better: the case of letters, and spaces that labels have lost.

    python -m ocrm55.training.teacher DATA READER OUTPUT.tsv
    python -m ocrm55.training.teacher DATA READER OUTPUT.tsv --apart DATA/val.txt --most 10000

DATA is a labelled set, READER a folder with one .onnx file of a recognizer and PaddleOCR's `inference.yml` beside it.
Some sets give receipts in capitals whatever the picture shows. The label says which letters and signs there are. The
reader says only their case, and where there are spaces. A picture of which the reader reads something else is left out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import yaml

from ocrm55 import console, files
from ocrm55.errors import InputError
from ocrm55.evaluation.words import Word, load_names, load_words, read_pixels, trainable
from ocrm55.tasks.recognizer.ctc import kept_steps
from ocrm55.training.samples import collate_pixels, resize

LEAST_ALIKE = 0.8  # below, one of the two has read another line, for instance a neighbour in a loose box
WIDEST = 960  # pixels at height 48; longer lines teach nothing once they are squeezed into 320


@dataclass(frozen=True)
class _Sign:
    """A character that is no space, and whether there is a space before it."""

    char: str
    spaced: bool


def _signs(text: str) -> list[_Sign]:
    return [
        _Sign(char, place > 0 and text[place - 1] == " ") for place, char in enumerate(text) if char != " "
    ]  # fmt: skip


def merged(label: str, reading: str) -> str | None:
    """The label with the case and the further spaces of a reading; None where the two are too different.

    A letter that the reading does not have is of the case that most of its letters have.
    """
    signs, read = _signs(label), _signs(reading)
    alike = SequenceMatcher(None, [s.char.lower() for s in signs], [s.char.lower() for s in read], autojunk=False)
    if alike.ratio() < LEAST_ALIKE:
        return None
    letters = [s.char for s in read if s.char.isalpha()]
    capitals = 2 * sum(char.isupper() for char in letters) >= len(letters)
    text = [_Sign(s.char.upper() if capitals else s.char.lower(), s.spaced) for s in signs]
    for start, start_read, count in alike.get_matching_blocks():
        for offset in range(count):
            seen, said = read[start_read + offset], signs[start + offset]
            # Where the block begins, what stands before differs, and so may the space.
            text[start + offset] = _Sign(seen.char, said.spaced or (seen.spaced and offset > 0))
    return "".join(f" {sign.char}" if sign.spaced else sign.char for sign in text).strip()


class Reader:
    """A recognizer in ONNX Runtime, on one core; pictures keep their ratio, however long they are."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        programs = sorted(folder.glob("*.onnx"))
        settings = folder / "inference.yml"
        if len(programs) != 1 or not settings.is_file():
            raise InputError(f"{folder} does not hold one .onnx file and an inference.yml.")
        characters = yaml.safe_load(settings.read_text(encoding="utf-8"))["PostProcess"]["character_dict"]
        self.characters = ["", *map(str, characters), " "]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session: Any = onnxruntime.InferenceSession(programs[0], options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def read(self, pixels: np.ndarray) -> str:
        """The text in a picture [H, W, 3] RGB, decoded step by step."""
        image = collate_pixels([resize(pixels, WIDEST)])
        (scores,) = self.session.run(None, {self.input: image})
        classes = scores[0].argmax(axis=1)
        return "".join(self.characters[index] for index in classes[kept_steps(classes)])


def labels(words: list[Word], reader: Reader) -> Iterator[tuple[Word, str]]:
    """Each word that the reader reads much as its label says, with the better label."""
    for word in words:
        pixels = read_pixels(word)
        if 48 * pixels.shape[1] > WIDEST * pixels.shape[0]:
            continue
        text = merged(word.text, reader.read(pixels))
        if text:
            yield word, text


def main(
    data: Annotated[Path, typer.Argument(help="A labelled set, as for `ocrm55 train`.")],
    reader: Annotated[Path, typer.Argument(help="Folder with an .onnx recognizer and its inference.yml.")],
    output: Annotated[Path, typer.Argument(help="The new label file; it names the pictures by their full paths.")],
    apart: Annotated[Path | None, typer.Option(help="List of pictures that are left out.")] = None,
    most: Annotated[int, typer.Option(min=0, help="So many pictures, drawn at random; 0 for all.")] = 0,
) -> None:
    """Write labels with the case and spaces that a larger recognizer sees."""
    with console.errors_end_the_program():
        left_out = load_names(apart) if apart else set()
        words = [word for word in trainable(load_words(data)) if word.name not in left_out]
        random.Random(1).shuffle(words)
        words = words[: most or None]
        lines = [f"{word.path.resolve()}\t{text}\n" for word, text in labels(words, Reader(reader))]
        files.write_text(output, "".join(lines))
        console.note(f"{output}: {len(lines)} of {len(words)} pictures")


if __name__ == "__main__":
    typer.run(main)
