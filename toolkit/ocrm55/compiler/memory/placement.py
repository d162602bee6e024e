"""Choose the memories for the arena and the weights. What is read most often comes closest to the core.

Heat is how often a byte is read in one inference. The arena is read and written all the time, so it is placed first.
Then come the weights: all in the nearest memory, if it holds them. If a faster memory has room left, the hottest
tensors go there. What then misses the nearest memory, the coldest tensors, goes to the next one that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ocrm55.boards import ON_CHIP, TIGHTLY_COUPLED, MemoryMap, Region
from ocrm55.compiler.memory.planner import ALIGN, round_up
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.errors import UnsupportedError

CODE_ROOM = 128 * 1024  # kept free for code and constants; only the linker knows their size
DATA_ROOM = 8 * 1024  # the same for variables, beside the stack
IMAGE_ROOM = 64 * 1024  # one image of 48 x 320 pixels, and its file's header


class NoRoomError(UnsupportedError):
    """Something of `size` bytes is larger than each memory that may hold it. room: bytes of the largest.

    what: arena, weights or output, which lies in the arena. least: it takes this size at least.
    """

    def __init__(
        self, what: str, size: int, largest: Region, board: MemoryMap, room: Mapping[str, int], *, least: bool = False
    ) -> None:
        self.what, self.size, self.room = what, size, room[largest.name]
        named = f"the {what} take{'' if what == 'weights' else 's'} {size:,} bytes{' at least' if least else ''}"
        others = [region.name for region in board.regions.values() if room[region.name] >= size]
        super().__init__(
            f"{named}; {largest.name} of {board.name} has room for {self.room:,}, {size - self.room:,} too few.",
            [
                f"place the {'weights' if what == 'weights' else 'arena'} in {others[0]} by a file for --memory-map"
                if others
                else "describe a board with more memory by a file for --memory-map"
            ],
        )


@dataclass(frozen=True)
class Placement:
    """Regions for the arena, the weights, the hottest and the coldest of them.

    hot, far: names of the tensors in hot_weights and in far_weights, hottest first.
    bytes: of arena, weights (the rest), hot_weights, and far_weights if there are any.
    """

    arena: Region
    weights: Region
    hot_weights: Region
    hot: tuple[str, ...] = ()
    bytes: Mapping[str, int] = field(default_factory=dict)
    far_weights: Region | None = None
    far: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, Region, int]]:
        """The contents of each region, and their bytes."""
        placed = [("arena", self.arena), ("weights", self.weights), ("hot_weights", self.hot_weights)]
        if self.far_weights is not None:
            placed.append(("far_weights", self.far_weights))
        return [(what, region, self.bytes[what]) for what, region in placed if self.bytes.get(what)]


@dataclass(frozen=True)
class Reach:
    """The memories that a target reads and writes.

    tightly_coupled: whether it reaches the core's own. off_chip: whether weights may lie outside the chip.
    tries: advice where the weights then fit nowhere.
    """

    tightly_coupled: bool = True
    off_chip: bool = True
    tries: tuple[str, ...] = ()

    def within(self, other: Reach) -> Reach:
        """What both reach."""
        return Reach(
            self.tightly_coupled and other.tightly_coupled,
            self.off_chip and other.off_chip,
            (*self.tries, *other.tries),
        )


def place(
    program: Program, arena_bytes: int, board: MemoryMap, constants: int = 0, reach: Reach | None = None
) -> Placement:
    """Choose the regions. Raises UnsupportedError if nothing fits; it says what is too large, and by how much.

    constants: bytes of targets' own, which lie with the weights. reach: of all targets; everything if None.
    """
    reach = reach or Reach()
    room = rooms(board)
    if not reach.tightly_coupled or not reach.off_chip:
        board = _within_reach(board, on_chip=not reach.off_chip)
    arena = _first_fit("arena", arena_bytes, board, room)
    room[arena.name] -= round_up(arena_bytes)
    sizes = {tensor.name: round_up(tensor.bytes) for tensor in program.weights()}
    heats = _heats(program, sizes)
    # A target's own constants cannot be split, so they keep all weights together.
    split = None if constants else _split(heats, sizes, board, room)
    if split is None:
        total = sum(sizes.values()) + constants
        weights = _first_fit("weights", total, board, room, reach.tries)
        hot_region, hot = _hot(heats, sizes, weights, board, room)
        parts = _Parts(hot_region, tuple(hot), weights, total - sum(sizes[name] for name in hot))
    else:
        parts = split
    placed = {"arena": arena_bytes, "weights": parts.bytes, "hot_weights": sum(sizes[name] for name in parts.hot)}
    if parts.far:
        placed["far_weights"] = sum(sizes[name] for name in parts.far)
    return Placement(arena, parts.weights, parts.hot_region, parts.hot, placed, parts.far_region, parts.far)


@dataclass(frozen=True)
class _Parts:
    """Weights by where they lie. bytes: of those in `weights`."""

    hot_region: Region
    hot: tuple[str, ...]
    weights: Region
    bytes: int
    far_region: Region | None = None
    far: tuple[str, ...] = ()


def _split(
    heats: Mapping[str, float], sizes: Mapping[str, int], board: MemoryMap, room: Mapping[str, int]
) -> _Parts | None:
    """The weights over several memories, where they miss the nearest one as a whole. None where they do not, or where
    that brings none of them nearer.
    """
    near, *others = board.candidates("weights")
    if sum(sizes.values()) <= room[near.name] or not others:
        return None
    hot_region, hot = _hot(heats, sizes, near, board, room)
    left = room[near.name] - (sum(sizes[name] for name in hot) if hot_region == near else 0)
    taken: list[str] = []
    far: list[str] = []
    for name in sorted(sizes.keys() - set(hot), key=lambda each: (-heats.get(each, 0.0), each)):
        if sizes[name] <= left:
            taken.append(name)
            left -= sizes[name]
        else:
            far.append(name)
    size = sum(sizes[name] for name in far)
    beyond = next((region for region in others if size <= room[region.name]), None)
    if not taken or beyond is None:
        return None
    nearer = sum(sizes[name] for name in taken)
    return _Parts(hot_region, tuple(hot), near, nearer, beyond if far else None, tuple(far))


def _hot(
    heats: Mapping[str, float], sizes: Mapping[str, int], weights: Region, board: MemoryMap, room: Mapping[str, int]
) -> tuple[Region, list[str]]:
    """The memory of the hottest weights and their names; none where no memory is nearer than that of the others."""
    for candidate in board.candidates("hot_weights"):
        hot = _hottest(heats, sizes, room[candidate.name]) if candidate.tier < weights.tier else []
        if hot:
            return candidate, hot
    return board.region_of("hot_weights"), []


def _within_reach(board: MemoryMap, on_chip: bool) -> MemoryMap:
    """The board for a bus master beside the core: nothing in tightly coupled memory. on_chip: nor weights off the chip.

    The arena then takes the smallest memory that holds it, because the weights are larger.
    """
    far = [region for region in board.regions.values() if region.tier > TIGHTLY_COUPLED]
    chip = [region.name for region in sorted(far, key=lambda region: region.size) if region.tier == ON_CHIP]
    preference, placement = dict(board.preference), dict(board.placement)
    for what in ("arena", "weights"):
        wanted = [region.name for region in board.candidates(what) if region in far]
        if on_chip:
            wanted = chip if what == "arena" else [name for name in wanted if name in chip] or chip
        wanted = wanted or [region.name for region in far]
        if wanted:
            preference[what], placement[what] = tuple(wanted[:-1]), wanted[-1]
    return replace(board, preference=preference, placement=placement)


def arena_room(board: MemoryMap, *, coupled: bool = True) -> int:
    """The most bytes of an arena in tightly coupled memory, 0 if the board has no such memory; or in any memory."""
    room = rooms(board)
    regions = [region for region in board.candidates("arena") if region.tier == TIGHTLY_COUPLED or not coupled]
    return max((room[region.name] for region in regions), default=0)


def check_arena(size: int, board: MemoryMap, reach: Reach) -> None:
    """Raise NoRoomError where an arena of that many bytes at least fits no memory within reach."""
    if not reach.tightly_coupled or not reach.off_chip:
        board = _within_reach(board, on_chip=not reach.off_chip)
    _first_fit("arena", size, board, rooms(board), least=True)


def weights_room(board: MemoryMap, reach: Reach) -> int:
    """The most bytes of weights in one memory within reach."""
    room = rooms(board)
    if not reach.tightly_coupled or not reach.off_chip:
        board = _within_reach(board, on_chip=not reach.off_chip)
    return max(room[region.name] for region in board.candidates("weights"))


def check_weights(size: int, board: MemoryMap, reach: Reach) -> None:
    """Raise NoRoomError where that many bytes of weights fit no memory within reach."""
    room = rooms(board)
    if not reach.tightly_coupled or not reach.off_chip:
        board = _within_reach(board, on_chip=not reach.off_chip)
    _first_fit("weights", size, board, room, reach.tries)


def check_output(size: int, board: MemoryMap, tries: Sequence[str]) -> None:
    """Raise NoRoomError, with `tries` first, where an output of that many bytes fits no arena by itself."""
    room = rooms(board)
    largest = max(board.candidates("arena"), key=lambda region: room[region.name])
    if size > room[largest.name]:
        refused = NoRoomError("output", size, largest, board, room)
        refused.tries = [*tries, *refused.tries]
        raise refused


def rooms(board: MemoryMap) -> dict[str, int]:
    """Bytes of each region that are left beside code, variables, stack and one image."""
    taken = dict.fromkeys(board.regions, 0)
    for what, size in (("code", CODE_ROOM), ("data", board.stack_bytes + DATA_ROOM), ("images", IMAGE_ROOM)):
        taken[board.placement[what]] += size
    return {name: max(region.size - taken[name], 0) // ALIGN * ALIGN for name, region in board.regions.items()}


def heat(operator: Operator, name: str, program: Program) -> float:
    """The number of times that an inference reads each byte of one of an operator's weights."""
    spec = operator.spec
    weights = [argument for argument in operator.arguments if program.tensors[argument].role == "weight"]
    if spec.table_reads and name == weights[-1]:
        return spec.table_reads / max(program.tensors[name].bytes, 1)
    return spec.weight_reads


def _heats(program: Program, sizes: Mapping[str, int]) -> dict[str, float]:
    """Weight -> how often an inference reads each of its bytes."""
    heats: dict[str, float] = {}
    for operator in program.steps:
        for name in operator.arguments:
            if name in sizes:
                heats[name] = heats.get(name, 0.0) + heat(operator, name, program)
    return heats


def _hottest(heats: Mapping[str, float], sizes: Mapping[str, int], room: int) -> list[str]:
    """The hottest tensors that fit together, hottest first. A tensor that is read only once gains nothing and stays."""
    chosen = []
    for name in sorted(heats, key=lambda n: (-heats[n], n)):
        if heats[name] > 1.0 and sizes[name] <= room:
            chosen.append(name)
            room -= sizes[name]
    return chosen


def _first_fit(
    what: str,
    size: int,
    board: MemoryMap,
    room: Mapping[str, int],
    tries: Sequence[str] = (),
    *,
    least: bool = False,
) -> Region:
    for region in board.candidates(what):
        if size <= room[region.name]:
            return region
    largest = max(board.candidates(what), key=lambda region: room[region.name])
    refused = NoRoomError(what, size, largest, board, room, least=least)
    refused.tries = [*tries, *refused.tries]
    raise refused
