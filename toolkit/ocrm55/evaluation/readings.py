"""The reading of one picture, and the work of a worker that reads some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocrm55.evaluation import metrics
from ocrm55.evaluation.readers import Reader
from ocrm55.evaluation.words import Word
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer.ctc import Recognition


@dataclass(frozen=True)
class Reading:
    """One picture: its name and label, and what was read with which score.

    right: the calibrated probability that the text is right, None where it is not known. lead, likelihood: of the text.
    """

    name: str
    written: str
    read: str
    score: float
    right: float | None = None
    lead: float | None = None
    likelihood: float | None = None

    @property
    def errors(self) -> int:
        """Characters to change to get from the reading to the label."""
        return metrics.errors(self.written, self.read)


def read_task(reader: Reader, task: Sequence[Word]) -> list[Reading]:
    """Read the pictures of one task."""
    answers = reader.recognise([read_image(word.path) for word in task])
    return [_reading(word, answer) for word, answer in zip(task, answers, strict=True)]


def _reading(word: Word, answer: Recognition) -> Reading:
    sure = answer.confidence
    known = () if sure is None else (sure.right, sure.lead, sure.likelihood)
    return Reading(word.name, word.text, answer.text, answer.score, *known)
