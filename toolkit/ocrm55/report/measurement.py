"""One run of the firmware over images, with all data for tables, pictures and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ocrm55 import elf, simulation, stages
from ocrm55.artifact import Artifact
from ocrm55.boards import MemoryMap
from ocrm55.cycles.inference import Inference, estimate_inference
from ocrm55.elf import Section
from ocrm55.errors import UnsupportedError
from ocrm55.metadata import Metadata
from ocrm55.report import widths
from ocrm55.report.layers import Layer, layers
from ocrm55.simulators.base import ImageResult, Request, Run, Simulator


@dataclass(frozen=True)
class Measurement:
    """A run and its results.

    metadata: of the artifact. run: results in the order of the paths. simulator: its name and version.
    """

    paths: list[Path]
    metadata: Metadata
    run: Run
    elf: Path
    sections: list[Section]
    board: MemoryMap
    simulator: str

    @cached_property
    def layers(self) -> list[Layer]:
        """The layers with the counts of the first image; no layer's work depends on the pixels."""
        return self.layers_of(self.run.results[0])

    def layers_of(self, result: ImageResult) -> list[Layer]:
        """The layers at the width at which an image was read, with its counts."""
        return layers(self.metadata.at_width(result.width), result.operator_instructions)

    @cached_property
    def first(self) -> Metadata:
        """The metadata at the width at which the first image was read."""
        return self.metadata.at_width(self.run.results[0].width)

    @cached_property
    def first_of_each_width(self) -> list[ImageResult]:
        """One result for each width at which images were read, the first image's first."""
        return widths.first_of_each(self.run.results)

    @property
    def counted(self) -> bool:
        return self.run.results[0].inference_instructions is not None

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        assert self.run.identity is not None
        return self.run.identity.shape[-2], self.run.identity.shape[-1]


def measure(
    paths: Sequence[Path],
    options: stages.Options,
    simulator: Simulator,
    *,
    want_probabilities: bool = False,
    want_confidence: bool = False,
    timeout_s: float = simulation.SECONDS_PER_IMAGE,
) -> Measurement:
    """Run the firmware (built first if needed) over all images, with its counters on."""
    pictures = simulation.load(paths)
    prepared = stages.prepare(options)
    run = simulation.read_images(
        pictures,
        prepared,
        simulator,
        stats=True,
        want_probabilities=want_probabilities,
        want_confidence=want_confidence,
        timeout_s=timeout_s,
    )
    return Measurement(
        paths=list(paths),
        metadata=Artifact.read(prepared.artifact).metadata,
        run=run,
        elf=prepared.elf,
        sections=elf.read_sections(prepared.elf),
        board=options.board.memories,
        simulator=f"{simulator.name} {simulator.version()}",
    )


def estimated(measured: Measurement, options: stages.Options, simulator: Simulator, *, timeout_s: float) -> Inference:
    """The estimate of the first image's cycles, from another run of the same firmware.

    Raises UnsupportedError for a network that an NPU computes in part: nothing is known of its time here.
    """
    _refuse_npu(measured.metadata)
    request = Request(elf=measured.elf, images=measured.run.images[:1], timeout_s=timeout_s)
    return estimate_inference(measured.elf, measured.first, options.board, request, simulator.executable)


def estimated_blank(
    prepared: stages.Prepared, simulator: Simulator, width: int | None, *, timeout_s: float
) -> Inference:
    """The estimate for a blank picture, at a width of a network that has several."""
    metadata = Artifact.read(prepared.artifact).metadata
    _refuse_npu(metadata)
    height, full = metadata.input.shape[1:3] if metadata.precision == "int8" else metadata.input.shape[2:4]
    blank = np.full((height, width or full, 3), 255, np.uint8)
    request = Request(elf=prepared.elf, images=[blank], timeout_s=timeout_s, guard=prepared.options.folder.locked)
    board = prepared.options.board
    return estimate_inference(prepared.elf, metadata.at_width(width), board, request, simulator.executable)


def _refuse_npu(metadata: Metadata) -> None:
    if metadata.npu is not None:
        raise UnsupportedError(
            "cycles are estimated for the core alone, and this network is an NPU's in part.",
            ["leave out --npu", "see Vela's estimate in the table without --cycles"],
        )
