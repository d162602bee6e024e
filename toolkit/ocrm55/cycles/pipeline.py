"""A model of the Cortex-M55's pipeline: in order, an instruction a cycle or two of 16 bits, a vector in two beats.

Where public sources differ or say nothing, `Rules` has a number, and three sets of rules say how much depends on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ocrm55.cycles.instructions import FLAGS, Instruction, Kind, Pairs, Pipe

VERSION = "1"
SOURCES = (
    "Arm Cortex-M55 Software Optimization Guide, as LLVM 19's ARMScheduleM55.td has it: pipes, beats, latencies",
    "SLOTHY's model of the Cortex-M55: one pipe for loads and stores, a store's second beat before a load",
    "Arm Cortex-M55 Technical Reference Manual: four banks of the D-TCM by address bits 3:2, the loop cache",
    "docs/cycles.md: what a taken branch and a gather cost, chosen by others' measurements on silicon",
)


class Lost(StrEnum):
    """What cycles beyond the first of an instruction were lost to."""

    DATA = "data"
    PIPE = "pipes"
    GATHER = "gathers"
    BANK = "banks"
    BRANCH = "branches"
    SEVERAL = "ldm, stm"


@dataclass(frozen=True)
class Rules:
    """The numbers that no public source settles.

    taken: cycles lost by a taken branch, besides its own. indirect: more of them where the target comes from a register
    or memory. unaligned_target: more of them where an instruction of 4 bytes lies at 2 mod 4.
    dual_issue: whether two instructions of 16 bits that want two pipes issue together.
    gather_alone: whether nothing overlaps with a gather or scatter, which takes two elements a cycle.
    conflicts: whether two elements that want one bank of memory take a cycle more. uncounted: the share of a gather's
    pairs that do, where nobody counted them.
    registers_a_cycle: of ldm and stm. load_use: latency of a load of the core.
    store_to_load: cycles lost, on average, by a load in a vector store's second beat.
    """

    taken: int = 3
    indirect: int = 1
    unaligned_target: int = 1
    dual_issue: bool = True
    gather_alone: bool = True
    conflicts: bool = True
    uncounted: float = 0.5
    registers_a_cycle: int = 2
    store_to_load: float = 0.0
    load_use: int = 2


LEAST = Rules(taken=2, indirect=0, unaligned_target=0, gather_alone=False, conflicts=False)
LIKELY = Rules()
MOST = Rules(taken=4, indirect=2, uncounted=1.0, registers_a_cycle=1, store_to_load=0.5, dual_issue=False)
SETS = {"least": LEAST, "likely": LIKELY, "most": MOST}

_LONG_AGO = -9.0
_PASSES = 4
_GATHERS = (Kind.GATHER, Kind.SCATTER)


class Pipeline:
    """Issues instructions one after the other. now: the cycle of the last issue. lost: cycles by their reason.

    conflicts: address of a gather -> the mean number of its pairs that want one bank.
    """

    def __init__(self, rules: Rules, conflicts: Mapping[int, float] | None = None) -> None:
        self.rules = rules
        self.now = 0.0
        self.lost: Counter[Lost] = Counter()
        self._conflicts = conflicts or {}
        self._ready: dict[str, float] = {}  # register -> the first cycle that finds it
        self._free: dict[Pipe, float] = {}
        self._paired = True  # nothing can join the last instruction
        self._last: Instruction | None = None
        self._vector_store = _LONG_AGO

    def bubble(self, cycles: float) -> None:
        """A taken branch: nothing issues for so many cycles."""
        self.now += cycles
        self._paired = True
        self._lose(Lost.BRANCH, cycles)

    def issue(self, instruction: Instruction) -> None:
        """Issue the next instruction of the program's order."""
        if instruction.kind is Kind.LOOP:  # the end of a loop that the core has in its loop cache
            self._paired = True
            return
        joins = self._joins(instruction)
        start = self.now if joins else self.now + 1
        data, pipe = self._when_data(instruction, start), self._free.get(instruction.pipe, 0)
        at = max(start, data, pipe if instruction.pipe is not Pipe.NONE else 0)
        if self.rules.store_to_load and instruction.kind is Kind.LOAD and at == self._vector_store + 2:
            at += self.rules.store_to_load
            self._lose(Lost.PIPE, self.rules.store_to_load)
        if joins and at > start:  # it comes too late to join
            joins, start = False, self.now + 1
            at = max(at, start)
        if at > start:
            self._lose(Lost.DATA if data >= pipe else Lost.PIPE, at - start)
        self._occupy(instruction, at)
        self._paired = joins or instruction.pairs is Pairs.NEVER
        self._last = instruction

    def _joins(self, instruction: Instruction) -> bool:
        """Whether it can issue in the same cycle as the last one."""
        last = self._last
        return (
            self.rules.dual_issue
            and not self._paired
            and last is not None
            and instruction.pairs is not Pairs.NEVER
            and Pairs.LIGHT in (instruction.pairs, last.pairs)
            and not (instruction.reads & (last.writes - {FLAGS}))
            and not (instruction.pipe is Pipe.LSU and last.pipe is Pipe.LSU)
        )

    def _when_data(self, instruction: Instruction, start: float) -> float:
        ready = self._ready
        waits = (ready[r] + instruction.early.get(r, 0) for r in instruction.reads if r in ready)
        return max(start, max(waits, default=start))

    def _occupy(self, instruction: Instruction, at: float) -> None:
        busy = self._busy(instruction)
        latency = float(instruction.latency)
        if instruction.kind is Kind.LOAD and not instruction.vector:
            latency = self.rules.load_use + busy - 1
        elif instruction.kind is Kind.GATHER:
            latency = max(latency, busy)
        if instruction.pipe is not Pipe.NONE:
            self._free[instruction.pipe] = at + busy
        for register in instruction.writes:
            self._ready[register] = at + instruction.late.get(register, latency)
        self.now = at
        if instruction.kind in _GATHERS:
            if self.rules.gather_alone:
                banks = self._of_banks(instruction)
                self._lose(Lost.GATHER, busy - 1 - banks)
                self._lose(Lost.BANK, banks)
                self.now = at + busy - 1
        elif not instruction.vector and busy > 1:
            self._lose(Lost.SEVERAL if instruction.registers else Lost.PIPE, busy - 1)
            self.now = at + busy - 1
        if instruction.vector and instruction.kind is Kind.STORE:
            self._vector_store = at

    def _busy(self, instruction: Instruction) -> float:
        if instruction.kind in _GATHERS:
            return max(2, instruction.elements // 2) + self._of_banks(instruction)
        if instruction.registers:
            return max(1, -(-instruction.registers // self.rules.registers_a_cycle))
        return instruction.busy

    def _of_banks(self, instruction: Instruction) -> float:
        return self._conflicts.get(instruction.address, 0.0) if self.rules.conflicts else 0.0

    def _lose(self, reason: Lost, cycles: float) -> None:
        if cycles > 0:
            self.lost[reason] += cycles  # type: ignore[assignment]  # Counter counts ints, says typeshed


def of_a_pass(block: Sequence[Instruction], rules: Rules = LIKELY) -> float:
    """Cycles of a pass of a loop without its branch, once it has run for a while."""
    pipeline = Pipeline(rules)
    for _ in range(_PASSES):
        for instruction in block:
            pipeline.issue(instruction)
    before = pipeline.now
    for _ in range(_PASSES):
        for instruction in block:
            pipeline.issue(instruction)
    return (pipeline.now - before) / _PASSES


def lost_by_branch(rules: Rules, last: Instruction, block: Sequence[Instruction]) -> float:
    """Cycles lost between an instruction and a block that does not follow it in memory."""
    lost = rules.taken
    if last.kind in (Kind.RETURN, Kind.JUMP, Kind.CALL) and last.line.target is None:
        lost += rules.indirect
    if block and block[0].line.size == 4 and block[0].address % 4 == 2:
        lost += rules.unaligned_target
    return lost
