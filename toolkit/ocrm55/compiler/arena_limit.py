"""Find the plan of a network whose arena fits a limit, at the least cost.

A plan says which pointwise layers write over their inputs, and the bytes of a chunk. Smaller chunks need fewer bytes of
arena and read a layer's weights more often. That traffic is the cost.

Where no such plan fits, layers run in stripes of rows (memory/stripes.py): first those around the largest tensors, in
few stripes, then more. Calls of kernels and moved bytes are the cost. No plan computes anything twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ocrm55 import console
from ocrm55.compiler.memory import overlap, planner
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.memory.stripes import Striping
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.targets.base import Target, assign
from ocrm55.errors import UnsupportedError

THRESHOLDS = 6  # further layers are small beside those that decide the arena
STRIPES = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40)  # tried in this order
WINDOWS = 12  # numbers of tensors that become windows: further ones are small
CALL = 2000  # instructions that a kernel spends before its first row, about
COPIED_AT_ONCE = 4  # bytes an instruction


class ArenaLimitError(UnsupportedError):
    """No plan that was tried keeps the limit of the arena. smallest: bytes of the smallest that was found."""

    def __init__(self, sentence: str, tries: list[str], smallest: int) -> None:
        super().__init__(sentence, tries)
        self.smallest = smallest


@dataclass(frozen=True)
class Choice:
    """A network with its operators given to targets and its tensors placed. reread_bytes: bytes of weights that are
    read again.
    """

    program: Program
    plan: MemoryPlan

    @property
    def arena_bytes(self) -> int:
        return self.plan.arena_bytes

    @property
    def reread_bytes(self) -> int:
        return overlap.reread_bytes(self.program)

    @property
    def striping_cost(self) -> int:
        """About the instructions that stripes add."""
        return sum(CALL * s.calls + s.copied_bytes // COPIED_AT_ONCE for s in self.program.segments)


def choose(lowered: Program, targets: Sequence[Target], limit: int | None, *, stripes: bool = False) -> Choice:
    """Emit and place a lowered network. An int8 network itself stays unchanged. stripes: whether it may run in stripes.

    Raises ArenaLimitError, with the smallest arena that a plan has, if none that is tried fits the limit.
    """
    plain = _planned(lowered, targets)
    if limit is None or plain.arena_bytes <= limit:
        return plain
    fitting, smallest = _in_chunks(lowered, targets, limit, plain)
    if not fitting and stripes and lowered.precision == "int8":
        smallest = min(smallest, *_striped(lowered, targets, limit, fitting))
        fitting = [replace(each, plan=replace(each.plan, whole_bytes=plain.arena_bytes)) for each in fitting]
    if not fitting:
        raise ArenaLimitError(
            f"the smallest arena that was found takes {smallest:,} bytes; the limit is {limit:,}.",
            [f"--arena-limit {smallest}", "a narrower input" if lowered.precision == "int8" else "--precision int8"],
            smallest,
        )
    return min(fitting, key=lambda choice: (choice.striping_cost, choice.reread_bytes, choice.arena_bytes))


def _in_chunks(lowered: Program, targets: Sequence[Target], limit: int, plain: Choice) -> tuple[list[Choice], int]:
    """Plans that fit; where none does, the smallest arena of all plans besides."""
    fitting, smallest = [], plain.arena_bytes
    *larger, last = overlap.CHUNK_BYTES
    for least_bytes in _thresholds(lowered):
        least = _planned(lowered, targets, last, least_bytes)
        smallest = min(smallest, least.arena_bytes)
        if least.arena_bytes <= limit:  # smaller chunks of the same layers only cost more
            choices = (_planned(lowered, targets, chunk_bytes, least_bytes) for chunk_bytes in larger)
            fitting.append(next((choice for choice in choices if choice.arena_bytes <= limit), least))
    if fitting:
        return fitting, smallest
    for least_bytes in _thresholds(lowered):  # smaller chunks are a smaller arena as a rule, not always
        for chunk_bytes in larger:
            if least_arena(plain.program, chunk_bytes, least_bytes) < smallest:
                choice = _planned(lowered, targets, chunk_bytes, least_bytes)
                smallest = min(smallest, max(choice.arena_bytes, limit + 1))  # what fits is found at any size
                fitting += [choice] if choice.arena_bytes <= limit else []
    return fitting, smallest


def least_arena(program: Program, chunk_bytes: int, least_bytes: int) -> int:
    """Bytes that a plan in these chunks takes at least: what is there at one step, but for the chunks' workspaces.

    program: given to targets, in no chunks.
    """
    program = replace(program, operators=[replace(operator) for operator in program.operators])
    overlap.apply(program, chunk_bytes, least_bytes)
    for operator in program.steps:
        if operator.overlap is not None:
            operator.workspaces = []
    return planner.least_bytes(program)


def _striped(lowered: Program, targets: Sequence[Target], limit: int, fitting: list[Choice]) -> list[int]:
    """Try plans in stripes, and add those that fit; returns the arenas of all of them."""
    striping = Striping(lowered)
    arenas = []
    sizes = sorted(set(striping.candidates.values()), reverse=True)[:WINDOWS]
    best: tuple[int, Choice] | None = None
    nearest: tuple[int, int] | None = None  # bytes of the smallest arena, and the size that leads to it
    with console.progress("planning stripes", len(sizes) + 1) as bar:
        for least_bytes in sizes:
            bar.advance(bar.task_ids[0])
            most = _in_stripes(striping, targets, least_bytes, STRIPES[-1:])
            if most is None:
                continue
            arenas.append(most.arena_bytes)
            if most.arena_bytes > limit:
                nearest = min(nearest or (most.arena_bytes, least_bytes), (most.arena_bytes, least_bytes))
                continue
            tried = (_in_stripes(striping, targets, least_bytes, [number]) for number in STRIPES[:-1])
            choice = next((each for each in tried if each is not None and each.arena_bytes <= limit), most)
            if best is None or choice.striping_cost < best[1].striping_cost:
                best = least_bytes, choice
        if best is None and nearest is not None:  # most stripes are the smallest arena as a rule, not always
            for number in reversed(STRIPES[:-1]):
                fewer = _in_stripes(striping, targets, nearest[1], [number])
                arenas += [] if fewer is None else [fewer.arena_bytes]
                if fewer is not None and fewer.arena_bytes <= limit:
                    best = nearest[1], fewer
                    break
        if best is not None:
            fitting.append(_in_fewer_stripes(striping, targets, limit, *best))
    return arenas


def _in_fewer_stripes(
    striping: Striping, targets: Sequence[Target], limit: int, least_bytes: int, choice: Choice
) -> Choice:
    """The same plan, with as few stripes in each segment as the limit allows."""
    numbers = [segment.stripes for segment in choice.program.segments]
    for place in range(len(numbers)):
        for number in STRIPES[: STRIPES.index(numbers[place])]:
            fewer = _in_stripes(striping, targets, least_bytes, [*numbers[:place], number, *numbers[place + 1 :]])
            if fewer is not None and fewer.arena_bytes <= limit and fewer.striping_cost < choice.striping_cost:
                choice, numbers[place] = fewer, number
                break
    return choice


def _in_stripes(
    striping: Striping, targets: Sequence[Target], least_bytes: int, numbers: Sequence[int]
) -> Choice | None:
    """A plan in stripes; None where there is none, or where a kernel is other code for other rows."""
    program = striping.striped(least_bytes, numbers)
    with suppress(UnsupportedError):
        return None if program is None else _placed(program, targets)
    return None


def _thresholds(lowered: Program) -> list[int]:
    """Thresholds in bytes. Layers overlap if input and output together exceed one: first few layers, then more."""
    if lowered.precision != "int8":
        return []
    sums = {
        lowered.tensors[o.inputs[0]].bytes + lowered.tensors[o.outputs[0]].bytes
        for o in lowered.steps
        if o.spec.pixelwise is not None
    }
    return [total - 1 for total in sorted(sums, reverse=True)[:THRESHOLDS]]


def _planned(lowered: Program, targets: Sequence[Target], chunk_bytes: int = 0, least_bytes: int = 0) -> Choice:
    # Only int8 is planned more than once. float32 contains functions of TVM, which must not be copied.
    program = lowered.copied() if lowered.precision == "int8" else lowered
    if chunk_bytes:
        overlap.apply(program, chunk_bytes, least_bytes)
    return _placed(program, targets)


def _placed(program: Program, targets: Sequence[Target]) -> Choice:
    assign(program, targets)
    plan = planner.plan(program)
    if program.input_by_rows:
        plan = replace(plan, arena_bytes=planner.round_up(plan.arena_bytes) + planner.SOURCE_BYTES)
    return Choice(program, plan)
