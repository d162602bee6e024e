"""Which groups of four and five letters the decoder's language model keeps, and the table that holds them.

tasks/recognizer/letter_groups.py says how the table is read.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from ocrm55.tasks.recognizer.letter_groups import (
    CODE_BITS,
    LEAST_CHANGE,
    LONGEST,
    LOWEST,
    REST,
    STEP,
    WAYS,
    key,
    places,
)
from ocrm55.training.likelihood import Likelihoods

# A group is kept if its likelihood is so many doublings from that of the shorter group, times its share of all symbols.
LEAST_GAIN = 6e-6
FULL = 0.95  # share of the table's entries that are used
TRIES = 2000  # moves of entries before the table is made larger
LEAST_REST = 1e-4
Groups = dict[tuple[tuple[int, ...], int], int]


def chosen(
    likelihoods: Likelihoods,
    index: Callable[[int, float], float],
    change: Callable[[float], float],
    least_gain: float = LEAST_GAIN,
) -> Groups:
    """The codes of the groups that are kept, and of their rests.

    index: of a symbol's likelihood, among the values of factors. change: what a likelihood that is so many times as
    high adds to an index.
    """
    of, found = likelihoods.after, {}
    for length in range(3, LONGEST + 1):
        for before, after in likelihoods.counts[length].items():
            kept = [
                symbol
                for symbol, times in after.items()
                if times * abs(np.log2(of(before, symbol) / of(before[1:], symbol))) >= least_gain * likelihoods.total
            ]
            if not kept:
                continue
            for symbol in kept:
                found[before, symbol] = _code((index(symbol, of(before, symbol)) - LOWEST) / STEP)
            left = 1 - sum(of(before, symbol) for symbol in kept)
            shorter = 1 - sum(of(before[1:], symbol) for symbol in kept)
            rest = max(left, LEAST_REST) / max(shorter, LEAST_REST)
            found[before, REST] = _code((change(rest) - LEAST_CHANGE) / STEP)
    return found


def _code(value: float) -> int:
    return int(np.clip(np.rint(value), 0, (1 << CODE_BITS) - 1))


def packed(groups: Groups, seed: int = 1) -> np.ndarray:
    """The table uint16 [buckets, 4]: each group in one of its two buckets."""
    rng = random.Random(seed)
    buckets = max(1, round(len(groups) / WAYS / FULL))
    while (table := _packed(groups, buckets, rng)) is None:
        buckets += buckets // 50 + 1
    return table


def _packed(groups: Groups, buckets: int, rng: random.Random) -> np.ndarray | None:
    """The same in so many buckets; None where no room was found."""
    rows: list[list[tuple[int, int]]] = [[] for _ in range(buckets)]  # of numbers and codes
    for (before, symbol), code in groups.items():
        entry = (key(before, symbol), code)
        for _ in range(TRIES):
            first, second, _tag = places(entry[0], buckets)
            row = rows[min(first, second, key=lambda bucket: len(rows[bucket]))]
            if len(row) < WAYS:
                row.append(entry)
                break
            row, way = rows[rng.choice((first, second))], rng.randrange(WAYS)
            row[way], entry = entry, row[way]
        else:
            return None
    table = np.zeros((buckets, WAYS), np.uint16)
    for bucket, row in enumerate(rows):
        for way, (number, code) in enumerate(row):
            table[bucket, way] = places(number, buckets)[2] << CODE_BITS | code
    return table
