"""The user's options of the NPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ocrm55.compiler.options import CompileOptions

ALIGN = 32  # bytes, of all that the NPU reads and writes: OCRM55_NPU_ALIGN of firmware/npu/ocrm55_npu.h
MEMORY_MODES = (CompileOptions.npu_memory_mode, "Sram_Only")  # of Vela's own configuration, for an Ethos-U55


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

    @classmethod
    def of(cls, options: CompileOptions) -> Self:
        """The NPU's part of a compilation's options."""
        return cls(options.npu, options.npu_memory_mode, options.vela_config, fallback=options.npu_fallback)

    @property
    def macs(self) -> int:
        """Multiply-accumulates in a cycle."""
        return int(self.accelerator.rsplit("-", 1)[1])
