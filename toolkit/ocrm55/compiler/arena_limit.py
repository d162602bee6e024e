"""Find the plan of a network whose arena fits a limit, at the least cost.

A plan says which pointwise layers write over their inputs, and the bytes of a chunk. Smaller chunks need fewer bytes of
arena and read a layer's weights more often. That traffic is the cost. No plan computes anything twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from ocrm55.compiler.memory import overlap, planner
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.targets.base import Target, assign
from ocrm55.errors import UnsupportedError

THRESHOLDS = 6  # further layers are small beside those that decide the arena


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


def choose(lowered: Program, targets: Sequence[Target], limit: int | None) -> Choice:
    """Emit and place a lowered network. An int8 network itself stays unchanged.

    Raises UnsupportedError, with the smallest possible arena, if no plan fits the limit.
    """
    plain = _planned(lowered, targets)
    if limit is None or plain.arena_bytes <= limit:
        return plain
    fitting: list[Choice] = []
    smallest = plain.arena_bytes
    for least_bytes in _thresholds(lowered):
        for chunk_bytes in overlap.CHUNK_BYTES:
            choice = _planned(lowered, targets, chunk_bytes, least_bytes)
            smallest = min(smallest, choice.arena_bytes)
            if choice.arena_bytes <= limit:  # smaller chunks of the same layers only cost more
                fitting.append(choice)
                break
    if not fitting:
        raise UnsupportedError(
            f"the arena takes {smallest:,} bytes at least; the limit is {limit:,}.",
            [f"--arena-limit {smallest}", "a narrower input" if lowered.precision == "int8" else "--precision int8"],
        )
    return min(fitting, key=lambda choice: (choice.reread_bytes, choice.arena_bytes))


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
    program = deepcopy(lowered) if lowered.precision == "int8" else lowered
    if chunk_bytes:
        overlap.apply(program, chunk_bytes, least_bytes)
    assign(program, targets)
    return Choice(program, planner.plan(program))
