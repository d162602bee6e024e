"""Deterministic automata over the classes of a recognizer, as tables for firmware/tasks/recognizer/restricted.c."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ocrm55.errors import InputError

MOST_STATES = 65_535
MOST_EDGES = 262_144
FAR = 255  # characters to go that a table can say

Edges = Sequence[Mapping[int, int]]  # of each state: class -> next state


class NothingError(InputError):
    """No text can fit."""


@dataclass(frozen=True)
class Automaton:
    """Texts are paths from state 0.

    first: uint32 [states + 1], where a state's edges begin. classes, targets: uint16 [edges], in rising order of the
    class. to_go: uint8 [states], the least number of characters to an end; 0 where a text may end.
    """

    first: np.ndarray
    classes: np.ndarray
    targets: np.ndarray
    to_go: np.ndarray

    @property
    def states(self) -> int:
        return len(self.to_go)

    def follow(self, state: int, index: int) -> int | None:
        """The state after a class; None where no text goes on so."""
        start, end = int(self.first[state]), int(self.first[state + 1])
        place = start + int(np.searchsorted(self.classes[start:end], index))
        return int(self.targets[place]) if place < end and self.classes[place] == index else None

    def accepts(self, classes: Sequence[int]) -> bool:
        """Whether a whole text fits."""
        state = 0
        for index in classes:
            following = self.follow(state, index)
            if following is None:
                return False
            state = following
        return bool(self.to_go[state] == 0)

    def within(self, allowed: np.ndarray, longest: int) -> Automaton:
        """The same for texts of allowed classes only. allowed: bool [classes]."""
        edges = [
            {int(self.classes[i]): int(self.targets[i]) for i in range(start, end) if allowed[self.classes[i]]}
            for start, end in zip(self.first, self.first[1:], strict=False)
        ]
        return minimal(edges, {s for s in range(self.states) if self.to_go[s] == 0}, longest)


def minimal(edges: Edges, ends: set[int], longest: int) -> Automaton:
    """The smallest automaton that says the same of all texts of at most `longest` characters.

    edges: of each state; state 0 is the first. ends: states in which a text may end. Raises NothingError when none can,
    InputError when the tables become too large.
    """
    kept = _useful(edges, ends, longest)
    if 0 not in kept:
        raise NothingError("no text fits what is asked for.", [f"a text has at most {longest} characters"])
    trimmed = [{c: t for c, t in edges[s].items() if t in kept} for s in kept]
    numbers = {state: number for number, state in enumerate(kept)}
    rows = [{c: numbers[t] for c, t in row.items()} for row in trimmed]
    return tables(*_merged(rows, [state in ends for state in kept], longest))


def tables(edges: Edges, ends: Sequence[bool]) -> Automaton:
    """The tables of an automaton in which every state leads to an end. Raises InputError when they become too large."""
    count = sum(len(row) for row in edges)
    if len(edges) > MOST_STATES or count > MOST_EDGES:
        raise InputError(
            f"the tables take {len(edges):,} states and {count:,} edges, more than {MOST_STATES:,} and {MOST_EDGES:,}.",
            ["a simpler pattern", "fewer words"],
        )
    first = np.cumsum([0, *(len(row) for row in edges)]).astype(np.uint32)
    ordered = [sorted(row.items()) for row in edges]
    classes = np.array([c for row in ordered for c, _ in row], np.uint16)
    targets = np.array([t for row in ordered for _, t in row], np.uint16)
    distances = _to_go(edges, {s for s, end in enumerate(ends) if end})
    to_go = np.array([min(distances[s], FAR) for s in range(len(edges))], np.uint8)
    return Automaton(first, classes, targets, to_go)


def _useful(edges: Edges, ends: set[int], longest: int) -> list[int]:
    """The states through which a text of at most so many characters passes, the first one first."""
    depths, waiting = {0: 0}, deque([0])
    while waiting:
        state = waiting.popleft()
        for target in edges[state].values():
            if target not in depths:
                depths[target] = depths[state] + 1
                waiting.append(target)
    distances = _to_go(edges, ends)
    return [s for s, depth in depths.items() if s in distances and depth + distances[s] <= longest]


def _to_go(edges: Edges, ends: set[int]) -> dict[int, int]:
    """The least number of characters from a state to an end; states without one are left out."""
    before: dict[int, list[int]] = {}
    for state, row in enumerate(edges):
        for target in row.values():
            before.setdefault(target, []).append(state)
    found, waiting = dict.fromkeys(ends, 0), deque(ends)
    while waiting:
        state = waiting.popleft()
        for source in before.get(state, ()):
            if source not in found:
                found[source] = found[state] + 1
                waiting.append(source)
    return found


def _merged(edges: Edges, ends: Sequence[bool], longest: int) -> tuple[list[dict[int, int]], list[bool]]:
    """States with the same future as one, by Moore's refinement; futures beyond `longest` characters do not count."""
    blocks = [int(end) for end in ends]
    for _ in range(longest + 1):
        seen: dict[tuple[int, ...], int] = {}
        # The first state comes first, so its block is 0.
        new = []
        for block, row in zip(blocks, edges, strict=True):
            future = (block, *(x for c in sorted(row) for x in (c, blocks[row[c]])))
            new.append(seen.setdefault(future, len(seen)))
        stable = len(seen) == len(set(blocks))
        blocks = new
        if stable:
            break
    rows: list[dict[int, int]] = [{} for _ in range(len(set(blocks)))]
    finals = [False] * len(rows)
    for block, row, end in zip(reversed(blocks), reversed(edges), reversed(ends), strict=True):
        rows[block], finals[block] = {c: blocks[t] for c, t in row.items()}, end
    return rows, finals
