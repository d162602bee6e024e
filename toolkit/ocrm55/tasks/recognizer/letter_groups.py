"""What letter comes after three and after four others: likely groups of letters, in a table that is found by hashes.

A table of all groups of five symbols would have 20 million entries. This one has only those that tell more than shorter
groups do. An entry has 16 bits: 11 of the group's hash, which tell groups apart, and 5 of the code. A group lies in one
of two buckets of four entries, so that a search looks at eight entries and the table has hardly a gap.

A group that is not in the table may be taken for another one, once in 250 times. The tables were measured so, and
firmware/tasks/recognizer/language.h finds the same entries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WAYS = 4  # entries of a bucket
TAGS, CODE_BITS = 2047, 5
FILLER = 31  # in a group of four, the place of the fifth letter
REST = 31  # in the place of a group's last symbol: all symbols that have no group of their own
NO_SYMBOL = 255
LONGEST = 4  # letters before the last symbol
# A code c is an index 4 c + 128 into the values of factors; the code of a rest changes an index by 4 c - 84.
STEP, LOWEST, LEAST_CHANGE = 4, 128, -84
_WORD = 0xFFFFFFFF


def key(letters: Sequence[int], symbol: int) -> int:
    """The number of a group: its three or four letters before, the nearest last, and its last symbol; or REST."""
    number = FILLER if len(letters) < LONGEST else letters[0]
    for each in (*letters[-3:], symbol):
        number = number << 5 | each
    return number


def places(number: int, buckets: int) -> tuple[int, int, int]:
    """The two buckets of a group's number, and its tag, 1 to 2047."""
    first = number * 0x9E3779B1 & _WORD
    first ^= first >> 15
    first = first * 0x85EBCA6B & _WORD
    first ^= first >> 13
    second = first * 0xC2B2AE35 & _WORD
    second ^= second >> 16
    return first * buckets >> 32, second * buckets >> 32, 1 + second % TAGS


class LetterGroups:
    """A table uint16 [buckets, 4] of groups; an entry is 32 tag + code, or 0."""

    def __init__(self, table: np.ndarray) -> None:
        if table.dtype != np.uint16 or table.ndim != 2 or table.shape[1] != WAYS:
            raise ValueError("groups of letters are uint16 [buckets, 4]")
        self.table = table
        self._found: dict[tuple[tuple[int, ...], int, int], int] = {}

    def find(self, letters: Sequence[int], symbol: int) -> int | None:
        """The code of a group, 0 to 31; None where the table has none."""
        buckets = len(self.table)
        if not buckets:
            return None
        first, second, tag = places(key(letters, symbol), buckets)
        for bucket in (first, second):
            for entry in self.table[bucket].tolist():
                if entry >> CODE_BITS == tag:
                    return int(entry) & (1 << CODE_BITS) - 1
        return None

    def index(self, letters: tuple[int, ...], symbol: int, index: int) -> int:
        """The index of a symbol's factor behind four letters, the nearest last, from that behind two of them.

        A longer group's own code replaces the index; that of its rest changes it. Groups with a character that is no
        letter count for nothing.
        """
        asked = (letters, symbol, index)
        if asked not in self._found:
            self._found[asked] = self._index(letters, symbol, index)
        return self._found[asked]

    def _index(self, letters: tuple[int, ...], symbol: int, index: int) -> int:
        for length in (3, 4):
            before = letters[-length:]
            if NO_SYMBOL in before:
                break
            rest = self.find(before, REST)
            if rest is None:
                continue
            own = self.find(before, symbol)
            index = index + STEP * rest + LEAST_CHANGE if own is None else STEP * own + LOWEST
            index = min(max(index, 0), 255)
        return index
