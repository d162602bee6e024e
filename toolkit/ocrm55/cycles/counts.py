"""How often each block of a program ran and after which, and what it did to memory, as QEMU counted it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from ocrm55.cycles.disassembly import Program
from ocrm55.cycles.instructions import ENDS_A_BLOCK
from ocrm55.errors import ToolchainError

Block = tuple[int, int]  # address, instructions; (0, 0): none
PAGE = 1024  # bytes, of QEMU's memory of a core with an MPU; no block goes beyond one
BEFORE = 0  # the section of what runs before any mark


@dataclass(frozen=True)
class Traffic:
    """What a section moved from and to a region. fills: cache lines fetched, by two ways of replacing lines.

    following: fills, of the first way, of the line after the last one filled, which a prefetcher would have.
    """

    bytes_read: int
    bytes_written: int
    fills: tuple[int, int]
    following: int
    written_back: int


@dataclass
class Counts:
    """edges: (section, block before, block) -> times. memory: (section, region) -> traffic; empty where QEMU told none.

    banks: address of a gather or scatter -> pairs of its elements, pairs that want one bank.
    """

    edges: Counter[tuple[int, Block, Block]] = field(default_factory=Counter)
    memory: dict[tuple[int, str], Traffic] = field(default_factory=dict)
    banks: dict[int, tuple[int, int]] = field(default_factory=dict)

    def instructions(self) -> Counter[int]:
        """Instructions of each section."""
        found: Counter[int] = Counter()
        for (section, _, (_, count)), times in self.edges.items():
            found[section] += count * times
        return found


def of_plugin(text: str) -> Counts:
    """The counts that blockcount.c wrote. Raises ToolchainError for anything else."""
    counts = Counts()
    try:
        for line in text.splitlines():
            kind, *words = line.split()
            if kind == "E":
                section, before, length, address, count, times = words
                key = int(section), (int(before, 16), int(length)), (int(address, 16), int(count))
                counts.edges[key] += int(times)
            elif kind == "R":
                section, region, read, written, *fills, following, back = words
                first, second = map(int, fills)
                traffic = Traffic(int(read), int(written), (first, second), int(following), int(back))
                counts.memory[int(section), region] = traffic
            elif kind == "G":
                counts.banks[int(words[0], 16)] = int(words[1]), int(words[2])
    except ValueError as trouble:
        raise ToolchainError("QEMU's plugin wrote counts that cannot be read.", ["ocrm55 doctor"]) from trouble
    if not counts.edges:
        raise ToolchainError("QEMU's plugin counted nothing.", ["ocrm55 doctor"])
    return counts


class LogReader:
    """Counts of QEMU's log of blocks (-d exec,nochain), which says where a block begins but not how long it is.

    marks: address -> the section that begins there; a negative one is added to the section that ends, as blockcount.c
    does.
    """

    def __init__(self, marks: Mapping[int, str]) -> None:
        self._marks = marks
        self._section = BEFORE
        self._two = (0, 0)
        self._seen: Counter[tuple[int, int, int, int]] = Counter()

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take some lines of the log."""
        seen, marks, section, (first, second) = self._seen, self._marks, self._section, self._two
        for line in lines:
            if line.startswith(b"Trace"):
                address = int(line.split(b"/", 2)[1], 16)  # of 8 digits, or of 16 since QEMU 8
                seen[section, first, second, address] += 1
                if address in marks:
                    section = after_mark(section, marks[address])
                first, second = second, address
        self._section, self._two = section, (first, second)

    def counts(self, program: Program) -> Counts:
        """All that was counted; the program says how long blocks are. Raises ToolchainError for a log of nothing."""
        first, second = self._two
        self._seen[self._section, first, second, 0] += 1
        counts = Counts()

        @cache
        def length(block: int, following: int) -> int:
            return _length(program, block, following)

        for (section, before, block, following), times in self._seen.items():
            if block:
                key = (before, length(before, block) if before else 0), (block, length(block, following))
                counts.edges[section, *key] += times
        if not counts.edges:
            raise ToolchainError("QEMU's log of blocks names none of the program.", ["ocrm55 doctor"])
        return counts


def after_mark(section: int, mark: str) -> int:
    """The section after a mark: a number, or `+N`, N more than the section that ends, unless that has it already; or
    `++`, one more each time.
    """
    if mark == "++":
        return section + 1
    if not mark.startswith("+"):
        return int(mark)
    more = int(mark)
    return section if section >= more else section + more


def _length(program: Program, block: int, following: int) -> int:
    """Instructions to the block's branch if that leads to `following`, else to `following` itself.

    A block that ends where its own loop begins cannot be told from one that ends with the loop's first round. QEMU
    makes such blocks where floats are used for the first time after a call. No block goes beyond its page.
    """
    count, until, address = 0, 0, block
    while (instruction := program.code.get(address)) is not None:
        if count and (instruction.end - 1) // PAGE != block // PAGE:
            return until or count
        count += 1
        address = instruction.end
        if instruction.kind in ENDS_A_BLOCK:
            return until if until and instruction.line.target != following else count
        if address == following and not until:
            until = count
    return count
