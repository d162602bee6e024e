"""The recognizer as a task: a picture of one line goes in, CTC's classes come out step by step."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ocrm55 import resources
from ocrm55.errors import InputError
from ocrm55.normalisation import Normalisation
from ocrm55.restriction import UNRESTRICTED, Restriction
from ocrm55.tasks import base
from ocrm55.tasks.base import Extras
from ocrm55.tasks.recognizer import context, ctc, decoding, headers, image
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.confidence import Calibration
from ocrm55.tasks.recognizer.ctc import Recognition
from ocrm55.tasks.recognizer.model import CAME, OFFICIAL, RecognizerFolder, to_onnx
from ocrm55.tasks.recognizer.restriction.restriction import Tables, check_words, tables_of


class Merit(base.Merit):
    """Outputs are probabilities [1, steps, classes]; an answer is a text, as classes without repeats and blanks.

    Probabilities decide, not texts: of a hundred hard images, any two roundings of a network read several differently.
    """

    def answer(self, output: np.ndarray) -> np.ndarray:
        classes = _steps(output).argmax(axis=-1)
        return classes[ctc.kept_steps(classes)]

    def sure(self, output: np.ndarray, answer: np.ndarray) -> float:
        return ctc.likelihood(_steps(output), answer)

    def divergence(self, found: np.ndarray, wanted: np.ndarray) -> float:
        f, w = _steps(found), _steps(wanted)
        return (w * (np.log(w + 1e-9) - np.log(f + 1e-9))).sum()


def _steps(output: np.ndarray) -> np.ndarray:
    return output.reshape(-1, output.shape[-1])


class RecognizerNetwork(base.Network):
    """A recognizer's folder, or an ONNX file with the bundled English classes."""

    merit = Merit()

    def __init__(self, source: Path) -> None:
        self.source = source
        folder = RecognizerFolder(source) if not source.is_file() else None
        self.normalisation = Normalisation() if folder is None else folder.levels
        self.charset = load_charset() if folder is None else list(folder.charset)
        self._folder = folder
        self.restriction = UNRESTRICTED

    def to_onnx(self, destination: Path, height: int | None, width: int | None, look: base.Look | None = None) -> Path:
        assert self._folder is not None, "an ONNX file is one already"
        size = self._folder.sized(height, width)
        return to_onnx(self.source, destination, (1, 3, *size), look=look)

    @property
    def lead(self) -> float:
        """By which a reading at less than full width stands."""
        return decoding.LEAD if self._folder is None else self._folder.lead

    def restricted(self, asked: Restriction) -> RecognizerNetwork:
        chosen = copy(self)
        chosen.restriction = asked
        return chosen

    def check_restriction(self) -> None:
        check_words(self.restriction, self.charset)

    def tables(self, steps: int) -> Tables | None:
        """The tables of the restriction for an output of so many steps; None without one. Raises InputError."""
        return tables_of(self.restriction, self.charset, steps)

    def resize(self, pixels: np.ndarray, height: int, width: int) -> np.ndarray:
        return image.resize(pixels, height, width)

    def check_output(self, shape: Sequence[int]) -> None:
        if len(self.charset) != shape[-1]:
            raise InputError(
                f"{self.source} has {shape[-1]} classes and a charset of {len(self.charset)} characters.",
                ["export the model again"],
            )

    def takes_rows(self, shape: Sequence[int], decoder: str) -> bool:
        in_context = decoding.for_network(decoder, self.charset, shape[-2]) == decoding.CONTEXT
        return not in_context and self.restriction == UNRESTRICTED

    def extras(self, shape: Sequence[int], decoder: str) -> Extras:
        steps = shape[-2]
        fitting = decoding.for_network(decoder, self.charset, steps)
        return headers.extras(
            self.charset, steps, fitting, self.lead, self.tables(steps), self.calibration(decoder, steps)
        )

    def calibration(self, decoder: str, steps: int) -> Calibration | None:
        """What makes a probability of a text's confidence; None where the model's settings do not say."""
        known = {} if self._folder is None else self._folder.calibrations
        return known.get(decoding.for_network(decoder, self.charset, steps))

    def decode_with_confidence(self, output: np.ndarray, decoder: str) -> Recognition:
        """As `decode`, and how sure the text is."""
        steps = _steps(output)
        found = self.decode(output, decoder)
        return decoding.with_confidence(found, steps, self.calibration(decoder, len(steps)))

    def decode(self, output: np.ndarray, decoder: str) -> Recognition:
        steps = _steps(output)
        return decoding.decode(steps, self.charset, decoder, self.tables(len(steps)))


class Recognizer(base.Task):
    """Reads a picture of one line of text."""

    name = "recognizer"
    decoders = (decoding.CONTEXT, decoding.GREEDY)
    models = MappingProxyType({**CAME, **OFFICIAL})

    @property
    def calibration(self) -> Path:
        return resources.folder("models") / "calibration"

    def __init__(self, dictionary: Path | None = None) -> None:
        self._dictionary = dictionary

    def with_dictionary(self, file: Path) -> Recognizer:
        return Recognizer(file)

    def export(self, source: str, destination: Path) -> RecognizerFolder:
        from ocrm55.tasks.recognizer import sources

        return sources.export(source, destination, self._dictionary)

    def files(self, decoder: str) -> list[Path]:
        return [context.bundled()] if decoder == decoding.CONTEXT else []

    def network(self, source: Path) -> RecognizerNetwork:
        return RecognizerNetwork(source)


RECOGNIZER = Recognizer()
