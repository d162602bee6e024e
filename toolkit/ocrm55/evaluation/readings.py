"""The reading of one picture, and the work of a worker that reads some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocrm55.evaluation import metrics
from ocrm55.evaluation.readers import Reader
from ocrm55.evaluation.words import Word
from ocrm55.pictures import read_image


@dataclass(frozen=True)
class Reading:
    """One picture: its name and label, and what was read with which score."""

    name: str
    written: str
    read: str
    score: float

    @property
    def errors(self) -> int:
        """Characters to change to get from the reading to the label."""
        return metrics.errors(self.written, self.read)


def read_task(reader: Reader, task: Sequence[Word]) -> list[Reading]:
    """Read the pictures of one task."""
    answers = reader.recognise([read_image(word.path) for word in task])
    return [
        Reading(word.name, word.text, answer.text, answer.score) for word, answer in zip(task, answers, strict=True)
    ]
