"""One arena for everything that the network computes: the lifetime and the offset of each tensor.

Tensors that share bytes (views, operators that run in place) form one block. Blocks are placed largest first, each at
the lowest offset that is free during its whole lifetime.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

from ocrm55.compiler.memory import windows
from ocrm55.compiler.operators.program import Operator, Overlap, Program
from ocrm55.compiler.operators.stripes import kept_name
from ocrm55.errors import Ocrm55Error

ALIGN = 16  # bytes of a vector; every block starts on such a boundary
SOURCE_BYTES = 32  # behind all blocks, where the run asks for the rows of its picture: a struct source of any computer


def round_up(size: int, step: int = ALIGN) -> int:
    """The smallest multiple of `step` that is not below `size`."""
    return -(-size // step) * step


@dataclass(frozen=True)
class Span:
    """`bytes` that must be kept from step `first` to step `last`, both included.

    Steps are indices into Program.calls. Bytes that exist before the first step start at -1. Bytes that are read after
    the last step end at the number of steps. start: their offset in the block.
    """

    bytes: int
    first: int
    last: int
    start: int = 0

    @property
    def end(self) -> int:
        return self.start + self.bytes


@dataclass
class Block:
    """Bytes of the arena at one offset: of a tensor, a workspace, or tensors that take over each other's bytes.

    spans: the bytes that are needed, and when. A tensor that is written over another may be smaller, so the block may
    shrink. starts: offsets of members that do not start where the block starts.
    """

    name: str
    spans: list[Span]
    members: list[str] = field(default_factory=list)
    offset: int = 0
    starts: dict[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return max(span.end for span in self.spans)

    @property
    def end(self) -> int:
        return self.offset + self.bytes

    @property
    def first(self) -> int:
        return min(span.first for span in self.spans)

    def take_over(self, member: str, start: int, span: Span | None) -> None:
        """Add a tensor that lies in this block from `start` on. `span`: the bytes that it needs in addition, if any."""
        self.members.append(member)
        self.starts[member] = start
        if span is not None:
            self.spans.append(span)

    def begin_at_zero(self) -> None:
        """Count from the lowest byte that any member needs."""
        lowest = min(span.start for span in self.spans)
        if lowest:
            self.starts = {member: self.starts.get(member, 0) - lowest for member in self.members}
            self.spans = [replace(span, start=span.start - lowest) for span in self.spans]

    def forbidden(self, placed: Block) -> list[tuple[int, int]]:
        """The offsets where this block cannot start because of a placed block, as open intervals."""
        return [
            (placed.offset + theirs.start - mine.end, placed.offset + theirs.end - mine.start)
            for mine in self.spans
            for theirs in placed.spans
            if mine.first <= theirs.last and theirs.first <= mine.last
        ]


@dataclass(frozen=True)
class MemoryPlan:
    """The place of everything. lower_bound: no placement of these blocks needs fewer bytes.

    whole_bytes: the arena of a program in stripes if it were not; 0 for any other.
    """

    blocks: list[Block]
    arena_bytes: int
    lower_bound: int
    offsets: dict[str, int]
    lifetimes: dict[str, tuple[int, int]]
    whole_bytes: int = 0

    def workspace_offset(self, operator: Operator, name: str) -> int:
        return self.offsets[workspace_key(operator, name)]


def workspace_key(operator: Operator, name: str) -> str:
    """Name of a workspace's block: unique, since no tensor's name has a colon."""
    return f"{operator.outputs[0]}:{name}"


def plan(program: Program) -> MemoryPlan:
    """Place all activations and workspaces of a program."""
    lifetimes = tensor_lifetimes(program)
    # A result may be smaller than the input whose bytes it takes over. It then occupies the middle of the arena. This
    # saves bytes in one network and costs some in the next, so both ways are tried.
    candidates = [_placed(program, lifetimes, may_shrink) for may_shrink in (False, True)]
    blocks = min(candidates, key=lambda c: max((b.end for b in c), default=0))
    check(blocks)
    offsets = {m: block.offset + block.starts.get(m, 0) for block in blocks for m in block.members}
    for tensor in program.tensors.values():
        if tensor.role != "weight":
            offsets[tensor.name] = offsets[program.storage(tensor.name)] + _view_offset(program, tensor.name)
    arena = max((block.end for block in blocks), default=0)
    return MemoryPlan(blocks, max(arena, ALIGN), lower_bound(blocks), offsets, lifetimes)


def least_bytes(program: Program) -> int:
    """The bytes that no placement of a program goes below: quicker than `plan`."""
    lifetimes = tensor_lifetimes(program)
    return min(lower_bound(_blocks(program, lifetimes, may_shrink)) for may_shrink in (False, True))


def tensor_lifetimes(program: Program) -> dict[str, tuple[int, int]]:
    """First and last step of every tensor that owns bytes; reading a view keeps the tensor behind it alive."""
    lifetimes: dict[str, tuple[int, int]] = {program.storage(program.input.name): (-1, -1)}
    steps = program.calls
    for index, operator in enumerate(steps):
        for name in operator.outputs:  # several operators may write parts of one tensor
            lifetimes[program.storage(name)] = (lifetimes.get(program.storage(name), (index, index))[0], index)
        for name in operator.inputs:
            if program.tensors[name].role != "weight":
                owner = program.storage(name)
                lifetimes[owner] = (lifetimes[owner][0], max(lifetimes[owner][1], index))
    output = program.storage(program.output.name)
    lifetimes[output] = (lifetimes[output][0], len(steps))
    for segment in program.segments:
        windows.live_through(program, segment, lifetimes)
    return lifetimes


def tensors_alive(program: Program) -> list[int]:
    """Bytes of the tensors that are there during each step, without workspaces."""
    alive = [0] * len(program.calls)
    for name, (first, last) in tensor_lifetimes(program).items():
        size = round_up(program.stored_bytes(name)) if name in program.tensors else 0
        for step in range(max(first, 0), min(last, len(alive) - 1) + 1):
            alive[step] += size
    return alive


def _placed(program: Program, lifetimes: dict[str, tuple[int, int]], may_shrink: bool) -> list[Block]:
    blocks = _blocks(program, lifetimes, may_shrink)
    place(blocks)
    return blocks


def place(blocks: list[Block]) -> None:
    """Give every block an offset: largest first, each at the lowest place that is free during its lifetime."""
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
    return max((sum(end - start for _, start, end in those) for those in alive(blocks).values()), default=0)


def alive(blocks: list[Block]) -> dict[int, list[tuple[str, int, int]]]:
    """Name, first byte and end of each block's bytes at every step that needs any."""
    steps: dict[int, list[tuple[str, int, int]]] = {}
    for block in blocks:
        needed: dict[int, tuple[int, int]] = {}
        for span in block.spans:
            for step in range(span.first, span.last + 1):
                start, end = needed.get(step, (span.start, span.end))
                needed[step] = min(start, span.start), max(end, span.end)
        for step, (start, end) in needed.items():
            steps.setdefault(step, []).append((block.name, block.offset + start, block.offset + end))
    return steps


