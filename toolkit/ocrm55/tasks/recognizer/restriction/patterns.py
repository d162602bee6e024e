r"""A subset of regular expressions as an automaton over classes.

Known are characters, `.`, `[a-z_]`, `[^0-9]`, `\d`, `\w`, `\s`, an escaped sign, groups `(...)`, alternatives `|` and
the repeats `?`, `*`, `+`, `{n}`, `{n,}`, `{n,m}`. A pattern describes the whole text. Anything else is refused.

The positions of the pattern are the states of an automaton without empty moves (Glushkov's). Sets of them are integers,
bit by bit. Work and memory have bounds, so that no pattern takes long.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, field

from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.restriction.automaton import Automaton, minimal

MOST_CHARACTERS = 1000  # of a pattern
MOST_REPEATS = 255
MOST_POSITIONS = 2048
MOST_STATES = 4096  # before states with the same future become one
MOST_EDGES = 1 << 16
MOST_WORK = 4_000_000  # positions that are looked at
MOST_DEPTH = 50  # groups within groups
_SIGNS = frozenset("\\.[](){}|?*+^$-/ ,:;'\"!@#%&=<>_~`")
_DIGITS, _WORD = frozenset(string.digits), frozenset(string.ascii_letters + string.digits + "_")
_SETS = {"d": _DIGITS, "w": _WORD, "s": frozenset(" ")}


def compile_pattern(pattern: str, charset: Sequence[str], longest: int) -> Automaton:
    """The automaton of a pattern. charset: of the classes, the blank first. longest: characters of a text.

    Raises InputError, with one sentence, for what is no pattern, asks for too much, or fits no text.
    """
    return _determined(check_pattern(pattern, charset), len(charset), longest)


def check_pattern(pattern: str, charset: Sequence[str]) -> _Positions:
    """What the parts of a pattern are. Raises InputError for what is no pattern."""
    if len(pattern) > MOST_CHARACTERS:
        raise InputError(f"a pattern has at most {MOST_CHARACTERS:,} characters; this one has {len(pattern):,}.")
    return _Parser(pattern, charset).parse()


@dataclass
class _Part:
    """A part of a pattern. first, last: sets of the positions with which its texts begin and end."""

    may_be_empty: bool = True
    first: int = 0
    last: int = 0


@dataclass
class _Positions:
    """classes: of each position, the classes that it takes. follow: the positions that may come after it."""

    classes: list[frozenset[int]] = field(default_factory=list)
    follow: list[int] = field(default_factory=list)
    whole: _Part = field(default_factory=_Part)
    work: int = 0

    def add(self, classes: frozenset[int]) -> _Part:
        if len(self.classes) == MOST_POSITIONS:
            raise _too_much(f"more than {MOST_POSITIONS:,} characters once its repeats are written out")
        self.classes.append(classes)
        self.follow.append(0)
        bit = 1 << (len(self.classes) - 1)
        return _Part(False, bit, bit)

    def join(self, left: _Part, right: _Part) -> _Part:
        """A part behind another."""
        self.link(left.last, right.first)
        return _Part(
            left.may_be_empty and right.may_be_empty,
            left.first | (right.first if left.may_be_empty else 0),
            right.last | (left.last if right.may_be_empty else 0),
        )

    def link(self, sources: int, targets: int) -> None:
        for position in self.members(sources):
            self.follow[position] |= targets

    def members(self, positions: int) -> list[int]:
        """The positions in a set; raises when all that was looked at becomes too much."""
        found = []
        while positions:
            lowest = positions & -positions
            found.append(lowest.bit_length() - 1)
            positions ^= lowest
        self.work += len(found) + 1
        if self.work > MOST_WORK:
            raise _too_much("too much work")
        return found


def _too_much(what: str) -> InputError:
    return InputError(f"the pattern takes {what}.", ["smaller repeats", "a simpler pattern"])


class _Parser:
    """Recursive descent; each rule gives the tree that `_build` makes positions of.

    A tree is ("set", classes), ("seq", trees), ("or", trees) or ("repeat", tree, least, most), most None without end.
    """

    def __init__(self, pattern: str, charset: Sequence[str]) -> None:
        self._text, self._at, self._depth = pattern, 0, 0
        self._charset = charset
        self._all = frozenset(range(1, len(charset)))

    def parse(self) -> _Positions:
        tree = self._alternatives()
        if self._at < len(self._text):
            raise self._refused("closes a group that nothing opens")
        positions = _Positions()
        positions.whole = self._build(tree, positions)
        return positions

    def _refused(self, why: str) -> InputError:
        return InputError(
            f"character {self._at + 1} of the pattern `{self._text[:60]}` {why}.",
            ["docs/restrict.md says what is known"],
        )

    def _next(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _take(self) -> str:
        found = self._next()
        self._at += 1
        return found

    def _alternatives(self) -> tuple:
        found = [self._sequence()]
        while self._next() == "|":
            self._at += 1
            found.append(self._sequence())
        return found[0] if len(found) == 1 else ("or", found)

    def _sequence(self) -> tuple:
        found = []
        while self._next() not in ("", "|", ")"):
            found.append(self._repeated(self._atom()))
        return ("seq", found)

    def _repeated(self, tree: tuple) -> tuple:
        sign = self._next()
        if sign in ("?", "*", "+") and sign:
            self._at += 1
            tree = ("repeat", tree, int(sign == "+"), 1 if sign == "?" else None)
        elif sign == "{":
            tree = ("repeat", tree, *self._numbers())
        else:
            return tree
        if self._next() in ("?", "*", "+", "{") and self._next():
            raise self._refused("repeats what is repeated already")
        return tree

    def _numbers(self) -> tuple[int, int | None]:
        """The numbers of {n}, {n,} or {n,m}."""
        end = self._text.find("}", self._at)
        words = self._text[self._at + 1 : end].split(",") if end > 0 else []
        if len(words) not in (1, 2) or not all(w.isascii() and w.isdigit() for w in words if w) or not words[0]:
            raise self._refused("begins a repeat that is not {n}, {n,} or {n,m}")
        least = int(words[0][-12:])
        most = least if len(words) == 1 else int(words[1][-12:]) if words[1] else None
        longest = max(len(w.lstrip("0")) for w in words)
        if longest > 3 or max(least, most or 0) > MOST_REPEATS:
            raise self._refused(f"asks for more than {MOST_REPEATS} repeats")
        if most is not None and most < least:
            raise self._refused("asks for fewer repeats at most than at least")
        self._at = end + 1
        return least, most

    def _atom(self) -> tuple:
        sign = self._take()
        if sign == "(":
            return self._group()
        if sign == "[":
            return ("set", self._bracket())
        if sign == ".":
            return ("set", self._all)
        if sign == "\\":
            return ("set", self._classes(self._escaped()))
        if sign in "^$*+?{}])":
            self._at -= 1
            raise self._refused("stands for no character here: write a backslash before it")
        return ("set", self._classes(frozenset(sign)))

    def _group(self) -> tuple:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self._refused(f"begins a group within {MOST_DEPTH} others")
        if self._next() == "?":
            if self._text[self._at + 1 : self._at + 2] != ":":
                raise self._refused("begins what this subset of regular expressions does not have")
            self._at += 2
        tree = self._alternatives()
        if self._take() != ")":
            raise self._refused("would have to close a group")
        self._depth -= 1
        return tree

    def _escaped(self) -> frozenset[str]:
        sign = self._take()
        if sign in _SETS:
            return _SETS[sign]
        if sign in _SIGNS and sign:
            return frozenset(sign)
        self._at -= 1
        raise self._refused("follows a backslash, and has no meaning there")

    def _bracket(self) -> frozenset[int]:
        """The classes of [...]."""
        inverted = self._next() == "^"
        self._at += inverted
        found: set[str] = set()
        while self._next() != "]":
            if not self._next():
                raise self._refused("would have to be a ] that closes the set")
            start = self._member()
            if self._next() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                found |= self._range(start, self._member())
            else:
                found |= start
        self._at += 1
        classes = frozenset(i for i, c in enumerate(self._charset) if i and c in found)
        if inverted:
            return self._all - classes
        return self._known(classes, "".join(sorted(found)))

    def _member(self) -> frozenset[str]:
        sign = self._take()
        return self._escaped() if sign == "\\" else frozenset(sign)

    def _range(self, start: frozenset[str], end: frozenset[str]) -> set[str]:
        if len(start) != 1 or len(end) != 1 or not ord(min(start)) <= ord(min(end)):
            raise self._refused("ends a range that goes backwards, or is none")
        low, high = min(start), min(end)
        return {c for c in self._charset if len(c) == 1 and low <= c <= high}

    def _classes(self, characters: frozenset[str]) -> frozenset[int]:
        return self._known(
            frozenset(i for i, c in enumerate(self._charset) if i and c in characters), "".join(sorted(characters))
        )

    def _known(self, classes: frozenset[int], what: str) -> frozenset[int]:
        if not classes:
            self._at -= 1
            raise self._refused(f"stands for `{what[:20]}`, which the model does not read")
        return classes

    def _build(self, tree: tuple, positions: _Positions) -> _Part:
        kind = tree[0]
        if kind == "set":
            return positions.add(tree[1])
        if kind == "seq":
            part = _Part()
            for each in tree[1]:
                part = positions.join(part, self._build(each, positions))
            return part
        if kind == "or":
            parts = [self._build(each, positions) for each in tree[1]]
            whole = _Part(any(p.may_be_empty for p in parts))
            for each in parts:
                whole.first, whole.last = whole.first | each.first, whole.last | each.last
            return whole
        return self._copies(tree, positions)

    def _copies(self, tree: tuple, positions: _Positions) -> _Part:
        """A repeat, written out; without end, the last copy may come again."""
        _, inner, least, most = tree
        whole = _Part()
        for number in range(max(least, 1) if most is None else most):
            before = len(positions.classes)
            part = self._build(inner, positions)
            if most is None and number == max(least, 1) - 1:
                positions.link(part.last, part.first)
            if number >= least:
                part = _Part(True, part.first, part.last)
            whole = positions.join(whole, part)
            if len(positions.classes) == before:
                break  # nothing is in it: more copies are nothing too
        return whole


def _determined(positions: _Positions, classes: int, longest: int) -> Automaton:
    """Sets of positions as states."""
    masks: dict[frozenset[int], int] = {}
    for position, taken in enumerate(positions.classes):
        masks[taken] = masks.get(taken, 0) | 1 << position
    signatures: dict[int, list[int]] = {}
    for index in range(1, classes):
        if mask := sum(mask for taken, mask in masks.items() if index in taken):
            signatures.setdefault(mask, []).append(index)
    start = (positions.whole.first, True)
    states: dict[tuple[int, bool], int] = {start: 0}
    edges: list[dict[int, int]] = []
    groups: list[tuple[int, bool]] = [start]
    count = 0
    for members, is_start in groups:
        reach = members if is_start else 0
        if not is_start:
            for position in positions.members(members):
                reach |= positions.follow[position]
        row: dict[int, int] = {}
        for mask, indices in signatures.items():
            if not reach & mask:
                continue
            state = states.setdefault((reach & mask, False), len(states))
            if state == len(groups):
                groups.append((reach & mask, False))
            row |= dict.fromkeys(indices, state)
        count += len(row)
        edges.append(row)
        if len(groups) > MOST_STATES or count > MOST_EDGES:
            raise _too_much(f"more than {MOST_STATES:,} states or {MOST_EDGES:,} edges")
    ends = {
        number for number, (members, is_start) in enumerate(groups) if not is_start and members & positions.whole.last
    }
    return minimal(edges, ends | ({0} if positions.whole.may_be_empty else set()), longest)
