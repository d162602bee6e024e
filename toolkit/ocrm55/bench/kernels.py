"""Every kernel at the shapes of a network: instructions counted on QEMU, and llvm-mca's estimate of the inner loops.

The layers come from the network's ONNX file. Each is given to the kernel that the int8 lowering chooses for it, with
activations fused; the numbers are random, because no kernel's path depends on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrm55 import boards, console, temporary
from ocrm55.bench.cases import registry
from ocrm55.bench.cases.drawn import Drawn
from ocrm55.bench.cases.node import nodes
from ocrm55.bench.loops import MCA, Loop
from ocrm55.bench.runner import STATUS, Case, build_target, encode, run_qemu
from ocrm55.cycles.counting import Plan, count
from ocrm55.cycles.disassembly import read_program
from ocrm55.cycles.estimate import Range, estimate, sum_of
from ocrm55.errors import TargetError
from ocrm55.report import cycles as in_cycles
from ocrm55.report import figures
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request

TIME_LIMIT_S = 300.0


@dataclass(frozen=True)
class Row:
    """One layer's figures. macs: multiplications of the kernel. instructions: of the whole call.

    cycles: of it on a Cortex-M55, estimated; None where nobody asked.
    """

    layer: str
    kernel: str
    shape: str
    macs: int
    instructions: int
    loops: str
    cycles: Range | None = None

    @property
    def per_mac(self) -> float | None:
        return self.instructions / self.macs if self.macs else None


def network_cases(onnx_path: Path) -> list[tuple[str, Case]]:
    """(name of the layer, call of its kernel) for all layers of a recognizer's float ONNX file, in order."""
    drawn = Drawn()
    found = ((node.name, registry.case_of(node, drawn)) for node in nodes(onnx_path))
    return [(name, case) for name, case in found if case is not None]


def measure(onnx_path: Path, compiler: str = "gcc", *, cycles: bool = False) -> list[Row]:
    """Count the instructions of every layer on QEMU. Equal layers are run once. cycles: estimate them too."""
    layers = network_cases(onnx_path)
    keys = {_key(case): case for _, case in layers}
    with temporary.folder() as folder:
        elf = build_target(folder, compiler)
        answers = dict(zip(keys, run_qemu(elf, list(keys.values()), folder), strict=True))
        estimates = dict(zip(keys, _estimated(elf, list(keys.values())), strict=True)) if cycles else {}
    rows = []
    for name, case in layers:
        answer = answers[_key(case)]
        if answer.status != 0:
            raise TargetError(f"{case.kernel} {case.label}: {STATUS.get(answer.status, answer.status)}.")
        estimated = estimates.get(_key(case))
        rows.append(
            Row(name, case.kernel, case.label, case.macs, answer.instructions, registry.loop_of(case), estimated)
        )
    return rows


def _estimated(elf: Path, cases: Sequence[Case]) -> list[Range]:
    """The cycles of each case. The program reads its counter before and behind each call, so sections change there."""
    program = read_program(elf)
    counter = program.address("platform_instructions")
    assert counter is not None
    plan = Plan(
        program,
        boards.find(),
        {counter: "++"},
        is_firmware=False,
        words=("runner", "cases.bin", "answers.bin"),
        files={"cases.bin": encode(cases)},
    )
    simulator = find_simulator("qemu")
    _, counts, _ = count(plan, Request(elf, timeout_s=TIME_LIMIT_S), simulator.executable)
    sections = estimate(program, counts)
    return [sections[2 * number + 1] for number in range(len(cases))]


def _key(case: Case) -> tuple[str, tuple[int, ...], str]:
    return case.kernel, tuple(case.integers), case.label


def print_table(rows: Sequence[Row], loops: dict[str, Loop] | None) -> None:
    """Rows of layers with their sums, then the loops with llvm-mca's estimates."""
    columns = ["layer", "kernel", "shape", figures.MACS, "instructions", "instr/MAC", "inner loop"]
    estimated = all(row.cycles is not None for row in rows)
    if estimated:
        columns += ["cycles, likely", "CPI", "MAC/c", "lost to, %"]
    body = [
        (
            row.layer,
            row.kernel,
            row.shape,
            f"{row.macs:,}",
            f"{row.instructions:,}",
            "" if row.per_mac is None else f"{row.per_mac:.3f}",
            row.loops,
            *(() if row.cycles is None else in_cycles.cells(row.cycles, row.macs)),
        )
        for row in rows
    ]
    macs, instructions = sum(r.macs for r in rows), sum(r.instructions for r in rows)
    sums = in_cycles.cells(sum_of(row.cycles for row in rows if row.cycles is not None), macs) if estimated else ()
    body.append(("all", "", "", f"{macs:,}", f"{instructions:,}", f"{instructions / macs:.3f}", "", *sums))
    right = (figures.MACS, "instructions", "instr/MAC", *columns[7:10])
    console.table("Instructions on QEMU", columns, body, right=right)
    console.result()
    if estimated:
        console.result("Cycles are estimated, least-likely-most, where memory waits for nobody: docs/cycles.md.")
    if loops is None:
        console.result(f"No estimate of cycles: {MCA[0]} is not installed (Debian: llvm-19).")
        return
    title = "Inner loops: cycles of one pass by llvm-mca's model of the Cortex-M55, an estimate"
    estimates = [
        (
            loop.name,
            str(loop.instructions),
            f"{loop.cycles:.1f}",
            f"{loop.own:.1f}",
            str(loop.macs or ""),
            f"{loop.macs / loop.cycles:.2f}" if loop.macs else "",
        )
        for loop in loops.values()
    ]
    names = ("loop", "instructions", "cycles", "our model", "MAC", "MAC/cycle")
    console.table(title, names, estimates, right=names[1:])