def check(blocks: list[Block]) -> None:
    """Check the placement step by step: no byte belongs to two blocks, and every block is aligned."""
    for block in blocks:
        if block.offset % ALIGN or block.offset < 0:
            raise Ocrm55Error(f"the memory plan is wrong: {block.name} starts at {block.offset}.")
    for step, those in alive(blocks).items():
        for (name, _, end), (other, start, _) in pairwise(sorted(those, key=lambda entry: entry[1:])):
            if start < end:
                raise Ocrm55Error(f"the memory plan is wrong: {name} and {other} overlap at step {step}.")


def _blocks(program: Program, lifetimes: dict[str, tuple[int, int]], may_shrink: bool) -> list[Block]:
    blocks: list[Block] = []
    owner: dict[str, Block] = {}

    def span(size: int, lifetime: tuple[int, int], start: int = 0) -> Span:
        return Span(round_up(max(size, 1)), *lifetime, start)

    def add(name: str, size: int, lifetime: tuple[int, int]) -> Block:
        blocks.append(Block(name, [span(size, lifetime)], [name]))
        return blocks[-1]

    image = program.storage(program.input.name)
    owner[image] = add(image, program.stored_bytes(image), lifetimes[image])
    for segment in program.segments:
        for name, window in segment.windows.items():
            if window.kept_bytes:
                add(kept_name(name), window.kept_bytes, lifetimes[kept_name(name)])
    for index, operator in enumerate(program.calls):
        for output in operator.outputs:
            whole = program.storage(output)
            size = program.stored_bytes(whole)
            if output in owner:  # a fallback writes what the step before it would have written
                continue
            if whole != output:  # a part of a tensor that several operators write
                if whole not in owner:
                    owner[whole] = add(whole, size, lifetimes[whole])
                continue
            over = _overlap(operator, output, lifetimes, index) or _followed(program, output, lifetimes, owner)
            if over is not None:
                shared = owner[over.input]
                start = shared.starts.get(over.input, 0) + over.shift
                shared.take_over(output, start, span(size, lifetimes[output], start))
                owner[output] = shared
                continue
            taken = _in_place_input(program, operator, output, lifetimes, index)
            if taken is None or (not may_shrink and size != program.stored_bytes(taken)):
                owner[output] = add(output, size, lifetimes[output])
                continue
            # From the next step on, only the smaller of the two is needed.
            shared = owner[taken]
            start = shared.starts.get(taken, 0)
            later = span(size, (index + 1, lifetimes[output][1]), start) if lifetimes[output][1] > index else None
            shared.take_over(output, start, later)
            owner[output] = shared
        for workspace in operator.workspaces:
            add(workspace_key(operator, workspace.name), workspace.bytes, (index, index))
    for block in blocks:
        block.begin_at_zero()
    return blocks


