"""The estimate of cycles beside what others measured on silicon, for CMSIS-NN's kernels at their shapes.

CMSIS-NN is built here from the user's own sources, so compilers and releases may differ from those that were measured;
firmware/bench/silicon.c has the calls, and silicon_cases.py the measurements.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ocrm55 import boards, console, files, processes, resources, temporary
from ocrm55.bench.runner import build_program
from ocrm55.bench.silicon_cases import MEASURED, Measured, Published
from ocrm55.boards import Board
from ocrm55.cycles.counting import Plan, count
from ocrm55.cycles.counts import Counts
from ocrm55.cycles.disassembly import Program, read_program
from ocrm55.cycles.estimate import Range, estimate
from ocrm55.errors import InputError, ToolchainError
from ocrm55.report import figures
from ocrm55.simulators.base import Request
from ocrm55.simulators.qemu import PROGRAM

CLOSE = 0.15  # of nine rows in ten
GCC = "arm-none-eabi-gcc"
TIME_LIMIT_S = 300.0
# CMSIS-NN's files that the cases call, and more; the linker drops the rest.
_TAKEN = ("_s8", "_s16", "_s4", "arm_nn_", "arm_elementwise_")
_LEFT_OUT = ("lstm", "svdf", "transpose_conv", "softmax", "concatenation", "maximum", "minimum")
_FLAGS = ("-w", "-DCMSIS_NN_USE_REQUANTIZE_INLINE_ASSEMBLY")
# GCC 14.3.0 built what was measured. Its cycles show loops that count on their own predicates, as upstream's GCC 14 has
# them. Arm's GCC 14 turns them into tail-predicated ones, unless told not to (docs/cycles.md).
_AS_MEASURED = "-mno-dlstp"
_TENSORS = "images"  # what silicon.c has in the images' memory: the tensors of MobileNetV2


@dataclass(frozen=True)
class Compared:
    """A measurement and the estimate beside it, without waits. fills: lines that the data cache fetched.

    line: cycles that a line costs on this board, by the board's other rows; 0 where none of them says.
    """

    measured: Measured
    estimated: Range
    fills: float = 0.0
    line: float = 0.0

    @property
    def cycles(self) -> tuple[float, float, float]:
        """Least, likely and most, with the waits for the cache's lines."""
        least, likely, most = self.estimated.cycles
        waits = self.fills * self.line
        return least + waits, likely + waits, most + waits

    @property
    def bare_ratio(self) -> float:
        """The likely estimate over the measurement, where memory waits for nobody."""
        return self.estimated.likely.cycles / self.measured.cycles

    @property
    def ratio(self) -> float:
        """The likely estimate with waits over the measurement."""
        return self.cycles[1] / self.measured.cycles

    @property
    def is_close(self) -> bool:
        return abs(self.ratio - 1) <= CLOSE


def measure(library: Path | None, fork: Path | None = None, compiler: str = "gcc") -> list[Compared]:
    """Build CMSIS-NN's kernels from its sources, count them on QEMU, and estimate their cycles.

    fork: sources of the fork whose kernels were measured on Apollo510. Those that it changed or has alone take their
    places; without it their rows are left out. compiler: of the kernels, gcc or the path of another GCC. Raises
    InputError where there are no sources, ToolchainError where a program is missing.
    """
    if library is None or not (library / "Source").is_dir():
        raise InputError(
            "the kernels that others measured are CMSIS-NN's, and no copy of its sources is named.",
            ["--cmsis-nn PATH", "set CMSIS_NN_ROOT"],
        )
    sources = _sources(library)
    cases, headers = [each for each in MEASURED if not each.own], dict[Path, Path]()
    if fork is not None:
        sources, cases = with_own(sources, fork), list(MEASURED)
        headers = {path: fork / "Include" for path in sources if path.is_relative_to(fork)}
    executable = shutil.which(PROGRAM)
    if executable is None:
        raise ToolchainError(f"`{PROGRAM}` is not installed or not on PATH.", ["ocrm55 doctor"])
    console.note(f"GCC {version(compiler)} builds the kernels")
    with temporary.folder() as folder:
        own = [resources.folder("firmware") / "bench" / "silicon.c"]
        extra = [_AS_MEASURED] if _takes(compiler, _AS_MEASURED) else []
        includes = [library / "Include"]
        elf = build_program(folder, "silicon", sources, own, includes, compiler, _FLAGS, extra, headers)
        return with_lines(_compared(elf, Path(executable), cases))


