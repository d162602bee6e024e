"""Greedy CTC decoding: from probabilities to a text and its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ocrm55.tasks.recognizer.confidence import Confidence


@dataclass(frozen=True)
class Recognition:
    """A text. `score` is the mean probability of the kept characters, 0 for an empty text.

    fits: whether a text was found that keeps the restriction, if there is one; seen: otherwise, what would have been
    read without it. classes: of the characters. lead: over the next likely text, as far as the decoder knows one.
    confidence: where it was asked for.
    """

    text: str
    score: float
    fits: bool = True
    seen: Recognition | None = None
    classes: tuple[int, ...] = field(default=(), compare=False)
    lead: float = field(default=1.0, compare=False)
    confidence: Confidence | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """The line that the firmware prints."""
        return f"text: {self.text}, score: {self.score:.6f}"


def kept_steps(classes: np.ndarray) -> np.ndarray:
    """The steps that become characters: not blank (class 0) and no repetition of the step before; bool [steps]."""
    previous = np.concatenate([[-1], classes[:-1]])
    return (classes != 0) & (classes != previous)


def likelihood(probabilities: np.ndarray, classes: Sequence[int] | np.ndarray) -> float:
    """The probability that CTC gives a text: the sum over all ways to spread it over the steps.

    probabilities: float [steps, classes]. classes: the classes of the text's characters, without blanks.
    """
    path = np.zeros(2 * len(classes) + 1, np.int64)  # a blank before, between and behind the characters
    path[1::2] = classes
    frames = np.asarray(probabilities, np.float64)[:, path]
    skips = np.zeros(len(path), bool)  # whether the blank in front may be left out
    skips[2:] = (path[2:] != 0) & (path[2:] != path[:-2])
    reached = np.zeros(len(path))
    reached[:2] = frames[0, :2]
    for frame in frames[1:]:
        before = np.concatenate([[0, 0], reached])
        reached = frame * (reached + before[1:-1] + np.where(skips, before[:-2], 0))
    return float(reached[-2:].sum())


def least_lead(probabilities: np.ndarray) -> float:
    """The smallest lead of a text, as firmware/tasks/recognizer/ctc.c computes it, 0 to 1.

    The lead of a step is the probability of its likeliest class, less that of the likeliest class that would change
    the text. The smallest lead counts.
    """
    classes = probabilities.argmax(axis=1)
    padded = [0, *classes.tolist(), 0]
    least = np.float32(1)
    for frame, before, best, after in zip(probabilities, padded, padded[1:], padded[2:], strict=False):
        rivals = frame.copy()
        rivals[[c for c in (0, before, best, after) if _added(before, c, after) == _added(before, best, after)]] = 0
        least = min(least, np.float32(frame[best] - max(rivals.max(), np.float32(0))))
    return float(least)


def _added(before: int, index: int, after: int) -> list[int]:
    """The change of the text by a step of a class, with the step after it."""
    return [c for c, previous in ((index, before), (after, index)) if c not in (0, previous)]


def decode(probabilities: np.ndarray, charset: Sequence[str]) -> Recognition:
    """Decode probabilities float32 [steps, classes]; `charset[0]` is the blank.

    The score is summed in float32 in the order of the steps and divided in float32, as the firmware does it, so that
    both print the same digits. Raises ValueError when the shapes do not fit, which is a bug of the caller.
    """
    probabilities = np.asarray(probabilities, dtype=np.float32)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(charset):
        raise ValueError(f"probabilities {probabilities.shape} do not fit {len(charset)} classes")
    classes = probabilities.argmax(axis=1)
    kept = kept_steps(classes)
    total = np.float32(0)
    for likeliest in probabilities.max(axis=1)[kept]:
        total = np.float32(total + likeliest)
    count = int(kept.sum())
    score = float(total / np.float32(count)) if count else 0.0
    found = tuple(int(index) for index in classes[kept])
    return Recognition("".join(charset[index] for index in found), score, classes=found)
