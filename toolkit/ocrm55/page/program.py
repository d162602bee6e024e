"""One firmware of a detector and a recognizer: both compiled, one arena, the regions of both chosen together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ocrm55 import libraries, stages
from ocrm55.artifact import Artifact
from ocrm55.boards import Board, Region
from ocrm55.compiler.memory.placement import rooms
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.firmware import check_path

LONGEST_SIDE = 4096  # of a map, OCRM55_PAGE_MAP_SIDE in firmware/tasks/page/ocrm55_page.h
SCRATCH_ROOM = 8 << 20  # bytes beside the frames, for boxes and scratch
STRIPED_BYTES = 48  # tenths of a byte that a bundled detector in stripes needs for a pixel of its input, at most
_ALIGN = 32
_SMALLER = ("a smaller --size", "--arena-limit BYTES")  # what makes an arena smaller


@dataclass(frozen=True)
class PageOptions:
    """The two networks of a program for pages. Both are built for the recognizer's board."""

    recognizer: stages.Options
    detector: stages.Options

    @property
    def folder_name(self) -> str:
        """The firmware's folder below the recognizer's."""
        found = self.detector
        return f"{self.recognizer.firmware_variant}-with-{found.model_name}-{found.compile.variant}"


_WEIGHTS = ("weights", "hot_weights", "far_weights")


@dataclass(frozen=True)
class Placement:
    """Where a program for pages lies. arena_bytes: of the one arena, as large as the larger network needs.

    regions: arena, weights, hot_weights, far_weights, images -> region. weight_bytes: of both networks, without those
    that are read most or least often.
    """

    arena_bytes: int
    weight_bytes: int
    hot_bytes: int
    regions: Mapping[str, Region]
    far_bytes: int = 0

    @property
    def defines(self) -> dict[str, str]:
        """CMake's cache entries."""
        names = ("arena", "weights", "hot_weights", "far_weights")
        return {f"OCRM55_{name.upper()}_REGION": self.regions[name].name for name in names}

    @property
    def words(self) -> str:
        """One sentence."""
        arena, weights, hot, far = (self.regions[name].name for name in ("arena", *_WEIGHTS))
        apart = f", {self.hot_bytes:,} in {hot}" if self.hot_bytes else ""
        apart += f", {self.far_bytes:,} in {far}" if self.far_bytes else ""
        weighing = f"{self.weight_bytes:,} bytes of weights in {weights}{apart}"
        return f"one arena of {self.arena_bytes:,} bytes in {arena}, {weighing}"


@dataclass(frozen=True)
class CompiledPage:
    """Both networks as they were compiled for one program, and where they lie in it. options: with the detector's
    limit of the arena.
    """

    options: PageOptions
    recognizer: stages.Compilation
    detector: stages.Compilation
    placement: Placement


@dataclass(frozen=True)
class PreparedPage:
    """A program for pages that was built: both networks as they were compiled, and the ELF."""

    options: PageOptions
    recognizer: stages.Compilation
    detector: stages.Compilation
    elf: Path
    placement: Placement


class Needs(Protocol):
    """Bytes that a network needs, as an artifact has them."""

    @property
    def arena_bytes(self) -> int: ...
    @property
    def weight_bytes(self) -> int: ...
    @property
    def hot_bytes(self) -> int: ...
    @property
    def far_bytes(self) -> int: ...


def place(recognizer: Needs, detector: Needs, board: Board) -> Placement:
    """Choose regions for both networks in one program. Raises UnsupportedError if the board has no room."""
    memories = board.memories
    room = rooms(memories)
    regions = {"images": memories.region_of("images")}
    arena = max(_whole(network.arena_bytes) for network in (recognizer, detector))
    hot = sum(network.hot_bytes for network in (recognizer, detector))
    far = sum(network.far_bytes for network in (recognizer, detector))
    weights = sum(network.weight_bytes for network in (recognizer, detector)) - hot - far
    for what, size in (("arena", arena), ("weights", weights), ("hot_weights", hot), ("far_weights", far)):
        candidates = memories.candidates("weights" if what == "far_weights" else what)
        if what == "hot_weights":  # of two networks they may be more than either had room for
            candidates += [regions["weights"], memories.region_of("weights")]
        region = next((each for each in candidates if size + _ALIGN <= room[each.name]), None)
        if region is None:
            raise UnsupportedError(
                f"{what.replace('_', ' ')} of both networks: {size:,} bytes, for which {board.name} has no room.",
                [*(_SMALLER if what == "arena" else ()), "place it elsewhere by a file for --memory-map"],
            )
        room[region.name] -= size + _ALIGN
        regions[what] = region
    return Placement(arena, weights, hot, regions, far)


