"""The estimate of cycles beside what others measured on silicon, for CMSIS-NN's kernels at their shapes.

The figures below were published with their shapes. CMSIS-NN is built here from the user's own sources, so compilers and
releases differ from those that were measured; firmware/bench/silicon.c has the calls.
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ocrm55 import boards, console, files, resources, temporary
from ocrm55.bench.runner import build_program
from ocrm55.cycles.counting import Plan, count
from ocrm55.cycles.disassembly import read_program
from ocrm55.cycles.estimate import Range, estimate
from ocrm55.errors import InputError, ToolchainError
from ocrm55.report import figures
from ocrm55.simulators.base import Request
from ocrm55.simulators.qemu import PROGRAM

CLOSE = 0.15  # of nine rows in ten
_ANCHOR = "vector_s8"  # says what a line of the cache costs
TIME_LIMIT_S = 300.0
_APOLLO_NETWORK = "Apollo510, DS-CNN by layer: helia-profiler's CSV files, neuralSPOT's table"
_APOLLO_KERNELS = "Apollo510: ns-cmsis-nn, docs/guides/kernel-benchmarks.md"
_ALIF = "Alif E8, MobileNetV2 by layer: executorch#17651"
# CMSIS-NN's files that the cases call, and more; the linker drops the rest.
_TAKEN = ("_s8", "_s16", "_s4", "arm_nn_", "arm_elementwise_")
_LEFT_OUT = ("lstm", "svdf", "transpose_conv", "softmax", "concatenation", "maximum", "minimum")
_FLAGS = ("-w", "-DCMSIS_NN_USE_REQUANTIZE_INLINE_ASSEMBLY")


@dataclass(frozen=True)
class Measured:
    """Cycles on silicon. case: of silicon.c.

    why: a reason for a difference, in words. unlike: whether the reason is known and no fault of the model.
    own: the file of the kernel that was measured, if the library's stands in for one of a fork of CMSIS-NN.
    lines: of weights that silicon fetched, because they are more than its cache of 64 KB holds.
    """

    case: str
    title: str
    macs: int
    cycles: int
    source: str
    why: str = ""
    unlike: bool = False
    own: str = ""
    lines: int = 0


_LARGE = "tensors larger than the cache: silicon waited for memory, the estimate does not"
_WEIGHTS = "131 KB of weights, larger than the cache"
_FORK = "the kernel of a fork of CMSIS-NN was measured; --fork names its sources"
_COMPILER = "a question of the compiler: GCC 14 built what was measured, GCC 12 this, and Clang 19 makes 0.75 of it"

MEASURED = (
    Measured("ds_conv", "conv 10x4, 49x10x1 to 25x5x64", 320_000, 347_648, _APOLLO_NETWORK),
    Measured("ds_depthwise", "depthwise 3x3, 25x5x64", 72_000, 217_892, _APOLLO_NETWORK),
    Measured("ds_pointwise", "1x1, 25x5x64 to 64", 512_000, 219_939, _APOLLO_NETWORK),
    Measured("ds_pool", "average pool 25x5, 64", 0, 14_889, _APOLLO_NETWORK),
    Measured("conv_3x3", "conv 3x3, 32x32x64 to 64", 37_748_736, 7_577_201, _APOLLO_KERNELS),
    Measured("conv_1x1", "1x1, 32x32x64 to 64", 4_194_304, 1_707_351, _APOLLO_KERNELS),
    Measured("depthwise_3x3", "depthwise 3x3, 32x32x64", 589_824, 1_741_530, _APOLLO_KERNELS),
    Measured("matmul", "matmul 64x512x256", 8_388_608, 2_086_979, _APOLLO_KERNELS, _WEIGHTS, True, lines=16 * 4096),
    Measured("pool_3x3", "average pool 3x3, 32x32x64", 0, 2_135_472, _APOLLO_KERNELS),
    Measured("add_s8", "add int8, 4096", 0, 61_575, _APOLLO_KERNELS, own="arm_elementwise_add_s8.c"),
    Measured(
        "mul_s8", "multiply int8, 4096", 0, 22_647, _APOLLO_KERNELS, _FORK, unlike=True, own="arm_elementwise_mul_s8.c"
    ),
    Measured("add_s16", "add int16, 4096", 0, 53_370, _APOLLO_KERNELS),
    Measured("mul_s16", "multiply int16, 4096", 0, 28_755, _APOLLO_KERNELS, _COMPILER),
    Measured("conv_s4", "conv 3x3 of int4, 32x32x64 to 64", 37_748_736, 18_468_361, _APOLLO_KERNELS),
    Measured("depthwise_s4", "depthwise 3x3 of int4, 32x32x64", 589_824, 2_188_508, _APOLLO_KERNELS),
    Measured("matmul_s4", "matmul of int4, 64x512x256", 8_388_608, 4_197_172, _APOLLO_KERNELS),
    Measured("vector_s4", "vector of int4, 512x256", 131_072, 88_622, _APOLLO_KERNELS),
    Measured(
        "vector_s8",
        "vector, 512x256",
        131_072,
        69_076,
        _APOLLO_KERNELS,
        _WEIGHTS,
        unlike=True,
        own="arm_nn_vec_mat_mult_t_s8.c",
        lines=4096,
    ),
    Measured(
        "vector_s16",
        "vector of int16, 512x256",
        131_072,
        99_807,
        _APOLLO_KERNELS,
        _WEIGHTS,
        unlike=True,
        own="arm_nn_vec_mat_mult_t_s16.c",
        lines=4096,
    ),
    Measured("conv_s16", "conv 3x3 of int16, 32x32x64 to 64", 37_748_736, 31_488_224, _APOLLO_KERNELS),
    Measured("depthwise_s16", "depthwise 3x3 of int16, 32x32x64", 589_824, 3_861_216, _APOLLO_KERNELS),
    Measured("pool_s16", "average pool 3x3 of int16, 32x32x64", 0, 2_408_673, _APOLLO_KERNELS),
    Measured("v2_conv", "conv 3x3 /2, 224x224x3 to 32", 10_838_016, 13_754_047, _ALIF),
    Measured("v2_depthwise_32", "depthwise 3x3, 112x112x32", 3_612_672, 13_715_766, _ALIF),
    Measured("v2_pointwise_32_16", "1x1, 112x112x32 to 16", 6_422_528, 4_915_937, _ALIF),
    Measured("v2_pointwise_16_96", "1x1, 112x112x16 to 96", 19_267_584, 24_249_462, _ALIF),
    Measured("v2_depthwise_96", "depthwise 3x3 /2, 112x112x96", 2_709_504, 10_286_711, _ALIF, _LARGE, True),
    Measured("v2_pointwise_96_24", "1x1, 56x56x96 to 24", 7_225_344, 2_791_555, _ALIF),
    Measured("v2_pointwise_24_144", "1x1, 56x56x24 to 144", 10_838_016, 10_329_014, _ALIF),
    Measured("v2_depthwise_144", "depthwise 3x3, 56x56x144", 4_064_256, 15_319_785, _ALIF, _LARGE, True),
)


@dataclass(frozen=True)
class Compared:
    """A measurement, the estimate beside it, and the lines that a cache of 32 KB would fill, by age."""

    measured: Measured
    estimated: Range
    fills: int

    @property
    def ratio(self) -> float:
        """The likely estimate over the measurement."""
        return self.estimated.likely.cycles / self.measured.cycles

    @property
    def is_close(self) -> bool:
        return abs(self.ratio - 1) <= CLOSE


def measure(library: Path | None, fork: Path | None = None) -> list[Compared]:
    """Build CMSIS-NN's kernels from its sources, count them on QEMU, and estimate their cycles.

    fork: sources of the fork whose kernels were measured on Apollo510. Those that it changed, and that are called as
    before, take the place of the library's. Raises InputError where there are no sources, ToolchainError where a
    program is missing.
    """
    if library is None or not (library / "Source").is_dir():
        raise InputError(
            "the kernels that others measured are CMSIS-NN's, and no copy of its sources is named.",
            ["--cmsis-nn PATH", "set CMSIS_NN_ROOT"],
        )
    sources = _sources(library)
    cases: Sequence[Measured] = MEASURED
    if fork is not None:
        sources = _with_own(sources, fork)
        cases = tuple(_as_measured(each) if each.own else each for each in MEASURED)
    executable = shutil.which(PROGRAM)
    if executable is None:
        raise ToolchainError(f"`{PROGRAM}` is not installed or not on PATH.", ["ocrm55 doctor"])
    with temporary.folder() as folder:
        own = [resources.folder("firmware") / "bench" / "silicon.c"]
        elf = build_program(folder, "silicon", sources, own, [library / "Include"], "gcc", _FLAGS)
        return _compared(elf, Path(executable), cases)


def _sources(library: Path) -> list[Path]:
    return [
        path
        for path in sorted((library / "Source").rglob("*.c"))
        if any(word in path.name for word in _TAKEN) and not any(word in path.name.lower() for word in _LEFT_OUT)
    ]


def _as_measured(case: Measured) -> Measured:
    """A case whose kernel is the fork's."""
    if case.why == _FORK:
        return replace(case, own="", why="", unlike=False)
    return replace(case, own="")


