"""What a package is made of: an artifact of `ocrm55 compile`, and what a library's C needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ocrm55.artifact import Artifact
from ocrm55.compiler.memory.planner import ALIGN
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer import decoding

OWN_PREFIX = "ocrm55_"
NPU_ALIGN = 32  # OCRM55_NPU_ALIGN of firmware/npu/ocrm55_npu.h


@dataclass(frozen=True)
class Compiled(Artifact):
    """An artifact as a library."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises InputError for a folder that `compile` of this version did not write."""
        found = super().read(folder)
        if not {"kernels", "libraries", "labels"} <= set(found.values):
            raise InputError(f"{folder} was compiled by an older ocrm55.", ["ocrm55 compile --force"])
        return found

    @property
    def in_context(self) -> bool:
        """Whether the text is decoded in context."""
        return self.decoder == decoding.CONTEXT

    @property
    def text_bytes(self) -> int:
        """Bytes for the longest text that can be read, and the zero behind it."""
        return self.steps * max(len(label.encode()) for label in self.labels) + 1

    @property
    def npu_bytes(self) -> int:
        """Command streams and weights of the NPU's regions."""
        regions = self.npu["regions"] if self.npu else []
        return sum(region["command_bytes"] + region["weight_bytes"] for region in regions)

    @property
    def arena_align(self) -> int:
        """Bytes: whole cache lines where an NPU writes behind the cache's back."""
        return NPU_ALIGN if self.npu else ALIGN

    @property
    def arena_room(self) -> int:
        """Bytes of the arena, rounded up to its alignment."""
        return -(-self.arena_bytes // self.arena_align) * self.arena_align

    @property
    def functions(self) -> list[str]:
        """The generated functions, each computing one operator, under names that could be anybody's."""
        names = dict.fromkeys(str(operator["function"]) for operator in self.operators)
        return [name for name in names if not name.startswith(OWN_PREFIX)]
