"""Have operators run in stripes of rows, so that the large tensors between them never exist whole.

Every operator is computed once, on the same kernels. A tensor whose readers and writers all go by rows may become a
window: they then form a segment, which runs stripe by stripe. Rows that the next stripe reads again are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from heapq import heappop, heappush
from math import lcm

from ocrm55.compiler.memory import rows as row_rules
from ocrm55.compiler.memory.rows import Rule
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.operators.stripes import Piece, Rows, Segment, Window


@dataclass
class Striping:
    """A lowered program, and what can be done by rows in it. The program stays unchanged."""

    program: Program
    _readers: dict[str, list[Operator]] = field(default_factory=dict)
    _writers: dict[str, list[Operator]] = field(default_factory=dict)
    _read_early: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for operator in self.program.operators:
            for name in row_rules.activations(self.program, operator):
                self._readers.setdefault(self.program.storage(name), []).append(operator)
            for name in map(self.program.storage, operator.outputs):
                self._writers.setdefault(name, []).append(operator)
                if name in self._readers:  # of a part, before another part is written
                    self._read_early.add(name)

    @cached_property
    def heights(self) -> dict[str, int]:
        return row_rules.heights(self.program)

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """Of operators, by the name of what they write."""
        found = {}
        for operator in self.program.steps:
            names = {*row_rules.activations(self.program, operator), *operator.outputs}
            rule = row_rules.rule(self.program, operator, self.heights)
            if rule is not None and not self._read_early & {self.program.storage(name) for name in names}:
                found[operator.outputs[0]] = rule
        return found

    @cached_property
    def candidates(self) -> dict[str, int]:
        """The tensors that may become windows, largest first, and their bytes."""
        sizes = {name: self.program.tensors[name].bytes for name in self.heights if self._may_be_window(name)}
        return dict(sorted(sizes.items(), key=lambda entry: (-entry[1], entry[0])))

    def _may_be_window(self, name: str) -> bool:
        tensor, readers, writers = self.program.tensors[name], self._readers.get(name), self._writers.get(name, [])
        if not readers or self.heights[name] < 2 or tensor.role not in ("activation", "input"):
            return False
        if bool(writers) == (tensor.role == "input") or self.program.storage(self.program.output.name) == name:
            return False
        return all(o.outputs[0] in self.rules for o in writers) and all(self._reads_rows(o, name) for o in readers)

    def _reads_rows(self, operator: Operator, name: str) -> bool:
        rule = self.rules.get(operator.outputs[0])
        if rule is None:
            return False
        reads = zip(row_rules.activations(self.program, operator), rule.reads((0, rule.step)), strict=True)
        return all(read is not None for tensor, read in reads if self.program.storage(tensor) == name)

    def striped(self, least_bytes: int, stripes: Sequence[int]) -> Program | None:
        """The program with windows for the tensors of at least so many bytes, where the order of operators allows it.

        None if there are none. stripes: of each segment; the last number serves those that follow. Operators are copies
        without targets.
        """
        groups = self._groups(least_bytes)
        if not groups.windows:
            return None
        program = _copy(self.program)
        ordered = groups.in_order()
        program.operators = [copied for group in ordered for copied in _those(program.operators, group)]
        for group in ordered:
            inside = {name for name in groups.windows if self._users(name)[0].outputs[0] in _names(group)}
            if inside:
                number = stripes[min(len(program.segments), len(stripes) - 1)]
                program.segments.append(self._segment(group, inside, number))
        return program

    def _groups(self, least_bytes: int) -> _Groups:
        groups = _Groups(self.program, self._dependencies(), set(self.rules))
        for name, size in self.candidates.items():
            if size >= least_bytes:
                groups.join(name, self._users(name))
        return groups

    def _users(self, name: str) -> list[Operator]:
        return [*self._writers.get(name, []), *self._readers[name]]

    def _dependencies(self) -> list[tuple[str, str, bool]]:
        """What must run before what, and whether it must be done by then; operators by the names of what they write."""
        place = {operator.outputs[0]: number for number, operator in enumerate(self.program.operators)}
        found = []
        for name, readers in self._readers.items():
            for reader in readers:
                whole = not self._reads_rows(reader, name)
                for writer in self._writers.get(name, []):
                    pair = sorted((writer.outputs[0], reader.outputs[0]), key=place.__getitem__)
                    found += [(pair[0], pair[1], whole)] if pair[0] != pair[1] else []
        return found

    def _segment(self, group: Sequence[Operator], inside: set[str], stripes: int) -> Segment:
        segment = Segment(stripes, [o.outputs[0] for o in group], {}, self.heights)
        needs: dict[str, _Needs] = {}
        for operator in reversed(group):
            output = operator.outputs[0]
            name, rule = self.program.storage(output), self.rules[output]
            if name not in needs or needs[name].steps is None:
                self._settle(name, needs.setdefault(name, _Needs(stripes)), segment, name in inside)
            need = needs[name]
            pieces: list[Piece | None] = []
            for stripe, rows in enumerate(need.fresh):
                pieces.append(None)
                if rows[0] < rows[1]:
                    reads = rule.reads(rows)
                    pieces[-1] = Piece(rule.spec(rows, reads), rows, reads)
                    for tensor, read in zip(row_rules.activations(self.program, operator), reads, strict=True):
                        if read is not None:
                            needs.setdefault(self.program.storage(tensor), _Needs(stripes)).note(stripe, read)
            segment.pieces[output] = pieces
        image = self.program.storage(self.program.input.name)
        if image in inside:
            self._settle(image, needs[image], segment, True)
            segment.input = image
        return segment

    def _settle(self, name: str, need: _Needs, segment: Segment, windowed: bool) -> None:
        """Decide which rows of a tensor come in which stripe; all its readers in the segment are known."""
        height = self.heights[name]
        writers = [o.outputs[0] for o in self._writers.get(name, []) if o.outputs[0] in segment.outputs]
        step = lcm(*(self.rules[writer].step for writer in writers))
        need.settle(height, step, whole=not windowed)
        if windowed:
            row_bytes = self.program.tensors[name].bytes // height
            segment.windows[name] = Window(tuple(need.windows), row_bytes)


@dataclass
class _Needs:
    """The rows of a tensor that its readers need in each stripe; then those that come and those that are there."""

    stripes: int
    steps: int | None = None
    lows: list[int | None] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    fresh: list[Rows] = field(default_factory=list)
    windows: list[Rows] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lows, self.ends = [None] * self.stripes, [0] * self.stripes

    def note(self, stripe: int, rows: Rows) -> None:
        low = self.lows[stripe]
        self.lows[stripe] = rows[0] if low is None else min(low, rows[0])
        self.ends[stripe] = max(self.ends[stripe], rows[1])

    def settle(self, height: int, step: int, *, whole: bool) -> None:
        """whole: of a tensor that is there whole in the end, whose rows come evenly."""
        self.steps = step
        ends, last = [], 0
        for stripe, end in enumerate(self.ends):
            even = -(-height * (stripe + 1) // self.stripes) if whole else 0
            last = min(max(last, -(-max(end, even) // step) * step), height)
            ends.append(last)
        lows, low = list(ends), height
        for stripe in reversed(range(self.stripes)):
            needed = self.lows[stripe]
            low = min(low, height if needed is None else needed)
            lows[stripe] = min(low, ends[stripe])
        before = [0, *ends[:-1]]
        starts = before if whole else [max(b, low // step * step) for b, low in zip(before, lows, strict=True)]
        self.windows = [(min(low, start), end) for low, start, end in zip(lows, starts, ends, strict=True)]
        self.fresh = list(zip(starts, ends, strict=True))


class _Groups:
    """Operators that must run together, as sets that grow; the groups can always be put in an order.

    by_rows: the operators that go by rows, by the names of what they write.
    """

    def __init__(self, program: Program, dependencies: Sequence[tuple[str, str, bool]], by_rows: set[str]) -> None:
        self._program = program
        self._dependencies = dependencies
        self._by_rows = by_rows
        self._group = {o.outputs[0]: number for number, o in enumerate(program.operators)}
        self.windows: list[str] = []

    def join(self, window: str, users: Iterable[Operator]) -> None:
        """Have the users of a tensor run together, with all that lies between them, if all of these go by rows."""
        numbers = _between({self._group[o.outputs[0]] for o in users}, self._group, self._dependencies)
        together = min(numbers)
        joined = {name: together if number in numbers else number for name, number in self._group.items()}
        inner = any(whole and joined[a] == joined[b] for a, b, whole in self._dependencies)
        if not inner and all(name in self._by_rows for name, number in joined.items() if number == together):
            self._group = joined
            self.windows.append(window)

    def in_order(self) -> list[list[Operator]]:
        order = _order(self._group, self._dependencies)
        assert order is not None
        members: dict[int, list[Operator]] = {}
        for operator in self._program.operators:
            members.setdefault(self._group[operator.outputs[0]], []).append(operator)
        return [members[number] for number in order]


def _between(numbers: set[int], group: Mapping[str, int], dependencies: Sequence[tuple[str, str, bool]]) -> set[int]:
    """Groups, and those that wait for one of them while one of them waits for those."""
    edges = {(group[writer], group[reader]) for writer, reader, _ in dependencies}
    return _reached(numbers, edges) & _reached(numbers, {(b, a) for a, b in edges})


def _reached(numbers: set[int], edges: set[tuple[int, int]]) -> set[int]:
    """The numbers, and all that edges lead to from there."""
    following: dict[int, list[int]] = {}
    for a, b in edges:
        following.setdefault(a, []).append(b)
    found, pending = set(numbers), list(numbers)
    while pending:
        new = set(following.get(pending.pop(), [])) - found
        found |= new
        pending += new
    return found


def _order(group: Mapping[str, int], dependencies: Sequence[tuple[str, str, bool]]) -> list[int] | None:
    """The groups in an order in which each comes after those that it depends on; None if they depend on each other."""
    waits: dict[int, set[int]] = {number: set() for number in group.values()}
    releases: dict[int, set[int]] = {number: set() for number in waits}
    for writer, reader, _ in dependencies:
        if group[writer] != group[reader]:
            waits[group[reader]].add(group[writer])
            releases[group[writer]].add(group[reader])
    ready = sorted(number for number, others in waits.items() if not others)
    order: list[int] = []
    while ready:
        order.append(heappop(ready))
        for number in releases[order[-1]]:
            waits[number].remove(order[-1])
            if not waits[number]:
                heappush(ready, number)
    return order if len(order) == len(waits) else None


def _copy(program: Program) -> Program:
    """A program with operators and tensors of its own; values of weights are shared."""
    operators = [replace(o, inputs=list(o.inputs), outputs=list(o.outputs), why_not={}) for o in program.operators]
    tensors = {name: replace(tensor) for name, tensor in program.tensors.items()}
    return replace(program, operators=operators, tensors=tensors, functions={}, segments=[])


def _names(operators: Iterable[Operator]) -> set[str]:
    return {operator.outputs[0] for operator in operators}


def _those(operators: Sequence[Operator], group: Iterable[Operator]) -> list[Operator]:
    names = _names(group)
    return [operator for operator in operators if operator.outputs[0] in names]
