"""`ocrm55 profile`: the cost of each layer, as a table, as files for programs, and as pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Any

from ocrm55 import console, files
from ocrm55.metadata import Metadata
from ocrm55.report import figures, statistics, widths
from ocrm55.report.arena_picture import arena_picture
from ocrm55.report.cost_picture import instructions_picture, intensity_picture
from ocrm55.report.layers import PEAK_MACS_A_CYCLE, Layer, totals
from ocrm55.report.measurement import Measurement
from ocrm55.report.memory_picture import memory_picture
from ocrm55.report.svg import Picture
from ocrm55.simulators.base import ImageResult

WIDTH = 1040  # pixels of the pictures in files of their own


class Sort(StrEnum):
    """The order of the table: that of execution, or the largest first."""

    ORDER = "order"
    INSTRUCTIONS = "instructions"
    MACS = "macs"
    RATIO = "ratio"
    BYTES = "bytes"
    BOUND = "bound"


_KEYS: dict[Sort, Callable[[Layer], float]] = {
    Sort.ORDER: lambda row: row.index,
    Sort.INSTRUCTIONS: lambda row: -(row.instructions or 0),
    Sort.MACS: lambda row: -row.macs,
    Sort.RATIO: lambda row: -(row.per_mac or 0),
    Sort.BYTES: lambda row: -row.bytes_moved,
    Sort.BOUND: lambda row: -row.bound,
}

# Heading -> cell of the table in the terminal and on the page. `bound`: cycles at the peak rate, explained below it.
COLUMNS: dict[str, Callable[[Layer], str]] = {
    "layer": lambda row: row.title,
    "kind": lambda row: row.kind,
    "target": lambda row: row.target,
    "output": lambda row: figures.shape(row.shape),
    "instructions": lambda row: figures.count(row.instructions),
    figures.MACS: lambda row: figures.nonzero(row.macs),
    "instr./MAC": lambda row: figures.ratio(row.per_mac),
    "weight bytes": lambda row: figures.nonzero(row.weight_bytes),
    "input bytes": lambda row: figures.count(row.input_bytes),
    "output bytes": lambda row: figures.count(row.output_bytes),
    "bound, cycles": lambda row: figures.nonzero(row.bound),
}
NUMBERS = tuple(COLUMNS)[4:]


def bound_in_words(rows: Sequence[Layer]) -> str:
    """The meaning of the column `bound`, for the types of numbers in the layers."""
    core = [row for row in rows if not row.on_npu]
    rates = [f"{rate} {dtype}" for dtype, rate in PEAK_MACS_A_CYCLE.items() if any(row.dtype == dtype for row in core)]
    npu = next((f", at {row.macs_a_cycle} on the NPU" for row in rows if row.on_npu), "")
    return (
        f"The bound is the cycles that the live MACs need at the core's peak rate ({' and '.join(rates)} MACs a cycle)"
        f"{npu}, taps on padding left out: multiplying cannot take fewer. It is no estimate of a time, and "
        "instructions are not cycles."
    )


def npu_in_words(metadata: Metadata) -> str:
    """The NPU's share and Vela's estimate of its time; nothing without an NPU."""
    npu = metadata.npu
    if npu is None:
        return ""
    return (
        f"An {npu.accelerator} computes {npu.macs / max(metadata.macs, 1):.1%} of the {figures.MACS} in "
        f"{len(npu.regions)} command streams, for which Vela {npu.vela} estimates {npu.vela_cycles:,} of its "
        "cycles. Instructions are the core's, which only starts a stream and waits for its end."
    )


def sort(rows: Sequence[Layer], by: Sort) -> list[Layer]:
    """The rows, the largest first; equal ones stay in the order of execution."""
    return sorted(rows, key=_KEYS[by])


def show(measured: Measurement, by: Sort = Sort.ORDER) -> None:
    """Print a row for each layer, their sums, and the rest of the inference, once for each width that ran."""
    for result in measured.first_of_each_width:
        _show_layers(measured, result, by)
    statistics.show_widths(measured.metadata, measured.run.results)
    statistics.show_memory(measured.metadata, {section.name: section.size for section in measured.sections})


def _show_layers(measured: Measurement, result: ImageResult, by: Sort) -> None:
    rows = measured.layers_of(result)
    body = [[cell(row) for cell in COLUMNS.values()] for row in sort(rows, by)]
    sums = totals(rows)
    body.append(
        [
            "all",
            "",
            "",
            "",
            figures.count(sums.instructions),
            figures.count(sums.macs),
            figures.ratio(sums.per_mac),
            figures.count(sums.weight_bytes),
            figures.count(sums.input_bytes),
            figures.count(sums.output_bytes),
            figures.count(sums.bound),
        ]
    )
    title = f"layers {widths.words(measured.metadata, result.width)}".strip()
    console.table(f"{title}, instructions counted on {measured.simulator}", tuple(COLUMNS), body, right=NUMBERS)
    console.result()
    console.paragraph(bound_in_words(rows))
    if words := npu_in_words(measured.metadata):
        console.paragraph(words)
    console.result("Bytes are those of the tensors, from metadata.json, each counted once.")
    console.result()
    statistics.show_sums(measured.metadata.at_width(result.width), result)
    console.result()


def pictures(measured: Measurement, width: int = WIDTH) -> dict[str, Picture]:
    """All pictures of a profile by the name of their file."""
    rows = measured.layers
    return {
        "instructions": instructions_picture(rows, width),
        "intensity": intensity_picture(rows, width),
        "memory": memory_picture(measured.sections, measured.board, width),
        "arena": arena_picture(measured.first, rows, width),
    }


def write(measured: Measurement, folder: Path, more: Mapping[str, Any] | None = None) -> list[Path]:
    """Write profile.csv, profile.json and the pictures; return their paths. Raises OutputError.

    more: further keys of profile.json.
    """
    written = [folder / "profile.csv", folder / "profile.json"]
    files.write_text(written[0], as_csv(measured))
    files.write_json(written[1], as_values(measured) | dict(more or {}))
    for name, picture in pictures(measured).items():
        written.append(folder / f"{name}.svg")
        files.write_text(written[-1], picture.standalone())
    return written


def values(row: Layer) -> dict[str, Any]:
    """A layer for programs: its fields, and the figures computed from them."""
    fields = asdict(row)
    for name in ("title", "block", "why_not"):
        fields.pop(name)
    return fields | {
        "shape": list(row.shape),
        "instructions_per_mac": None if row.per_mac is None else round(row.per_mac, 6),
        "bound_cycles": row.bound,
    }


def as_csv(measured: Measurement) -> str:
    """A line for each layer of each width that ran; shapes as 1x64x24x160, empty cells if nothing was counted."""
    stream = io.StringIO()
    lines = [
        ({} if result.width is None else {"width": result.width}) | values(row) | {"shape": figures.shape(row.shape)}
        for result in measured.first_of_each_width
        for row in measured.layers_of(result)
    ]
    writer = csv.DictWriter(stream, list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


def as_values(measured: Measurement) -> dict[str, Any]:
    """Everything for JSON: for the first image, and then for each further width at which images were read."""
    known = ("ocrm55", "model", "precision", "arena_bytes", "weight_bytes")
    first, *others = measured.first_of_each_width
    found = {
        **{name: getattr(measured.metadata, name) for name in known},
        "simulator": measured.simulator,
        **_of_image(measured, first),
        "stack_bytes": measured.run.stack_bytes,
        "peak_macs_a_cycle": PEAK_MACS_A_CYCLE,
    }
    if first.width is not None:
        found["by_width"] = [asdict(row) for row in widths.costs(measured.metadata, measured.run.results)]
        found["other_widths"] = [_of_image(measured, result) for result in others]
    return found


def _of_image(measured: Measurement, result: ImageResult) -> dict[str, Any]:
    """An image's reading, and the costs of the layers at its width."""
    rows = measured.layers_of(result)
    place = next(index for index, each in enumerate(measured.run.results) if each is result)
    return {
        "image": measured.paths[place].name,
        **({} if result.width is None else {"width": result.width}),
        "text": result.text,
        "score": result.score,
        "instructions": result.instructions,
        "totals": asdict(totals(rows)),
        "layers": [values(row) for row in rows],
    }