def version(compiler: str) -> str:
    """The version of a GCC, such as 12.2.1. Raises ToolchainError where it cannot be run, or is not one for Arm."""
    program = GCC if compiler == "gcc" else compiler
    try:
        machine, number = (
            processes.completed([program, option], 60) for option in ("-dumpmachine", "-dumpfullversion")
        )
    except (OSError, subprocess.SubprocessError) as trouble:
        raise ToolchainError(f"`{program}` cannot be run: {trouble}.", ["--cc PATH"]) from trouble
    if not machine.stdout.startswith("arm") or number.returncode != 0:
        raise ToolchainError(f"`{program}` is no GCC for Arm.", [f"--cc PATH, such as that of {GCC}"])
    return number.stdout.strip()


def _takes(compiler: str, option: str) -> bool:
    program = GCC if compiler == "gcc" else compiler
    with temporary.folder() as folder:
        (folder / "empty.c").touch()
        made = ["-c", str(folder / "empty.c"), "-o", str(folder / "empty.o")]
        return processes.completed([program, option, *made], 60).returncode == 0


def _sources(library: Path) -> list[Path]:
    return [
        path
        for path in sorted((library / "Source").rglob("*.c"))
        if any(word in path.name for word in _TAKEN) and not any(word in path.name.lower() for word in _LEFT_OUT)
    ]


def with_own(sources: list[Path], fork: Path) -> list[Path]:
    """The sources, with the fork's own kernels in their places. Raises InputError where the fork has them not."""
    wanted = {each.own for each in MEASURED if each.own}
    found = {path.name: path for path in (fork / "Source").rglob("*.c") if path.name in wanted}
    if missing := sorted(wanted - found.keys()):
        raise InputError(f"{fork}: no sources of the fork, because Source/ has no {missing[0]}.", ["--fork PATH"])
    return [*(path for path in sources if path.name not in found), *(found[name] for name in sorted(found))]


def _compared(elf: Path, executable: Path, cases: Sequence[Measured]) -> list[Compared]:
    """Each case runs twice in silicon.c, in the order of MEASURED, and a mark follows each time."""
    program = read_program(elf)
    behind = {each.source.cache: each.source for each in cases}
    counted = {cache: _counted(program, elf, executable, source) for cache, source in behind.items()}
    costs = estimate(program, next(iter(counted.values())))
    rows = []
    for place, each in enumerate(MEASURED):
        if each in cases:
            second = 3 * place + 2
            moved = counted[each.source.cache].memory.items()
            fills = sum(statistics.mean(traffic.fills) for (section, _), traffic in moved if section == second)
            rows.append(Compared(each, costs[second], fills))
    return rows


def _counted(program: Program, elf: Path, executable: Path, source: Published) -> Counts:
    between = program.address("between_cases")
    assert between is not None
    plan = Plan(program, _behind_cache(boards.find(), source), {between: "++"}, is_firmware=False)
    _, counts, _ = count(plan, Request(elf, timeout_s=TIME_LIMIT_S), executable)
    return counts


def _behind_cache(board: Board, source: Published) -> Board:
    """The simulated board, with the data cache of one that was measured."""
    memories = board.memories
    tensors = memories.region_of(_TENSORS)
    regions = {**memories.regions, tensors.name: replace(tensors, stores_go_through=source.through)}
    return replace(board, memories=replace(memories, regions=regions, data_cache_bytes=source.cache_bytes))


