"""Our kernels and CMSIS-NN side by side on the same network: instructions of whole inferences, counted on QEMU, and the
estimate of their cycles.

Both networks are compiled, built and run. The firmware counts, operator by operator. Our convolution computes its
activation as well, so CMSIS-NN's count is its call and the look-up table behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ocrm55 import console, files, libraries, resources, simulation, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler import program_file
from ocrm55.cycles.inference import estimate_inference
from ocrm55.errors import TargetError
from ocrm55.metadata import OperatorRow
from ocrm55.report import figures, names
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request

KINDS = {
    "lookup_int8": "activation",
    "average_pool_int8": "average pool",
    "multiply_int8": "multiply",
    "softmax_int8": "softmax",
    "softmax_rows": "softmax",
    "add_int8": "add",
    "add_float32": "add",
    "layer_norm_rows": "layer norm",
    "copy_int8": "concatenation",
    "quantize": "conversion",
    "dequantize": "conversion",
}
AVERAGE = "/averagepool"
CYCLES = ("m55, cycles", "CMSIS-NN, cycles", "ratio")
TIME_LIMIT_S = 600.0
LARGE = 1_000_000  # MACs of a layer; from here on, no kernel of ours may be slower


@dataclass(frozen=True)
class Row:
    """A layer with MACs and its activation, or all operators of one kind without MACs. None: there is no such
    operator.

    own, library: instructions. own_cycles, library_cycles: likely ones, by the estimate.
    """

    name: str
    macs: int
    own: int | None
    library: int | None
    own_cycles: float | None = None
    library_cycles: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.own / self.library if self.own is not None and self.library else None

    @property
    def ratio_of_cycles(self) -> float | None:
        known = self.own_cycles is not None and self.library_cycles
        return self.own_cycles / self.library_cycles if known and self.own_cycles and self.library_cycles else None


@dataclass(frozen=True)
class Measured:
    """One network that ran, and the instructions and likely cycles of each of its operators."""

    artifact: Artifact
    counts: Sequence[int]
    cycles: Sequence[float]


def measure(options: stages.Options) -> list[Measured]:
    """Run one sample through our kernels, then through CMSIS-NN, on QEMU."""
    image = resources.folder("models") / "samples" / "wide.png"
    found = []
    for kernels in ((libraries.OWN,), (libraries.LIBRARY,)):
        prepared = stages.prepare(replace(options, compile=replace(options.compile, kernels=kernels)))
        qemu = find_simulator("qemu", board=options.board)
        run = simulation.read_images(simulation.load([image]), prepared, qemu, stats=True)
        artifact = Artifact.read(prepared.artifact)
        request = Request(prepared.elf, run.images[:1], timeout_s=TIME_LIMIT_S)
        estimated = estimate_inference(prepared.elf, artifact.metadata, options.board, request, qemu.executable)
        cycles = [each.likely.cycles for each in estimated.operators]
        found.append(Measured(artifact, run.results[0].operator_instructions, cycles))
    return found


def table_of(measured: Sequence[Measured]) -> list[Row]:
    """Compare both, row by row."""
    own, library = (grouped(m.artifact.operators, m.counts) for m in measured)
    cycles = [grouped(m.artifact.operators, [round(each) for each in m.cycles]) for m in measured]
    return [_with_cycles(row, *cycles) for row in rows(own, library)]


def _with_cycles(row: Row, own: Mapping[str, tuple[int, int]], library: Mapping[str, tuple[int, int]]) -> Row:
    a, b = own.get(row.name), library.get(row.name)
    return replace(row, own_cycles=a[1] if a else None, library_cycles=b[1] if b else None)


def record(measured: Sequence[Measured]) -> Path:
    """Write costs.json, by which `--kernels cmsis-nn,m55` chooses."""
    from ocrm55.compiler.targets import costs

    counted = []
    for network in measured:
        program = program_file.read(network.artifact.folder)
        if len(program.steps) != len(network.counts):
            raise TargetError("the operators that ran are not those of the model: was it compiled in stripes?")
        counted += [(o.target, o.spec, c) for o, c in zip(program.steps, network.counts, strict=True)]
    return costs.write(counted)


def grouped(operators: Sequence[OperatorRow], counts: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Row name -> MACs, instructions; an activation counts towards the layer in front of it."""
    found: dict[str, tuple[int, int]] = {}
    layer = ""
    for operator, count in zip(operators, counts, strict=True):
        if operator.name.endswith(AVERAGE):  # CMSIS-NN averages over four pixels by a depthwise convolution
            name = f"all of {KINDS['average_pool_int8']}"
        elif operator.macs:
            layer = name = names.readable(operator.name)
            if operator.kind == "matmul_int8":
                name = f"{name} (product)"
        elif operator.kind == "lookup_int8":
            name = layer
        else:
            name = f"all of {KINDS.get(operator.kind, operator.kind)}"
        macs, instructions = found.get(name, (0, 0))
        found[name] = (macs + operator.macs, instructions + count)
    return found


