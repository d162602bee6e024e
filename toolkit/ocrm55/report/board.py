"""A board's log beside the estimate of cycles: operator by operator, how far the estimate is off."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrm55 import console, files
from ocrm55.cycles import pipeline
from ocrm55.cycles.inference import Inference
from ocrm55.errors import InputError, TargetError
from ocrm55.metadata import Metadata
from ocrm55.report import figures
from ocrm55.report.layers import Layer
from ocrm55.simulators import protocol
from ocrm55.simulators.base import ImageResult

COLUMNS = ("layer", "measured", "likely", "likely/measured", "within the range")


@dataclass(frozen=True)
class Row:
    """A layer: cycles that a board measured, events that it counted, and the estimate."""

    layer: Layer
    measured: int
    events: dict[str, int]
    cycles: tuple[float, float, float]

    @property
    def ratio(self) -> float | None:
        """The likely estimate over the measurement."""
        return self.cycles[1] / self.measured if self.measured else None

    @property
    def where(self) -> str:
        """Where the measurement lies: yes (within the range), above it, below it."""
        least, _, most = self.cycles
        return "yes" if least <= self.measured <= most else "above" if self.measured > most else "below"


def check_log(path: Path) -> protocol.Said:
    """What a UART's log says. Raises InputError for a file that is no log of the firmware."""
    try:
        text = files.read_text(path, errors="replace")
    except OSError as trouble:
        raise InputError(f"the log {path} cannot be read: {trouble.strerror}.") from trouble
    try:
        return protocol.parse(text)
    except TargetError as trouble:
        raise InputError(
            f"{path} is no log of the firmware: {trouble.sentence}", ["log the UART from reset on"]
        ) from trouble


def read_log(path: Path, metadata: Metadata) -> ImageResult:
    """The first reading with cycles in a UART's log. Raises InputError where it is not of this network's firmware.

    The log may have other lines before the firmware's first and behind its last.
    """
    said = check_log(path)
    identity = said.identity
    assert identity is not None
    if (identity.model, identity.precision, identity.shape) != (metadata.model, metadata.precision, _shape(metadata)):
        shape = "x".join(map(str, identity.shape))
        raise InputError(
            f"{path} is of {identity.model} in {identity.precision} at {shape}, and another network is compiled here.",
            ["give the options that its firmware was built with"],
        )
    result = next((each for each in said.results if each.cycles), None)
    if result is None:
        raise InputError(
            f"{path} has no cycles: the firmware was not asked for them, or the core does not count them.",
            ["build the board's firmware with -DOCRM55_DEFINES=OCRM55_STATS=1"],
        )
    if not sum(cycles for cycles, _ in result.cycles):
        raise InputError(
            f"{path} has only 0 cycles: the core's counter does not run.", ["enable DWT's CYCCNT at start-up"]
        )
    if len(result.cycles) != len(metadata.at_width(result.width).operators):
        raise InputError(f"{path} has cycles of {len(result.cycles)} operators, and the network has others.")
    return result


def _shape(metadata: Metadata) -> tuple[int, ...]:
    batch, height, width, channels = metadata.input.shape
    return (batch, channels, height, width) if metadata.precision == "int8" else metadata.input.shape


def rows(layers: Sequence[Layer], measured: ImageResult, found: Inference) -> list[Row]:
    """A row for each layer, in the order of execution."""
    return [
        Row(layer, cycles, events, cost.cycles)
        for layer, (cycles, events), cost in zip(layers, measured.cycles, found.operators, strict=True)
    ]


def show(compared: Sequence[Row], measured: ImageResult, found: Inference) -> None:
    """Print a row for each layer, the sum, and how far the estimate is off."""
    body = [_cells(row.layer.title, row.measured, row.cycles, row.where) for row in compared]
    total = sum(row.measured for row in compared)
    _, likely, most = found.network.cycles
    whole = Row(compared[0].layer, total, {}, found.network.cycles)
    body.append(_cells("all layers", total, found.network.cycles, whole.where))
    console.table("cycles that the board measured, and the estimate", COLUMNS, body, right=COLUMNS[1:4])
    console.result()
    ratios = [abs(row.ratio - 1) for row in compared if row.ratio is not None]
    console.paragraph(
        f"Median error of a layer {statistics.median(ratios):.1%}; of all of them {likely / total - 1:+.1%}."
    )
    if total > most:
        missing = total - most
        console.paragraph(f"The board took {figures.short(missing)} cycles more than the most that is estimated.")
        fills = sum(each.fills[1] for each in found.memory)
        if fills:
            console.paragraph(
                f"If it waited for memory, that is {missing / fills:.1f} cycles for each of {fills:,} lines."
            )
    console.paragraph(f"The estimate (model {pipeline.VERSION}) has no wait for memory in it. See docs/cycles.md.")


def _cells(title: str, measured: int, cycles: tuple[float, float, float], where: str) -> tuple[str, ...]:
    ratio = f"{cycles[1] / measured:.2f}" if measured else ""
    return title, figures.count(measured), figures.short(cycles[1]), ratio, where


def values(compared: Sequence[Row], measured: ImageResult, found: Inference) -> dict[str, Any]:
    """Everything for JSON."""
    least, likely, most = found.network.cycles
    return {
        "model_version": pipeline.VERSION,
        "measured": {"inference": sum(row.measured for row in compared), **measured.phase_cycles},
        "estimated": {"least": round(least), "likely": round(likely), "most": round(most)},
        "layers": [
            {
                "name": row.layer.name,
                "kind": row.layer.kind,
                "measured": row.measured,
                "events": row.events,
                "estimated": dict(zip(("least", "likely", "most"), map(round, row.cycles), strict=True)),
                "likely_over_measured": None if row.ratio is None else round(row.ratio, 4),
            }
            for row in compared
        ],
    }
