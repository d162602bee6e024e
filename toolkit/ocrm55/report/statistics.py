"""The tables of `run-fvp --stats`: instructions of every operator, and the places of the bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ocrm55 import console
from ocrm55.artifact import Artifact
from ocrm55.firmware import sections
from ocrm55.metadata import Metadata
from ocrm55.report import figures, widths
from ocrm55.report.layers import layers, ratio
from ocrm55.simulators.base import ImageResult, Run


def show(artifact: Artifact, elf: Path, run: Run) -> None:
    """Print the instructions by layer for the first image of each width, and the memory of artifact and ELF.

    The simulator counted instructions, not cycles: neither QEMU nor the FVP knows a Cortex-M55's cycles.
    """
    metadata = artifact.metadata
    if run.results[0].inference_instructions is None:
        console.warning("this simulator does not count instructions; use --simulator qemu for --stats")
    else:
        for result in widths.first_of_each(run.results):
            show_operators(metadata.at_width(result.width), result)
        show_widths(metadata, run.results)
    show_memory(metadata, sections(elf))


def show_operators(metadata: Metadata, image: ImageResult) -> None:
    """Print a row for each operator (instructions, MACs, and their ratio), then the sums."""
    rows: list[tuple[str, ...]] = [
        (
            row.title,
            row.kind,
            row.target,
            figures.count(row.macs),
            figures.count(row.instructions),
            figures.ratio(row.per_mac),
        )
        for row in layers(metadata, image.operator_instructions)
    ]
    columns = ["layer", "kind", "target", figures.MACS, "instructions", "instr./MAC"]
    if image.cycles:
        columns.append("cycles, measured")
        rows = [(*row, figures.count(cycles)) for row, (cycles, _) in zip(rows, image.cycles, strict=True)]
    console.result()
    console.table(
        f"instructions by operator {widths.words(metadata, image.width)}".strip(),
        columns,
        rows,
        right=columns[3:],
    )
    console.result()
    show_sums(metadata, image)


def show_sums(metadata: Metadata, image: ImageResult) -> None:
    """Print the instructions of the inference, and of the work before and after it."""
    total, macs = image.inference_instructions, metadata.macs
    if total is None:
        return
    if image.width is not None:
        console.result(f"width        {image.width:>13,} columns of {metadata.full_width}")
    if image.unsure_instructions:
        console.result(
            f"unsure       {image.unsure_instructions:>13,} instructions of a narrower reading that did not stand"
        )
    console.result(
        f"inference    {total:>13,} instructions, {figures.ratio(ratio(total, macs))} a MAC ({macs:,} {figures.MACS})"
    )
    console.result(f"preprocess   {image.preprocess_instructions or 0:>13,} instructions")
    console.result(f"CTC decode   {image.decode_instructions or 0:>13,} instructions")
    for part, cycles in image.phase_cycles.items():
        console.result(f"{part:<12} {cycles:>13,} cycles, measured by the board's counter")


def show_widths(metadata: Metadata, results: Sequence[ImageResult]) -> None:
    """Print a row for each width at which images were read; nothing for a program with only one width."""
    rows = widths.costs(metadata, results)
    if rows:
        console.result()
        console.table("by width", widths.COLUMNS, [row.cells for row in rows], right=widths.COLUMNS)


def show_memory(metadata: Metadata, elf_sections: Mapping[str, int]) -> None:
    """Print the arena, the weights, and every section of the ELF in bytes."""
    console.result()
    console.result(f"arena        {metadata.arena_bytes:>13,} bytes")
    console.result(f"weights      {metadata.weight_bytes:>13,} bytes")
    console.result()
    console.table(
        "ELF sections", ("section", "bytes"), ((n, f"{s:,}") for n, s in elf_sections.items()), right=("bytes",)
    )
