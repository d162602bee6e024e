"""Counts of blocks and the pipeline's model -> cycles of each section of a program."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ocrm55.cycles.counts import Block, Counts
from ocrm55.cycles.disassembly import Program
from ocrm55.cycles.instructions import Instruction, Kind
from ocrm55.cycles.pipeline import SETS, Lost, Pipeline, Rules, lost_by_branch

_WARM = 4  # passes of a loop before the one that counts


@dataclass
class Cost:
    """Instructions, their cycles by one set of rules, and the cycles that were lost by reason."""

    instructions: int = 0
    cycles: float = 0.0
    lost: Counter[Lost] = field(default_factory=Counter)

    def add(self, other: Cost, times: int = 1) -> None:
        self.instructions += other.instructions * times
        self.cycles += other.cycles * times
        for reason, cycles in other.lost.items():
            self.lost[reason] += cycles * times


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of costs."""
    every = Cost()
    for cost in costs:
        every.add(cost)
    return every


@dataclass(frozen=True)
class Range:
    """A cost by the rules that cost least, the likely ones, and those that cost most."""

    least: Cost
    likely: Cost
    most: Cost

    @property
    def instructions(self) -> int:
        return self.likely.instructions

    @property
    def cycles(self) -> tuple[float, float, float]:
        return self.least.cycles, self.likely.cycles, self.most.cycles

    @property
    def a_instruction(self) -> float | None:
        """Likely cycles an instruction."""
        return self.likely.cycles / self.instructions if self.instructions else None


def sum_of(ranges: Iterable[Range]) -> Range:
    """The sum of ranges."""
    listed = list(ranges)
    return Range(
        total(each.least for each in listed), total(each.likely for each in listed), total(each.most for each in listed)
    )


def estimate(program: Program, counts: Counts) -> dict[int, Range]:
    """Section -> the range of its cost."""
    by_rules = {name: _Estimate(program, counts, rules).sections() for name, rules in SETS.items()}
    return {section: Range(*(by_rules[name][section] for name in SETS)) for section in by_rules["likely"]}


def costs(program: Program, counts: Counts, rules: Rules) -> Mapping[int, Cost]:
    """Section -> its cost by one set of rules."""
    return _Estimate(program, counts, rules).sections()


class _Estimate:
    """One set of rules."""

    def __init__(self, program: Program, counts: Counts, rules: Rules) -> None:
        self._program, self._counts, self._rules = program, counts, rules
        self._conflicts = self._of_banks()
        self._blocks: dict[Block, tuple[Instruction, ...]] = {(0, 0): ()}
        self._edges: dict[tuple[Block, Block], Cost] = {}
        self._cached: dict[int, bool] = {}

    def _of_banks(self) -> dict[int, float]:
        """Address of a gather or scatter -> the mean number of its pairs that want one bank."""
        if not self._counts.memory:
            code = self._program.code
            return {
                address: each.elements / 2 * self._rules.uncounted for address, each in code.items() if each.elements
            }
        return {
            address: banks / pairs * (self._program.code[address].elements / 2)
            for address, (pairs, banks) in self._counts.banks.items()
            if pairs and address in self._program.code
        }

    def sections(self) -> dict[int, Cost]:
        found: dict[int, Cost] = defaultdict(Cost)
        for (section, before, here), times in self._counts.edges.items():
            if (before, here) not in self._edges:
                self._edges[before, here] = self._edge(before, here)
            found[section].add(self._edges[before, here], times)
        for section, rounds in self._first_rounds().items():
            lost = rounds * (self._rules.taken + 1)
            found[section].add(Cost(0, lost, Counter({Lost.BRANCH: lost})))
        return dict(found)

    def _block(self, block: Block) -> tuple[Instruction, ...]:
        if block not in self._blocks:
            self._blocks[block] = self._program.block(*block)
        return self._blocks[block]

    def _edge(self, before: Block, here: Block) -> Cost:
        """The cost of a block that runs after another: what the last one left in the pipes counts."""
        block, previous = self._block(here), self._block(before)
        lost = 0.0
        if previous and previous[-1].end != here[0] and not self._from_loop_cache(previous[-1]):
            lost = lost_by_branch(self._rules, previous[-1], block)
        pipeline = Pipeline(self._rules, self._conflicts)
        for _ in range(_WARM if before == here else 1):
            for instruction in previous:
                pipeline.issue(instruction)
            if lost:
                pipeline.bubble(lost)
        start, lost_before = pipeline.now - lost, Counter(pipeline.lost)
        lost_before[Lost.BRANCH] -= lost  # type: ignore[assignment]
        for instruction in block:
            pipeline.issue(instruction)
        return Cost(len(block), pipeline.now - start, +(Counter(pipeline.lost) - lost_before))

    def _from_loop_cache(self, last: Instruction) -> bool:
        """Whether the core runs a loop from its loop cache: one without another loop or a call in it."""
        if last.kind is not Kind.LOOP:
            return False
        if last.address not in self._cached:
            address, plain = last.line.target or last.address, True
            while address < last.address and (inner := self._program.code.get(address)) is not None:
                plain = plain and inner.kind not in (Kind.LOOP, Kind.LOOP_START, Kind.CALL)
                address = inner.end
            self._cached[last.address] = plain
        return self._cached[last.address]

    def _first_rounds(self) -> Counter[int]:
        """Section -> loops that began: the first round branches at its end, the others come from the loop cache."""
        ended: Counter[tuple[int, int]] = Counter()
        went_on: Counter[tuple[int, int]] = Counter()
        for (section, before, here), times in self._counts.edges.items():
            previous = self._block(before)
            if previous and self._from_loop_cache(previous[-1]):
                counter = ended if previous[-1].end == here[0] else went_on
                counter[section, previous[-1].address] += times
        rounds: Counter[int] = Counter()
        for key, times in ended.items():
            rounds[key[0]] += min(times, went_on[key])
        return rounds
