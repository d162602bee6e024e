"""A list of words as a minimal acyclic automaton: what begins or ends alike is there once.

The words come in sorted order, so that what no later word can change becomes one with its like at once (Daciuk and
others, 2000).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ocrm55 import files
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.restriction.automaton import MOST_STATES, Automaton, NothingError, tables

MOST_BYTES = 2 << 20
MOST_WORDS = 150_000


def read(file: Path) -> list[str]:
    """The words of a file, one a line; empty lines do not count. Raises InputError."""
    try:
        lines = files.read_bytes(file, MOST_BYTES).decode("utf-8").split("\n")
    except OSError as trouble:
        raise InputError(f"{file} cannot be read: {trouble.strerror}.") from trouble
    except UnicodeDecodeError as trouble:
        raise InputError(f"{file} is no text in UTF-8.") from trouble
    words = [line.removesuffix("\r") for line in lines]
    words = [word for word in words if word]
    if not words:
        raise InputError(f"{file} names no word.", ["one word a line"])
    if len(words) > MOST_WORDS:
        raise InputError(f"{file} has {len(words):,} words; at most {MOST_WORDS:,} fit.", ["a shorter list"])
    return words


def classes_of(words: Iterable[str], charset: Sequence[str], longest: int) -> list[tuple[int, ...]]:
    """Each word as classes. Raises InputError for one that no model of these characters can say."""
    known = {character: index for index, character in enumerate(charset) if index and len(character) == 1}
    found = []
    for word in words:
        unknown = next((c for c in word if c not in known), None)
        if unknown is not None:
            raise InputError(
                f"the word `{word[:40]}` has the character `{unknown}`, which the model does not read.",
                ["leave the word out"],
            )
        if len(word) > longest:
            raise InputError(
                f"the word `{word[:40]}` has {len(word)} characters; a text has at most {longest}.",
                ["leave the word out"],
            )
        found.append(tuple(known[c] for c in word))
    return found


def compile_words(words: Iterable[tuple[int, ...]]) -> Automaton:
    """The automaton of words in classes. Raises InputError when there are none, or too many."""
    register: dict[tuple, int] = {}
    edges: list[dict[int, int]] = []
    ends: list[bool] = []
    path: list[dict[int, int]] = [{}]  # of the word before, state by state: what is known of each
    path_ends = [False]
    before: tuple[int, ...] = ()

    def close(depth: int) -> None:
        """Give the states of the word before that lie deeper than `depth` their numbers."""
        while len(path) - 1 > depth:
            row, end = path.pop(), path_ends.pop()
            key = (end, *sorted(row.items()))
            number = register.get(key)
            if number is None:
                number = register[key] = len(edges)
                edges.append(row)
                ends.append(end)
                if number >= MOST_STATES:
                    raise InputError(f"the words take more than {MOST_STATES:,} states.", ["a shorter list"])
            path[-1][before[len(path) - 1]] = number

    for word in sorted(set(words)):
        common = next(
            (i for i, (a, b) in enumerate(zip(word, before, strict=False)) if a != b), min(len(word), len(before))
        )
        close(common)
        for _ in word[common:]:
            path.append({})
            path_ends.append(False)
        path_ends[-1] = True
        before = word
    if not before and not path_ends[0]:
        raise NothingError("no text fits what is asked for.", ["other words"])
    close(0)
    return tables(*_first_state_first([*edges, path[0]], [*ends, path_ends[0]]))


def _first_state_first(edges: list[dict[int, int]], ends: list[bool]) -> tuple[list[dict[int, int]], list[bool]]:
    """The same with the last state as state 0."""
    last = len(edges) - 1
    rows = [{c: last - t for c, t in row.items()} for row in reversed(edges)]
    return rows, ends[::-1]