def with_lines(rows: Sequence[Compared]) -> list[Compared]:
    """The rows, each with what a line costs by the board's other rows. So no row has a part in its own estimate."""
    return [replace(row, line=cost_of_line([each for each in of_board(rows, row) if each is not row])) for row in rows]


def of_board(rows: Sequence[Compared], row: Compared) -> list[Compared]:
    """The rows that were measured on the same board."""
    return [each for each in rows if each.measured.source.board == row.measured.source.board]


def cost_of_line(rows: Sequence[Compared]) -> float:
    """Cycles a line of the cache: where the squares of the rows' relative errors are least, and not below 0."""
    shares = [(row.fills / row.measured.cycles, 1 - row.bare_ratio) for row in rows]
    squares = sum(lines * lines for lines, _ in shares)
    return max(0.0, sum(lines * missing for lines, missing in shares) / squares) if squares else 0.0


def error(row: Compared) -> float:
    """How far the likely estimate with waits is from the measurement, as a share of it."""
    return abs(row.ratio - 1)


def sums(rows: Sequence[Compared]) -> list[str]:
    """The errors of all rows without waits and with them, and what a line costs, in sentences."""
    bare = [abs(row.bare_ratio - 1) for row in rows]
    boards_of = {row.measured.source.board: row for row in rows}
    lines = ", ".join(f"{cost_of_line(of_board(rows, row)):.1f} on {board}" for board, row in boards_of.items())
    return [
        f"Without waits, the median error of {len(rows)} rows is {statistics.median(bare):.1%}, and "
        f"{sum(each <= CLOSE for each in bare)} are within {CLOSE:.0%}.",
        f"With a line's cost by the other rows of the board, the median error is "
        f"{statistics.median(map(error, rows)):.1%}, and {sum(row.is_close for row in rows)} are within {CLOSE:.0%}.",
        f"By all rows of a board, the fetch of a line costs this many cycles: {lines}.",
    ]


def print_table(rows: Sequence[Compared]) -> None:
    """A row for each measurement, then the reasons of those that are not close, then the errors."""
    columns = ("case", "measured", "least", "likely", "most", "likely/measured", "lines", "with waits")
    body = [
        (
            row.measured.title,
            figures.count(row.measured.cycles),
            *(figures.short(cycles) for cycles in row.estimated.cycles),
            f"{row.bare_ratio:.2f}",
            figures.count(round(row.fills)) if row.fills else "",
            f"{row.ratio:.2f}" + ("" if row.is_close else " *"),
        )
        for row in rows
    ]
    console.table("cycles on silicon, measured by others, and the estimate", columns, body, right=columns[1:])
    console.result()
    for row in rows:
        if not row.is_close:
            console.result(f"* {row.measured.title}: {row.measured.why or 'no reason is known'}")
    console.result()
    for line in sums(rows):
        console.result(line)


def markdown(rows: Sequence[Compared]) -> str:
    """The same as a page: tables by source."""
    parts = []
    for title in dict.fromkeys(row.measured.source.title for row in rows):
        parts.append(f"{title}:\n\n| case | measured | likely / measured | lines | with waits |\n|---|---|---|---|---|")
        for row in rows:
            if row.measured.source.title == title:
                ratio = f"{row.ratio:.2f}" if row.is_close else f"**{row.ratio:.2f}**"
                lines = f"{row.fills:,.0f}" if row.fills else ""
                cells = (row.measured.title, f"{row.measured.cycles:,}", f"{row.bare_ratio:.2f}", lines, ratio)
                parts.append("| " + " | ".join(cells) + " |")
        parts.append("")
    return "\n".join([*parts, *(f"- {line}" for line in sums(rows))]) + "\n"


def write(rows: Sequence[Compared], path: Path) -> list[Path]:
    """Write the tables to `path`, and a picture beside it, as .svg. Raises OutputError."""
    from ocrm55.bench.silicon_picture import picture

    drawn = path.with_suffix(".svg")
    files.write_text(path, markdown(rows))
    files.write_text(drawn, picture([(r.measured.title, r.measured.cycles, r.cycles) for r in rows]).standalone())
    return [path, drawn]
