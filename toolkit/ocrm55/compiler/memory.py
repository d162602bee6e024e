"""One arena for everything that the network computes: who is alive when, and at which offset.

Tensors that share bytes (views, operators that run in place) form one block. Blocks are placed largest first at the
lowest offset that no block alive at the same time covers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from ocrm55.compiler.program import Operator, Program
from ocrm55.errors import Ocrm55Error

ALIGN = 16  # bytes of a vector; every block starts on such a boundary


@dataclass(frozen=True)
class Span:
    """`bytes` that must be kept from step `first` to step `last`, both included.

    Steps are indices into Program.steps. What is there before the first step starts at -1; what is read after the last
    ends at the number of steps.
    """

    bytes: int
    first: int
    last: int


@dataclass
class Block:
    """Bytes of the arena at one offset: of a tensor, a workspace, or tensors that take over each other's bytes.

    spans: what is needed when. A tensor that is written over another may be smaller, so the block may shrink.
    """

    name: str
    spans: list[Span]
    members: list[str] = field(default_factory=list)
    offset: int = 0

    @property
    def bytes(self) -> int:
        return max(span.bytes for span in self.spans)

    @property
    def end(self) -> int:
        return self.offset + self.bytes

    @property
    def first(self) -> int:
        return min(span.first for span in self.spans)

    def forbidden(self, placed: Block) -> list[tuple[int, int]]:
        """Where this block cannot start because of one that has its place: open intervals of offsets."""
        return [
            (placed.offset - mine.bytes, placed.offset + theirs.bytes)
            for mine in self.spans
            for theirs in placed.spans
            if mine.first <= theirs.last and theirs.first <= mine.last
        ]


@dataclass(frozen=True)
class MemoryPlan:
    """Where everything lies. lower_bound: no placement of these blocks needs fewer bytes."""

    blocks: list[Block]
    arena_bytes: int
    lower_bound: int
    offsets: dict[str, int]
    lifetimes: dict[str, tuple[int, int]]

    def workspace_offset(self, operator: Operator, name: str) -> int:
        return self.offsets[workspace_key(operator, name)]


def workspace_key(operator: Operator, name: str) -> str:
    """Name of a workspace's block: unique, since no tensor's name has a colon."""
    return f"{operator.outputs[0]}:{name}"


def plan(program: Program) -> MemoryPlan:
    """Place all activations and workspaces of a program."""
    lifetimes = tensor_lifetimes(program)
    # A result that is smaller than the input whose bytes it takes over pins what is left of them in the middle of the
    # arena. That saves bytes in one network and costs some in the next, so both are tried.
    candidates = [_placed(program, lifetimes, may_shrink) for may_shrink in (False, True)]
    blocks = min(candidates, key=lambda c: max((b.end for b in c), default=0))
    check(blocks)
    offsets = {member: block.offset for block in blocks for member in block.members}
    for tensor in program.tensors.values():
        if tensor.role != "weight":
            offsets[tensor.name] = offsets[program.storage(tensor.name)] + _view_offset(program, tensor.name)
    arena = max((block.end for block in blocks), default=0)
    return MemoryPlan(blocks, max(arena, ALIGN), lower_bound(blocks), offsets, lifetimes)


def tensor_lifetimes(program: Program) -> dict[str, tuple[int, int]]:
    """First and last step of every tensor that owns bytes; reading a view keeps the tensor behind it alive."""
    lifetimes: dict[str, tuple[int, int]] = {program.storage(program.input.name): (-1, -1)}
    steps = program.steps
    for index, operator in enumerate(steps):
        for name in operator.outputs:  # several operators may write parts of one tensor
            lifetimes[program.storage(name)] = (lifetimes.get(program.storage(name), (index, index))[0], index)
        for name in operator.inputs:
            if program.tensors[name].role != "weight":
                owner = program.storage(name)
                lifetimes[owner] = (lifetimes[owner][0], max(lifetimes[owner][1], index))
    output = program.storage(program.output.name)
    lifetimes[output] = (lifetimes[output][0], len(steps))
    return lifetimes


def _placed(program: Program, lifetimes: dict[str, tuple[int, int]], may_shrink: bool) -> list[Block]:
    blocks = _blocks(program, lifetimes, may_shrink)
    place(blocks)
    return blocks


def place(blocks: list[Block]) -> None:
    """Give every block an offset: largest first, each at the lowest place that is free while it lives."""
    placed: list[Block] = []
    for block in sorted(blocks, key=lambda b: (-b.bytes, b.first, b.name)):
        taken = sorted(interval for other in placed for interval in block.forbidden(other))
        offset = 0
        for low, high in taken:
            if low < offset < high or (offset == 0 and low < 0 < high):
                offset = high
        block.offset = offset
        placed.append(block)


def lower_bound(blocks: list[Block]) -> int:
    """The most bytes that are needed at one step."""
    spans = [span for block in blocks for span in block.spans]
    steps = {span.first for span in spans}
    return max((sum(s.bytes for s in spans if s.first <= step <= s.last) for step in steps), default=0)


def check(blocks: list[Block]) -> None:
    """Prove the placement step by step: no byte belongs to two blocks, and every block is aligned."""
    for block in blocks:
        if block.offset % ALIGN or block.offset < 0:
            raise Ocrm55Error(f"the memory plan is wrong: {block.name} starts at {block.offset}.")
    spans = [(block, span) for block in blocks for span in block.spans]
    for step in {span.first for _, span in spans}:
        alive = sorted((b.offset, b.offset + s.bytes, b.name) for b, s in spans if s.first <= step <= s.last)
        for (_, end, name), (start, _, other) in pairwise(alive):
            if name != other and start < end:
                raise Ocrm55Error(f"the memory plan is wrong: {name} and {other} overlap at step {step}.")


def _blocks(program: Program, lifetimes: dict[str, tuple[int, int]], may_shrink: bool) -> list[Block]:
    blocks: list[Block] = []
    owner: dict[str, Block] = {}

    def span(size: int, lifetime: tuple[int, int]) -> Span:
        return Span(-(-max(size, 1) // ALIGN) * ALIGN, *lifetime)

    def add(name: str, size: int, lifetime: tuple[int, int]) -> Block:
        blocks.append(Block(name, [span(size, lifetime)], [name]))
        return blocks[-1]

    start = program.storage(program.input.name)
    owner[start] = add(start, program.tensors[start].bytes, lifetimes[start])
    for index, operator in enumerate(program.steps):
        for output in operator.outputs:
            size = program.tensors[output].bytes
            whole = program.storage(output)
            if whole != output:  # a part of a tensor that several operators write
                if whole not in owner:
                    owner[whole] = add(whole, program.tensors[whole].bytes, lifetimes[whole])
                continue
            shared = _in_place_block(program, operator, output, lifetimes, owner, index)
            if shared is None or (not may_shrink and span(size, (index, index)).bytes != shared.bytes):
                owner[output] = add(output, size, lifetimes[output])
                continue
            # From the step after this one on, the smaller of the two is all that is needed.
            shared.members.append(output)
            if lifetimes[output][1] > index:
                shared.spans.append(span(size, (index + 1, lifetimes[output][1])))
            owner[output] = shared
        for workspace in operator.workspaces:
            add(workspace_key(operator, workspace.name), workspace.bytes, (index, index))
    return blocks


def _in_place_block(
    program: Program,
    operator: Operator,
    output: str,
    lifetimes: dict[str, tuple[int, int]],
    owner: dict[str, Block],
    step: int,
) -> Block | None:
    """The block that `output` may take over: of an input that this step is the last to read."""
    if output != operator.outputs[0]:
        return None
    for name in operator.in_place:
        storage = program.storage(name)
        others = [other for other in operator.inputs if other != name and program.tensors[other].role != "weight"]
        if lifetimes[storage][1] != step or any(program.storage(other) == storage for other in others):
            continue
        if _view_offset(program, name) == 0 and program.tensors[output].bytes <= program.tensors[storage].bytes:
            return owner[storage]
    return None


def _view_offset(program: Program, name: str) -> int:
    """Bytes from the start of the owner's bytes to those of a view."""
    tensor = program.tensors[name]
    return 0 if tensor.view_of is None else tensor.view_offset + _view_offset(program, tensor.view_of)
