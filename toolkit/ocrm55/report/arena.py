"""The arena over time: the contents of its bytes while each operator runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocrm55.metadata import Metadata, TensorRow, WorkspaceRow
from ocrm55.report import names


@dataclass(frozen=True)
class Box:
    """Bytes of the arena that are taken from operator `first` to operator `last`, both included.

    -1 stands for the time before the first operator, and the number of operators for the time after the last.
    start, end: the same as places on an axis, where operator i reaches from i to i + 1. If a result is written over its
    input, each of the two gets half of the operator's place.
    block: the part of the network that writes it. scratch: a workspace, not a tensor.
    """

    name: str
    block: str
    offset: int
    bytes: int
    first: int
    last: int
    start: float
    end: float
    scratch: bool = False

    @property
    def top(self) -> int:
        return self.offset + self.bytes

    def shares_bytes(self, other: Box) -> bool:
        return self.offset < other.top and other.offset < self.top

    def shares_time(self, other: Box) -> bool:
        return self.first <= other.last and other.first <= self.last


def boxes(metadata: Metadata) -> list[Box]:
    """Tensors and workspaces of an artifact's metadata. A view has no bytes of its own, so it has no box."""
    operators = metadata.operators
    writers = {operator.output: operator.name for operator in operators}
    for tensor in metadata.tensors:  # an operator may write to a view; the box belongs to the owner of the bytes
        if tensor.view_of and tensor.name in writers:
            writers.setdefault(tensor.view_of, writers[tensor.name])
    found = [
        _box(tensor.name, writers.get(tensor.name), tensor, tensor.first, tensor.last)
        for tensor in metadata.tensors
        if not tensor.view_of
    ]
    for workspace in metadata.workspaces:
        index = workspace.operator
        box = _box(f"scratch: {workspace.name}", operators[index].name, workspace, index, index)
        found.append(replace(box, scratch=True))
    return _handed_over(found)


def _box(name: str, writer: str | None, where: TensorRow | WorkspaceRow, first: int, last: int) -> Box:
    block = names.block(writer) if writer else "input"
    title = name if name.startswith("scratch") else names.readable(writer) if writer else block
    window = where.window_bytes if isinstance(where, TensorRow) else None
    return Box(title, block, where.offset, where.bytes if window is None else window, first, last, first, last + 1)


def _handed_over(found: list[Box]) -> list[Box]:
    """If an operator writes its result over its input, the first half of its place belongs to the input."""
    result = []
    for box in found:
        others = [other for other in found if other is not box and other.shares_bytes(box)]
        ends = any(other.first == box.last and other.last > box.last for other in others)
        begins = any(other.last == box.first and other.first < box.first for other in others)
        start = box.first + 0.5 if begins else float(box.first)
        end = box.last + 0.5 if ends and box.last > box.first else float(box.last + 1)
        result.append(replace(box, start=start, end=end))
    return result


def occupied(found: Sequence[Box], steps: int) -> list[int]:
    """Bytes in use at each operator, each byte counted once; from the input, step -1, to the output, step `steps`."""
    result = []
    for step in range(-1, steps + 1):
        alive = sorted((box.offset, box.top) for box in found if box.first <= step <= box.last)
        taken, reached = 0, 0
        for low, high in alive:
            taken += max(0, high - max(low, reached))
            reached = max(reached, high)
        result.append(taken)
    return result
