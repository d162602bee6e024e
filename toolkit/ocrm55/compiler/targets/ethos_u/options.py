"""The user's options of the NPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MEMORY_MODES = ("Shared_Sram", "Sram_Only")  # of Vela's bundled configuration; Dedicated_Sram is the Ethos-U65's


@dataclass(frozen=True)
class NpuOptions:
    """The options of a compilation for the NPU.

    accelerator: ethos-u55-32, -64, -128 or -256. memory_mode, system: sections of Vela's configuration; an empty system
    is the bundled one's, or the only one of the user's file. config: that file. fallback: whether the image also
    contains the core's kernels for the regions.
    """

    accelerator: str
    memory_mode: str = MEMORY_MODES[0]
    config: Path | None = None
    system: str = ""
    fallback: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates in a cycle."""
        return int(self.accelerator.rsplit("-", 1)[1])
