"""How sure a text is: each character's probability, place and runner-up, and a calibrated probability that it is right.

firmware/tasks/recognizer/confidence.c computes the same to the last bit: float32, in one order. A logarithm and a power
of two are straight between whole numbers there, so that no library of mathematics decides a bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

STEPS = 96  # the most steps of an output, as in confidence.c

_LEAST, _LOW, _RAISED, _NOTHING = (np.float32(2.0**e) for e in (-20, -40, 40, -100))
_DOUBT, _MOST_ODDS = np.float32(2.0**-20), np.float32(30)
_ZERO, _ONE, _BIAS, _STEP = np.float32(0), np.float32(1), np.float32(127), np.float32(2.0**-23)


@dataclass(frozen=True)
class Calibration:
    """What makes a probability of a text's lead and likelihood: weights of binary logarithms of odds."""

    bias: float
    lead: float
    likelihood: float

    @property
    def values(self) -> tuple[float, float, float]:
        return self.bias, self.lead, self.likelihood


@dataclass(frozen=True)
class Character:
    """A character of a text, by its class. first, last: its steps. runner_up: the likeliest other class there, or 0."""

    index: int
    probability: float
    first: int
    last: int
    runner_up: int
    runner_up_probability: float


@dataclass(frozen=True)
class Confidence:
    """least, mean: of the characters' probabilities. lead: over the next likely text. likelihood: that CTC gives it.

    right: the calibrated probability that the text is right; None where that is not known.
    """

    characters: tuple[Character, ...]
    least: float
    mean: float
    lead: float
    likelihood: float
    right: float | None = None


def measure(
    probabilities: np.ndarray, classes: Sequence[int], lead: float, calibration: Calibration | None
) -> Confidence | None:
    """The confidence of a text. probabilities: float32 [steps, classes]; classes: of the text's characters.

    None where the steps do not hold the text, or are more than `STEPS`.
    """
    values = np.asarray(probabilities, np.float32)
    steps = len(values)
    if not 1 <= steps <= STEPS or len(classes) > steps:
        return None
    states, likelihood = _spread(values, classes)
    places = [[step for step, state in enumerate(states) if state == 2 * i + 1] for i in range(len(classes))]
    if not all(places):
        return None
    characters = tuple(
        _character(values, index, place[0], place[-1]) for index, place in zip(classes, places, strict=True)
    )
    total, least = _ZERO, _ONE if characters else _ZERO
    for each in characters:
        total = total + np.float32(each.probability)
        least = min(least, np.float32(each.probability))
    mean = total / np.float32(len(characters)) if characters else _ZERO
    sure = _share(np.float32(lead))
    right = None if calibration is None else calibrated(calibration, sure, likelihood)
    return Confidence(characters, float(least), float(mean), float(sure), float(likelihood), right)


def _share(values: Any) -> Any:
    """Values within 0 and 1, an array or one; 0 for what is no number."""
    return np.where(values > 0, np.where(values < 1, values, _ONE), _ZERO).astype(np.float32)[()]


def _spread(values: np.ndarray, classes: Sequence[int]) -> tuple[list[int], np.float32]:
    """The state of each step on the best way to spread a text over the steps, and the sum of all ways."""
    path = np.zeros(2 * len(classes) + 1, np.int64)
    path[1::2] = classes
    skips = np.zeros(len(path), bool)
    skips[3::2] = path[3::2] != path[1:-2:2]
    best = np.zeros(len(path), np.float32)
    best[0] = 1
    total = best.copy()
    came = []
    for frame in values:
        p = _share(frame[path])
        one, two = (np.concatenate([np.zeros(n, np.float32), best])[: len(path)] for n in (1, 2))
        chosen = np.where(one > best, np.int64(1), np.int64(0))
        most = np.maximum(one, best)
        skipped = skips & (two > most)
        came.append(np.where(skipped, 2, chosen))
        best = np.where(skipped, two, most) * np.maximum(p, _LEAST)
        first, second = (np.concatenate([np.zeros(n, np.float32), total])[: len(path)] for n in (1, 2))
        total = ((total + first) + np.where(skips, second, _ZERO)) * p
        total = np.where(total < _NOTHING, _ZERO, total)
        low = best.max() < _LOW
        best = np.where(best < _NOTHING, _ZERO, best)
        best = best * _RAISED if low else best
    end = len(path) - 1
    state = end - 1 if end and best[end - 1] > best[end] else end
    states = []
    for row in reversed(came):
        states.append(state)
        state -= int(row[state])
    likelihood = _share(total[end] + (total[end - 1] if end else _ZERO))
    return states[::-1], np.float32(likelihood)


def _character(values: np.ndarray, index: int, first: int, last: int) -> Character:
    frames = values[first : last + 1]
    probability = _share(frames[:, index]).max()
    runner_up, second = 0, _ZERO
    for frame in frames:
        others = np.where(np.isnan(frame), _ZERO, frame)
        others[[0, index]] = 0
        # As long as a later class is likelier than what was found, it takes its place, at 1 at most.
        for other in np.flatnonzero(others > second):
            if others[other] > second:
                runner_up, second = int(other), np.float32(_share(others[other]))
    return Character(index, float(probability), first, last, runner_up, float(second))


def _halvings(value: np.float32) -> np.float32:
    """The binary logarithm of 1 / (1 - value), straight between powers of two."""
    doubt = max(_ONE - value, _DOUBT)
    return np.float32(_BIAS - np.float32(np.float32(doubt).view(np.int32)) * _STEP)


def features(lead: float, likelihood: float) -> np.ndarray:
    """What a calibration weighs: float64 [3], of which the first is 1."""
    return np.array([1, _halvings(_share(np.float32(lead))), _halvings(np.float32(likelihood))], np.float64)


def both(likelihood: np.float32, other: np.float32) -> np.float32:
    """The likelihood of a text of two parts."""
    product = np.float32(likelihood * other)
    return _ZERO if product < _NOTHING else product


def calibrated(by: Calibration, lead: np.float32, likelihood: np.float32) -> float:
    """The probability that a text of this lead and this likelihood is right."""
    bias, of_lead, of_likelihood = (np.float32(value) for value in by.values)
    odds = np.float32(bias + np.float32(of_lead * _halvings(lead)))
    odds = np.float32(odds + np.float32(of_likelihood * _halvings(likelihood)))
    bounded = min(max(odds, -_MOST_ODDS), _MOST_ODDS)
    against = np.int32(np.float32(_BIAS - bounded) * np.float32(2.0**23)).view(np.float32)
    return float(np.float32(_ONE / np.float32(_ONE + against)))
