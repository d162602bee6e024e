"""The tables of `run-fvp --stats`: instructions of every operator, and where the bytes are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocrm55 import console
from ocrm55.firmware import sections
from ocrm55.report import figures
from ocrm55.report.layers import layers, ratio
from ocrm55.simulators.base import ImageResult, Run


def show(artifact: Path, elf: Path, run: Run) -> None:
    """Print the instructions of the run's first image by operator, and the memory of artifact and ELF.

    The numbers are instructions that the simulator counted, not cycles: neither QEMU nor the FVP knows a Cortex-M55's.
    """
    metadata = json.loads((artifact / "metadata.json").read_text())
    first = run.results[0]
    metadata = at_width(metadata, first.width)
    if first.inference_instructions is None:
        console.warning("this simulator does not count instructions; use --simulator qemu for --stats")
    else:
        show_operators(metadata, first)
    show_memory(metadata, sections(elf))


def at_width(metadata: Mapping[str, Any], width: int | None) -> Mapping[str, Any]:
    """The metadata with the MACs of one of the widths that the program serves."""
    found = next((each for each in metadata.get("widths", []) if each["width"] == width), None)
    if found is None:
        return metadata
    operators = [
        {**operator, "macs": macs} for operator, macs in zip(metadata["operators"], found["operator_macs"], strict=True)
    ]
    return {**metadata, "macs": found["macs"], "operators": operators}


def show_operators(metadata: Mapping[str, Any], image: ImageResult) -> None:
    """Print a row an operator: instructions, MACs, and their ratio; then the sums."""
    rows = [
        (
            row.name,
            row.kind,
            row.target,
            figures.count(row.macs),
            figures.count(row.instructions),
            figures.ratio(row.per_mac),
        )
        for row in layers(metadata, image.operator_instructions)
    ]
    console.result()
    console.table(
        "instructions by operator",
        ("operator", "kind", "target", "MACs", "instructions", "instr./MAC"),
        rows,
        right=("MACs", "instructions", "instr./MAC"),
    )
    console.result()
    show_sums(metadata, image)


def show_sums(metadata: Mapping[str, Any], image: ImageResult) -> None:
    """Print the instructions of the inference, and of what is before and after it."""
    total, macs = image.inference_instructions, metadata["macs"]
    if total is None:
        return
    if image.width is not None:
        full = max(each["width"] for each in metadata["widths"])
        console.result(f"width        {image.width:>13,} columns of {full}")
    if image.unsure_instructions:
        console.result(
            f"unsure       {image.unsure_instructions:>13,} instructions of a narrower reading that did not stand"
        )
    console.result(f"inference    {total:>13,} instructions, {figures.ratio(ratio(total, macs))} a MAC ({macs:,} MACs)")
    console.result(f"preprocess   {image.preprocess_instructions or 0:>13,} instructions")
    console.result(f"CTC decode   {image.decode_instructions or 0:>13,} instructions")


def show_memory(metadata: Mapping[str, Any], elf_sections: Mapping[str, int]) -> None:
    """Print the arena, the weights, and every section of the ELF in bytes."""
    console.result()
    console.result(f"arena        {metadata['arena_bytes']:>13,} bytes")
    console.result(f"weights      {metadata['weight_bytes']:>13,} bytes")
    console.result()
    console.table(
        "ELF sections", ("section", "bytes"), ((n, f"{s:,}") for n, s in elf_sections.items()), right=("bytes",)
    )