def rows(own: Mapping[str, tuple[int, int]], library: Mapping[str, tuple[int, int]]) -> list[Row]:
    """Rows of both, in the order of the network, then those without MACs."""
    every = [*own, *(name for name in library if name not in own)]
    every.sort(key=lambda name: name.startswith("all of "))
    found = []
    for name in every:
        a, b = own.get(name), library.get(name)
        macs = max(a[0] if a else 0, b[0] if b else 0)
        found.append(Row(name, macs, a[1] if a else None, b[1] if b else None))
    return found


def total(table: Sequence[Row]) -> Row:
    sides = ("own", "library", "own_cycles", "library_cycles")
    own, library, *cycles = (sum(getattr(row, side) or 0 for row in table) for side in sides)
    return Row("the whole network", sum(row.macs for row in table), own, library, *cycles)


def lost(table: Sequence[Row]) -> list[Row]:
    """Large layers at which our kernel needs more instructions."""
    return [row for row in table if row.macs >= LARGE and row.ratio is not None and row.ratio > 1]


def print_table(table: Sequence[Row]) -> None:
    """Print a row for each layer, the sum, and the layers at which our kernels need more instructions."""
    body = [
        (
            row.name,
            f"{row.macs:,}" if row.macs else "",
            *("" if count is None else f"{count:,}" for count in (row.own, row.library)),
            *("" if not row.macs or count is None else f"{count / row.macs:.3f}" for count in (row.own, row.library)),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            *_cycles(row),
        )
        for row in [*table, total(table)]
    ]
    columns = ("layer", figures.MACS, "m55", "CMSIS-NN", "m55/MAC", "CMSIS-NN/MAC", "m55 / CMSIS-NN", *CYCLES)
    console.table("Instructions on QEMU, and likely cycles by the estimate", columns, body, right=columns[1:])
    console.result()
    losses = lost(table)
    if losses:
        console.result(f"Layers over {LARGE:,} MAC at which CMSIS-NN needs fewer: {', '.join(r.name for r in losses)}")
    else:
        console.result(f"CMSIS-NN needs fewer instructions at no layer over {LARGE:,} MAC.")


def _cycles(row: Row) -> list[str]:
    """The last columns: millions of cycles of both, and their ratio."""
    both = ["" if each is None else figures.short(each) for each in (row.own_cycles, row.library_cycles)]
    return [*both, "" if row.ratio_of_cycles is None else f"{row.ratio_of_cycles:.2f}"]


def as_markdown(table: Sequence[Row]) -> str:
    """Instructions and likely cycles of both for the documentation."""
    lines = [f"| Layer | m55 | CMSIS-NN | {' | '.join(CYCLES[:2])} |", "|---" + "|---:" * 4 + "|"]
    for row in [*table, total(table)]:
        counts = ["" if count is None else f"{count:,}" for count in (row.own, row.library)]
        lines.append("|" + "".join(f" {cell} |" if cell else " |" for cell in (row.name, *counts, *_cycles(row)[:2])))
    return "\n".join(lines) + "\n"


def write(table: Sequence[Row], path: Path) -> None:
    files.write_text(path, as_markdown(table))
