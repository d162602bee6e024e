"""Read whole pages by the firmware on a simulator, a page a run."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ocrm55 import temporary
from ocrm55.errors import TargetError
from ocrm55.evaluation.page_metrics import Found
from ocrm55.page.reading import of_result
from ocrm55.simulators import Choice, Request
from ocrm55.simulators.frames import frame
from ocrm55.tasks.page import rows


@dataclass(frozen=True)
class TargetSpec:
    """The firmware for pages; it can be pickled. size: rows and columns of its detector's input.

    timeout_s: of a page, in seconds of the host.
    """

    elf: bytes = field(repr=False)
    size: tuple[int, int]
    simulator: Choice
    timeout_s: float

    def open(self) -> TargetReader:
        """Unpack the ELF. Raises ToolchainError when the simulator is not there."""
        return TargetReader(self)


class TargetReader:
    """The firmware on a simulator."""

    def __init__(self, spec: TargetSpec) -> None:
        self._spec = spec
        self._stack = contextlib.ExitStack()
        self._elf = self._stack.enter_context(temporary.folder()) / "ocrm55.elf"
        self._elf.write_bytes(spec.elf)
        self._simulator = spec.simulator.find()

    def read(self, pixels: np.ndarray) -> tuple[list[Found], float]:
        """A page, uint8 [H, W, 3] BGR -> its lines, and pixels of the detector's input for one of the page.

        Raises TargetError when the firmware fails or says nothing of the page.
        """
        request = Request(elf=self._elf, frames=[frame(pixels)], timeout_s=self._spec.timeout_s)
        answers = self._simulator.run(request).pages
        if len(answers) != 1:
            raise TargetError(f"The target was given a page and answered for {len(answers)}.")
        page = of_result(Path("page"), pixels.shape[1], pixels.shape[0], answers[0])
        lines = [Found(np.array(line.corners, np.float32), line.text, line.score) for line in page.lines]
        height, width = self._spec.size
        return lines, 65536 / rows.scaling(pixels, width, height).step

    def close(self) -> None:
        """Remove the unpacked ELF."""
        self._stack.close()