def _with_own(sources: list[Path], fork: Path) -> list[Path]:
    """The sources, with the fork's own kernels in place of theirs. Raises InputError where the fork has them not."""
    wanted = {each.own for each in MEASURED if each.own}
    found = {path.name: path for path in (fork / "Source").rglob("*.c") if path.name in wanted}
    if missing := sorted(wanted - found.keys()):
        raise InputError(f"{fork}: no sources of the fork, because Source/ has no {missing[0]}.", ["--fork PATH"])
    return [found.get(path.name, path) for path in sources]


def _compared(elf: Path, executable: Path, cases: Sequence[Measured]) -> list[Compared]:
    program, board = read_program(elf), boards.find()
    marks = {program.address(f"case_{each.case}"): str(n + 1) for n, each in enumerate(cases)}
    marks[program.address("between_cases")] = "0"
    known = {address: mark for address, mark in marks.items() if address is not None}
    plan = Plan(program, board, known, is_firmware=False)
    _, counts, _ = count(plan, Request(elf, timeout_s=TIME_LIMIT_S), executable)
    sections = estimate(program, counts)
    fills = [
        sum(t.fills[0] for (section, _), t in counts.memory.items() if section == n + 1) for n in range(len(cases))
    ]
    return [Compared(each, sections[n + 1], fills[n]) for n, each in enumerate(cases)]


