"""The estimate for one reading of a picture by the firmware: each operator, what lies between, and memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ocrm55.boards import Board
from ocrm55.cycles.counting import Plan, count
from ocrm55.cycles.counts import Counts, Traffic
from ocrm55.cycles.disassembly import Program, read_program
from ocrm55.cycles.estimate import Range, estimate, sum_of
from ocrm55.errors import InputError, TargetError
from ocrm55.metadata import Metadata
from ocrm55.simulators.base import Request

# Sections: operator n has n + 1; what runs between its end and the next operator's beginning has 1000 more.
_AFTER = 1000
_PREPARES, _ELSEWHERE = 3000, 4000
_PARTS = {"note_operator": f"+{_AFTER}", "ocrm55_recognize": str(_PREPARES), "say_reading": str(_ELSEWHERE)}


@dataclass(frozen=True)
class Memory:
    """What an inference moved from and to a region. fills: cache lines, at least and at most.

    waits: cycles, at least and at most; None where the board's file does not say what a fill costs.
    """

    region: str
    bytes_read: int
    bytes_written: int
    fills: tuple[int, int]
    waits: tuple[float, float] | None


@dataclass(frozen=True)
class Inference:
    """The estimate of one reading. operators: in the order of the network. between: what runs between operators.

    memory: of the operators together, empty where only blocks were counted. operator_memory: of each.
    cache_assumed: whether `cache_bytes` is an assumption, because the board's file names no cache.
    """

    operators: list[Range]
    between: Range
    preprocess: Range
    decode: Range
    memory: list[Memory]
    operator_memory: list[list[Memory]]
    cache_bytes: int
    cache_assumed: bool
    engine: str

    @property
    def network(self) -> Range:
        """The operators and what runs between them."""
        return sum_of([*self.operators, self.between])

    @property
    def waits(self) -> tuple[float, float] | None:
        """Cycles that the network waits for memory, at least and at most; None where the board says nothing of it."""
        said = [each.waits for each in self.memory if each.waits is not None]
        return (sum(low for low, _ in said), sum(high for _, high in said)) if said else None


def estimate_inference(
    elf: Path, metadata: Metadata, board: Board, request: Request, executable: Path, *, plugin: bool = True
) -> Inference:
    """Run the firmware over the request's one image, and estimate what each operator takes a Cortex-M55.

    metadata: at the image's width. Raises InputError for firmware whose operators cannot be told apart, and
    TargetError when the image was read twice (a narrow reading that did not stand).
    """
    program = read_program(elf)
    plan = Plan(program, board, _marks(program, metadata))
    run, counts, engine = count(plan, request, executable, plugin=plugin)
    if len(run.results) != 1 or run.results[0].unsure_instructions:
        raise TargetError(
            "cycles are estimated for one image that is read once; this one was read at several widths.",
            ["another image", "compile without --widths"],
        )
    return assemble(program, counts, metadata, plan, engine)


def _marks(program: Program, metadata: Metadata) -> dict[int, str]:
    named = {operator.function: str(index + 1) for index, operator in enumerate(metadata.operators)} | _PARTS
    addresses = {name: program.address(name) for name in named}
    if missing := [name for name, address in addresses.items() if address is None]:
        raise InputError(
            f"the firmware has no function {missing[0]}, so its operators cannot be told apart.",
            ["build it with --precision int8", "ocrm55 build --force"],
        )
    return {address: named[name] for name, address in addresses.items() if address is not None}


def assemble(program: Program, counts: Counts, metadata: Metadata, plan: Plan, engine: str) -> Inference:
    """Sections -> the parts of an inference."""
    sections = estimate(program, counts)
    nothing = sum_of([])
    operators = range(len(metadata.operators))
    last = _AFTER + len(metadata.operators)
    regions = [region.name for region in plan.board.memories.regions.values()]
    own = [{region: counts.memory.get((index + 1, region)) for region in regions} for index in operators]
    by_operator = [_memory(traffic, plan.board) for traffic in own]
    return Inference(
        operators=[sections.get(index + 1, nothing) for index in operators],
        between=sum_of(part for section, part in sections.items() if _AFTER < section < last),
        preprocess=sections.get(_PREPARES, nothing),
        decode=sections.get(last, nothing),
        memory=_sum(by_operator, plan.board),
        operator_memory=by_operator,
        cache_bytes=plan.cache_bytes,
        cache_assumed=plan.board.memories.data_cache_bytes is None,
        engine=engine,
    )


def _memory(traffic: Mapping[str, Traffic | None], board: Board) -> list[Memory]:
    return [
        _with_waits(region, each.bytes_read, each.bytes_written, (min(each.fills), max(each.fills)), board)
        for region, each in traffic.items()
        if each is not None
    ]


def _with_waits(region: str, read: int, written: int, fills: tuple[int, int], board: Board) -> Memory:
    cost = board.memories.regions[region].fill_cycles
    return Memory(region, read, written, fills, None if cost is None else (fills[0] * cost[0], fills[1] * cost[1]))


def _sum(parts: list[list[Memory]], board: Board) -> list[Memory]:
    found = []
    for region in board.memories.regions:
        rows = [row for part in parts for row in part if row.region == region]
        if rows:
            fills = sum(row.fills[0] for row in rows), sum(row.fills[1] for row in rows)
            read, written = sum(row.bytes_read for row in rows), sum(row.bytes_written for row in rows)
            found.append(_with_waits(region, read, written, fills, board))
    return found
