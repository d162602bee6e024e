"""The source of a package: an artifact of `ocrm55 compile`, with the facts that a library's C needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ocrm55.artifact import Artifact
from ocrm55.compiler.memory.planner import ALIGN, round_up
from ocrm55.compiler.targets.ethos_u.options import ALIGN as NPU_ALIGN
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer import decoding
from ocrm55.tasks.recognizer.headers import text_bytes


@dataclass(frozen=True)
class Compiled(Artifact):
    """An artifact as a library."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises InputError for a folder that `compile` of this version did not write."""
        found = super().read(folder)
        if not {"kernels", "libraries", "labels", "prefix"} <= set(found.values):
            raise InputError(f"{folder} was compiled by an older ocrm55.", ["ocrm55 compile --force"])
        return found

    @property
    def prefix(self) -> str:
        """The network's name in C."""
        return self.metadata.prefix

    @property
    def in_context(self) -> bool:
        """Whether the text is decoded in context."""
        return self.decoder == decoding.CONTEXT

    @property
    def restricted(self) -> bool:
        """Whether texts keep a restriction."""
        return bool(self.metadata.restriction)

    @property
    def step_count(self) -> int:
        """Steps of a run; 0 where the network was compiled without --stepwise."""
        return int(self.values.get("step_count", 0))

    @property
    def text_bytes(self) -> int:
        """Bytes for the longest text that can be read, and the zero behind it."""
        return text_bytes(self.steps, self.labels)

    @property
    def npu_bytes(self) -> int:
        """Command streams and weights of the NPU's regions."""
        regions = self.npu.regions if self.npu else ()
        return sum(region.command_bytes + region.weight_bytes for region in regions)

    @property
    def arena_align(self) -> int:
        """Bytes: whole cache lines where an NPU writes behind the cache's back."""
        return NPU_ALIGN if self.npu else ALIGN

    @property
    def arena_room(self) -> int:
        """Bytes of the arena, rounded up to its alignment."""
        return round_up(self.arena_bytes, self.arena_align)
