"""llvm-mca's estimates of the marked inner loops of kernels."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from ocrm55 import console, resources, temporary
from ocrm55.bench.cases.convolution import LOOP_MACS
from ocrm55.cycles.disassembly import assembled
from ocrm55.cycles.pipeline import of_a_pass
from ocrm55.errors import TargetError

MCA = ("llvm-mca-19", "-mtriple=thumbv8.1m.main-none-eabihf", "-mcpu=cortex-m55", "-iterations=100")


@dataclass(frozen=True)
class Loop:
    """llvm-mca's estimate for one pass of an inner loop. macs: multiplications of it. own: our model's cycles."""

    name: str
    instructions: int
    cycles: float
    macs: int
    own: float


def estimate() -> dict[str, Loop] | None:
    """llvm-mca's estimates for the marked inner loops; None if it is not installed."""
    if shutil.which(MCA[0]) is None:
        return None
    loops: dict[str, Loop] = {}
    options = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard", "-O3", "-ffp-contract=off", "-std=gnu11")
    command = ["arm-none-eabi-gcc", *options, "-DOCRM55_MARK_LOOPS", f"-I{resources.kernel_folder()}", "-S"]
    with temporary.folder() as folder:
        for source in resources.kernels().values():
            if "MARK" not in source.read_text():
                continue
            assembly = folder / f"{source.stem}.s"
            console.command([*command, source, "-o", assembly])
            regions = regions_of(assembly.read_text())
            for name, lines in regions.items():
                snippet = folder / f"{name}.s"
                snippet.write_text(".syntax unified\n.thumb\n" + "\n".join(lines) + "\n")
                printed = console.command([*MCA, snippet])
                count, cycles = (_figure(label, printed) / 100 for label in ("Instructions", "Total Cycles"))
                loops[name] = Loop(name, round(count), cycles, LOOP_MACS.get(name, 0), of_a_pass(assembled(lines)))
    return loops


def markdown(loops: Mapping[str, Loop]) -> str:
    """A table: each loop's instructions, and the cycles of a pass by both models."""
    lines = ["| loop | instructions | llvm-mca | our model | MAC a cycle |", "|---|---:|---:|---:|---:|"]
    for loop in loops.values():
        rate = f"{loop.macs / loop.own:.1f}" if loop.macs else ""
        lines.append(f"| `{loop.name}` | {loop.instructions} | {loop.cycles:.0f} | {loop.own:.0f} | {rate} |")
    return "\n".join(lines) + "\n"


def regions_of(assembly: str) -> dict[str, list[str]]:
    """The instructions of each marked region, without labels, directives and the branch that closes a loop."""
    regions: dict[str, list[str]] = {}
    name = ""
    for line in assembly.splitlines():
        mark = re.search(r"LLVM-MCA-(BEGIN|END) (\w+)", line)
        if mark:
            name = mark[2] if mark[1] == "BEGIN" and mark[2] not in regions else ""
            if name:
                regions[name] = []
        elif name and re.match(r"\s+[a-z]|^[a-z]+[. ]", line) and not re.match(r"\s*(b|bne|le|bne\.w)\s", line):
            regions[name].append(line.split("@")[0])
    return {name: lines for name, lines in regions.items() if lines}


def _figure(label: str, printed: str) -> int:
    found = re.search(rf"{label}:\s+(\d+)", printed)
    if found is None:
        raise TargetError(f"llvm-mca printed no line `{label}:`.")
    return int(found[1])
