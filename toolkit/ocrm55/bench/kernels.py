"""Every kernel at the shapes of a network: instructions counted on QEMU, and llvm-mca's estimate of the inner loops.

The layers come from the network's ONNX file. Each is given to the kernel that the int8 lowering chooses for it, with
activations fused; the numbers are random, because no kernel's path depends on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrm55 import console, temporary
from ocrm55.bench.cases import registry
from ocrm55.bench.cases.drawn import Drawn
from ocrm55.bench.cases.node import nodes
from ocrm55.bench.loops import MCA, Loop
from ocrm55.bench.runner import STATUS, Case, build_target, run_qemu
from ocrm55.errors import TargetError


@dataclass(frozen=True)
class Row:
    """One layer's figures. macs: multiplications of the kernel. instructions: of the whole call."""

    layer: str
    kernel: str
    shape: str
    macs: int
    instructions: int
    loops: str

    @property
    def per_mac(self) -> float | None:
        return self.instructions / self.macs if self.macs else None


def network_cases(onnx_path: Path) -> list[tuple[str, Case]]:
    """(name of the layer, call of its kernel) for all layers of a recognizer's float ONNX file, in order."""
    drawn = Drawn()
    found = ((node.name, registry.case_of(node, drawn)) for node in nodes(onnx_path))
    return [(name, case) for name, case in found if case is not None]


def measure(onnx_path: Path, compiler: str = "gcc") -> list[Row]:
    """Count the instructions of every layer on QEMU. Equal layers are run once."""
    layers = network_cases(onnx_path)
    keys = {_key(case): case for _, case in layers}
    with temporary.folder() as folder:
        elf = build_target(folder, compiler)
        answers = dict(zip(keys, run_qemu(elf, list(keys.values()), folder), strict=True))
    rows = []
    for name, case in layers:
        answer = answers[_key(case)]
        if answer.status != 0:
            raise TargetError(f"{case.kernel} {case.label}: {STATUS.get(answer.status, answer.status)}.")
        rows.append(Row(name, case.kernel, case.label, case.macs, answer.instructions, registry.loop_of(case)))
    return rows


def _key(case: Case) -> tuple[str, tuple[int, ...], str]:
    return case.kernel, tuple(case.integers), case.label


def print_table(rows: Sequence[Row], loops: dict[str, Loop] | None) -> None:
    """Rows of layers with their sums, then the loops with llvm-mca's estimates."""
    columns = ("layer", "kernel", "shape", "MAC", "instructions", "instr/MAC", "inner loop")
    body = [
        (
            row.layer,
            row.kernel,
            row.shape,
            f"{row.macs:,}",
            f"{row.instructions:,}",
            "" if row.per_mac is None else f"{row.per_mac:.3f}",
            row.loops,
        )
        for row in rows
    ]
    macs, instructions = sum(r.macs for r in rows), sum(r.instructions for r in rows)
    body.append(("all", "", "", f"{macs:,}", f"{instructions:,}", f"{instructions / macs:.3f}", ""))
    console.table("Instructions on QEMU", columns, body, right=("MAC", "instructions", "instr/MAC"))
    console.result()
    if loops is None:
        console.result(f"No estimate of cycles: {MCA[0]} is not installed (Debian: llvm-19).")
        return
    title = "Inner loops: cycles of one pass by llvm-mca's model of the Cortex-M55, an estimate"
    estimates = [
        (
            loop.name,
            str(loop.instructions),
            f"{loop.cycles:.1f}",
            str(loop.macs or ""),
            f"{loop.macs / loop.cycles:.2f}" if loop.macs else "",
        )
        for loop in loops.values()
    ]
    names = ("loop", "instructions", "cycles", "MAC", "MAC/cycle")
    console.table(title, names, estimates, right=names[1:])