def _overlap(operator: Operator, output: str, lifetimes: dict[str, tuple[int, int]], step: int) -> Overlap | None:
    """How `output` may lie over the input, if it may at all."""
    overlap = operator.overlap
    if overlap is None or output != operator.outputs[0] or lifetimes[overlap.input][1] != step:
        return None
    return overlap


def _followed(
    program: Program, output: str, lifetimes: dict[str, tuple[int, int]], owner: dict[str, Block]
) -> Overlap | None:
    """How `output` may follow, stripe by stripe, over an input whose rows are done: the one that saves most."""
    found = [(saved, over) for saved, over in windows.followed(program, output, lifetimes) if over.input in owner]
    # One tensor only follows over another: the second would meet the first.
    found = [(saved, over) for saved, over in found if not _is_followed(owner[over.input], over.input, lifetimes)]
    over = max(found, key=lambda entry: entry[0], default=(0, None))[1]
    return None if over is None else replace(over, shift=-round_up(-over.shift))


def _is_followed(block: Block, image: str, lifetimes: dict[str, tuple[int, int]]) -> bool:
    """Whether another member of a block is there at the end of a tensor's life."""
    end = lifetimes[image][1]
    return any(lifetimes[m][0] <= end < lifetimes[m][1] for m in block.members if m != image and m in lifetimes)


def _in_place_input(
    program: Program, operator: Operator, output: str, lifetimes: dict[str, tuple[int, int]], step: int
) -> str | None:
    """The tensor whose bytes `output` may take over: an input that this step is the last to read."""
    if output != operator.outputs[0]:
        return None
    for name in operator.in_place:
        storage = program.storage(name)
        if program.tensors[storage].role == "weight":
            continue
        others = [other for other in operator.inputs if other != name and program.tensors[other].role != "weight"]
        if lifetimes[storage][1] != step or any(program.storage(other) == storage for other in others):
            continue
        if not windows.may_lie_over(program, operator, name):
            continue
        if _view_offset(program, name) == 0 and program.stored_bytes(output) <= program.stored_bytes(storage):
            return storage
    return None


def _view_offset(program: Program, name: str) -> int:
    """Bytes from the start of the owner's bytes to those of a view."""
    tensor = program.tensors[name]
    return 0 if tensor.view_of is None else tensor.view_offset + _view_offset(program, tensor.view_of)