def _whole(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def prepare(options: PageOptions, *, native: bool = False) -> PreparedPage:
    """Export, compile and build what is missing or out of date.

    native: a program of this computer, for simulators that ask for one.
    Raises InputError for an option that programs for pages do not have.
    """
    _check(options)
    check_path(options.recognizer.build_dir)
    if native:
        stages.check_native(options.recognizer)
    else:
        options.recognizer.board.check_start_up()
    both = compiled(options)
    options, recognizer, detector, placement = both.options, both.recognizer, both.detector, both.placement
    built, folder = options.recognizer, options.recognizer.folder
    output = folder.firmware_dir(f"page-{options.folder_name}{'-native' if native else ''}")
    artifacts = [recognizer.artifact, detector.artifact]
    defines = {"OCRM55_DETECTOR": str(detector.artifact.resolve())}
    with folder.locked():
        if native:
            stages.build_native_stage("program for pages", artifacts[0], artifacts, output, built, defines)
        else:
            kernels = tuple({*built.compile.kernels, *options.detector.compile.kernels})
            defines |= libraries.defines(kernels, built.build.cmsis_nn) | placement.defines
            stages.build_stage("firmware for pages", artifacts[0], artifacts, output, built, defines)
    return PreparedPage(options, recognizer, detector, output / "ocrm55.elf", placement)


def compiled(options: PageOptions) -> CompiledPage:
    """Export and compile what is missing or out of date of both networks, and place them in one program.

    Raises InputError for an option that programs for pages do not have, UnsupportedError where the board has no room.
    """
    _check(options)
    recognizer = stages.compiled(options.recognizer)
    reads = Artifact.read(recognizer.artifact)
    check_output(reads)
    options = replace(options, detector=striped(options.detector, reads.arena_bytes))
    detector = stages.compiled(options.detector)
    placement = place(reads, Artifact.read(detector.artifact), options.recognizer.board)
    return CompiledPage(options, recognizer, detector, placement)


def check_output(recognizer: Artifact) -> None:
    """Raise UnsupportedError for a recognizer whose output is never there whole: long lines are joined from windows."""
    if recognizer.metadata.output_comes_by_rows:
        raise UnsupportedError(
            f"the probabilities of {recognizer.name} fit the arena only row by row; pages need them whole.",
            ["ocrm55 export --characters latin", "--width PIXELS, for fewer steps"],
        )


def striped(detector: stages.Options, arena_bytes: int) -> stages.Options:
    """A bundled detector in stripes of rows, so that it needs hardly more than the recognizer's arena_bytes.

    Another detector has stripes only where the user gives a limit, since nobody knows how small it gets.
    """
    from ocrm55.tasks.detector.sources import BUNDLED

    chosen = detector.compile
    known = detector.source in BUNDLED and chosen.arena_limit is None
    if not known or chosen.height is None or chosen.width is None:
        return detector
    limit = max(_whole(arena_bytes), STRIPED_BYTES * chosen.height * chosen.width // 10)
    return replace(detector, compile=replace(chosen, arena_limit=limit))


def _check(options: PageOptions) -> None:
    if options.recognizer.compile.npu or options.detector.compile.npu:
        raise InputError("pages are read without an NPU.", ["leave --npu out"])
    if options.recognizer.task.name == options.detector.task.name:
        raise InputError(f"{options.recognizer.source} finds lines and reads none.", ["--model bundled"])
    if options.recognizer.compile.image is not None:
        raise InputError("no page is compiled in.", ["leave --image out"])


def detector_options(recognizer: stages.Options, source: str, height: int, width: int) -> stages.Options:
    """The options of the detector beside a recognizer's: same board, same folder, same compiler.

    source: one of the detector's words or a path. height, width: of its input in pixels. Raises InputError for a
    source that is not there, before the recognizer is compiled for it.
    """
    from ocrm55.tasks.detector.sources import WORD
    from ocrm55.tasks.detector.task import DETECTOR

    if source != "bundled" and source not in DETECTOR.models and not Path(source).exists():
        raise InputError(f"there is no detector {source}.", ["--detector bundled"])
    chosen = recognizer.compile
    return replace(
        recognizer,
        source=WORD if source == "bundled" else source,
        task=DETECTOR,
        dictionary=None,
        compile=replace(
            type(chosen)(),
            height=height,
            width=width,
            board=chosen.board,
            kernels=chosen.kernels,
            check=chosen.check,
            arena_limit=chosen.arena_limit,
            stepwise=chosen.stepwise,
            decoder=DETECTOR.decoders[0],
        ),
    )


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of the detector's input, of `WIDTHxHEIGHT` or one number for both. Raises InputError."""
    sides = text.lower().split("x")
    sides = sides * 2 if len(sides) == 1 else sides
    tries = ["--size 320x320", "--size 640x480"]
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() and len(side) < 6 for side in sides):
        raise InputError(f"`{text[:80]}` is no size in pixels.", tries)
    width, height = int(sides[0]), int(sides[1])
    if min(width, height) < 32 or width % 32 or height % 32:
        raise InputError(f"a detector takes sides of whole 32 pixels, not {width} x {height}.", tries)
    if max(width, height) > LONGEST_SIDE:
        raise InputError(f"a map for pages has {LONGEST_SIDE:,} pixels a side at most, not {width} x {height}.", tries)
    return height, width
