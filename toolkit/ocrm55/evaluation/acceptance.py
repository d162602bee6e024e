"""How many texts are accepted, and how many of those are wrong, by the calibrated probability that a text is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocrm55.evaluation.readings import Reading

SHARES = (0.001, 0.01, 0.05)  # of wrong texts among those accepted, for which a threshold is named
LEAST_COUNT = 50  # texts in a tenth that is held to a bar


@dataclass(frozen=True)
class Threshold:
    """Texts from a probability on. least: that probability; accepted, wrong: texts."""

    least: float
    accepted: int
    wrong: int

    @property
    def share(self) -> float:
        """The share of the accepted texts that is wrong."""
        return self.wrong / self.accepted if self.accepted else 0.0


@dataclass(frozen=True)
class Tenth:
    """Texts with a probability from `start` to `start` + 0.1. expected: their mean probability; right: how many are."""

    start: float
    count: int
    expected: float
    right: int

    @property
    def difference(self) -> float:
        """By how much more is expected to be right than is."""
        return self.expected - self.right / self.count


def known(readings: Sequence[Reading]) -> list[tuple[float, bool]]:
    """Probability, and whether the text is right, of all readings whose probability is known; the surest first."""
    rows = [(r.right, r.read == r.written) for r in readings if r.right is not None]
    return sorted(rows, key=lambda row: -row[0])


def curve(readings: Sequence[Reading]) -> list[Threshold]:
    """A threshold for each probability that occurs, the highest first."""
    found: list[Threshold] = []
    accepted = wrong = 0
    rows = known(readings)
    for place, (probability, is_right) in enumerate(rows):
        accepted, wrong = accepted + 1, wrong + (not is_right)
        if place + 1 == len(rows) or rows[place + 1][0] < probability:
            found.append(Threshold(probability, accepted, wrong))
    return found


def threshold(readings: Sequence[Reading], share: float) -> Threshold | None:
    """The lowest threshold at which at most this share of the accepted texts is wrong; None where there is none."""
    return next((each for each in reversed(curve(readings)) if each.share <= share), None)


def accepted(readings: Sequence[Reading], least: float) -> Threshold:
    """What a threshold accepts."""
    rows = [is_right for probability, is_right in known(readings) if probability >= least]
    return Threshold(least, len(rows), rows.count(False))


def tenths(readings: Sequence[Reading]) -> list[Tenth]:
    """All tenths of the probability that hold a text."""
    found = []
    for number in range(10):
        rows = [row for row in known(readings) if min(int(row[0] * 10), 9) == number]
        if rows:
            mean = sum(probability for probability, _ in rows) / len(rows)
            found.append(Tenth(number / 10, len(rows), mean, sum(is_right for _, is_right in rows)))
    return found