def error(row: Compared) -> float:
    """How far the likely estimate is from the measurement, as a share of it."""
    return abs(row.ratio - 1)


def sums(rows: Sequence[Compared]) -> list[str]:
    """The errors of all rows, and of those that can be compared, in sentences."""
    alike = [row for row in rows if not row.measured.unlike]
    return [
        f"Median error of all {len(rows)}: {statistics.median(map(error, rows)):.1%}; "
        f"{sum(row.is_close for row in rows)} of them within {CLOSE:.0%}.",
        f"Of the {len(alike)} whose code and memory are alike: median {statistics.median(map(error, alike)):.1%}; "
        f"{sum(row.is_close for row in alike)} within {CLOSE:.0%}.",
    ]


def waits(rows: Sequence[Compared]) -> list[str]:
    """A sentence: what a line of the cache costs Apollo510, by one row whose weights its cache does not hold, and what
    that makes of the others. None without the fork: the library's kernel is not the one that was measured.
    """
    anchor = next((row for row in rows if row.measured.case == _ANCHOR and not row.measured.own), None)
    if anchor is None:
        return []
    fill = (anchor.measured.cycles - anchor.estimated.likely.cycles) / anchor.measured.lines
    ratios = {
        row.measured.title: (row.estimated.likely.cycles + row.measured.lines * fill) / row.measured.cycles
        for row in rows
        if row is not anchor
    }
    waited = [row.measured.title for row in rows if row.measured.lines and row is not anchor]
    close = sum(abs(ratio - 1) <= CLOSE for ratio in ratios.values())
    return [
        f"A line of Apollo510's cache costs {fill:.1f} cycles, by the row `{anchor.measured.title}`. With that, "
        + ", ".join(f"{title} is {ratios[title]:.2f}" for title in waited)
        + f", and {close} of the other {len(ratios)} are within {CLOSE:.0%}."
    ]


def print_table(rows: Sequence[Compared]) -> None:
    """A row for each measurement, then the reasons of those that are not close, then the errors."""
    columns = ("case", "measured", "least", "likely", "most", "likely/measured")
    body = [
        (
            row.measured.title,
            figures.count(row.measured.cycles),
            *(figures.short(cycles) for cycles in row.estimated.cycles),
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
    for line in [*sums(rows), *waits(rows)]:
        console.result(line)


def markdown(rows: Sequence[Compared]) -> str:
    """The same as a page: tables by source."""
    parts = []
    for source in dict.fromkeys(row.measured.source for row in rows):
        parts.append(f"{source}:\n\n| case | measured | likely | likely / measured |\n|---|---|---|---|")
        for row in rows:
            if row.measured.source == source:
                ratio = f"{row.ratio:.2f}" if row.is_close else f"**{row.ratio:.2f}**"
                cells = (row.measured.title, f"{row.measured.cycles:,}", figures.short(row.estimated.cycles[1]), ratio)
                parts.append("| " + " | ".join(cells) + " |")
        parts.append("")
    return "\n".join([*parts, *(f"- {line}" for line in [*sums(rows), *waits(rows)])]) + "\n"


def write(rows: Sequence[Compared], path: Path) -> list[Path]:
    """Write the tables to `path`, and a picture beside it, as .svg. Raises OutputError."""
    from ocrm55.bench.silicon_picture import picture

    drawn = path.with_suffix(".svg")
    files.write_text(path, markdown(rows))
    files.write_text(
        drawn, picture([(r.measured.title, r.measured.cycles, r.estimated.cycles) for r in rows]).standalone()
    )
    return [path, drawn]
