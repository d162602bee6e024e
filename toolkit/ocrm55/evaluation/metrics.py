"""Accuracy of reading: whole words, single characters, and confusions of characters."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# Lengths in characters that are reported together: narrow steps for words, wider ones for lines.
LENGTHS = ((1, 3), (4, 6), (7, 9), (10, 14), (15, 19), (20, 25), (26, 10**6))
CLASSES = {
    "capitals": string.ascii_uppercase,
    "small letters": string.ascii_lowercase,
    "digits": string.digits,
    "punctuation": string.punctuation,
    "space": " ",
}
Pair = tuple[str, str]  # what is written, what was read


@dataclass
class Share:
    """A count and the total."""

    right: int = 0
    count: int = 0

    def add(self, right: bool) -> None:
        self.right += right
        self.count += 1

    @property
    def value(self) -> float:
        """Between 0 and 1; 0 when nothing was counted."""
        return self.right / self.count if self.count else 0.0


@dataclass
class Scores:
    """The figures of one evaluation.

    exact: words right to the last character. alphanumeric: words right if only letters and digits count, in any case.
    This is the usual protocol of word benchmarks. A label without letters and digits needs a reading without any.
    character_errors: insertions, deletions and substitutions; characters: of all labels.
    by_length: exact match by the label's length; by_class: characters of the labels found in the reading.
    confusions: (written, read) -> how often; "" for nothing, so ("l", "") is a lost l and ("", "l") is an extra l.
    """

    exact: Share = field(default_factory=Share)
    alphanumeric: Share = field(default_factory=Share)
    character_errors: int = 0
    characters: int = 0
    by_length: dict[str, Share] = field(default_factory=dict)
    by_class: dict[str, Share] = field(default_factory=dict)
    confusions: Counter[Pair] = field(default_factory=Counter)

    @property
    def character_error_rate(self) -> float:
        """Character errors over characters written. It is above 1 if much is read where little is written."""
        return self.character_errors / self.characters if self.characters else 0.0

    def as_values(self, most_confusions: int = 40) -> dict[str, object]:
        """For JSON: shares between 0 and 1, with the counts behind them."""

        def values(share: Share) -> dict[str, float]:
            return {"share": round(share.value, 6), "right": share.right, "count": share.count}

        return {
            "exact": values(self.exact),
            "alphanumeric": values(self.alphanumeric),
            "character_error_rate": round(self.character_error_rate, 6),
            "characters": self.characters,
            "by_length": {name: values(share) for name, share in self.by_length.items()},
            "by_class": {name: values(share) for name, share in self.by_class.items()},
            "confusions": [
                {"written": written, "read": read, "count": count}
                for (written, read), count in self.confusions.most_common(most_confusions)
            ],
        }


def alphanumeric(text: str) -> str:
    """The letters and digits of a text, in lower case."""
    return "".join(char for char in text.lower() if char in string.ascii_lowercase or char in string.digits)


def align(written: str, read: str) -> list[Pair]:
    """The cheapest way from one text to the other, character by character; "" stands for nothing.

    Levenshtein's distance is the number of pairs that differ.
    """
    rows, columns = len(written), len(read)
    cost = [list(range(columns + 1))] + [[i + 1] + [0] * columns for i in range(rows)]
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            replaced = cost[i - 1][j - 1] + (written[i - 1] != read[j - 1])
            cost[i][j] = min(replaced, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    pairs = []
    i, j = rows, columns
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (written[i - 1] != read[j - 1]):
            pairs.append((written[i - 1], read[j - 1]))
            i, j = i - 1, j - 1
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            pairs.append((written[i - 1], ""))
            i -= 1
        else:
            pairs.append(("", read[j - 1]))
            j -= 1
    return pairs[::-1]


def errors(written: str, read: str) -> int:
    """Levenshtein's distance: the fewest characters to insert, delete or replace."""
    return sum(a != b for a, b in align(written, read))


def length_class(length: int) -> str:
    """The name of the group that a label's length belongs to, such as `4-6`."""
    for low, high in LENGTHS:
        if low <= length <= high:
            return f"{low}-{high}" if high < 10**6 else f"{low} and more"
    return "0"


def character_class(char: str) -> str:
    """The name of a character's class, such as `digits`."""
    return next((name for name, members in CLASSES.items() if char in members), "others")


def score(pairs: Iterable[Pair]) -> Scores:
    """Count all figures over pairs of (what is written, what was read)."""
    scores = Scores()
    for written, read in pairs:
        scores.exact.add(written == read)
        scores.alphanumeric.add(alphanumeric(written) == alphanumeric(read))
        scores.characters += len(written)
        scores.by_length.setdefault(length_class(len(written)), Share()).add(written == read)
        for was, became in align(written, read):
            if was:
                scores.by_class.setdefault(character_class(was), Share()).add(was == became)
            if was != became:
                scores.character_errors += 1
                scores.confusions[was, became] += 1
    order = [f"{low}-{high}" if high < 10**6 else f"{low} and more" for low, high in LENGTHS]
    scores.by_length = _sorted(scores.by_length, ["0", *order])
    scores.by_class = _sorted(scores.by_class, [*CLASSES, "others"])
    return scores


def _sorted(shares: dict[str, Share], order: Sequence[str]) -> dict[str, Share]:
    return {name: shares[name] for name in order if name in shares}
