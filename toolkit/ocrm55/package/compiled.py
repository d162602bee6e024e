"""What a package is made of: an artifact of `ocrm55 compile`, read back from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ocrm55.compiler.memory.planner import ALIGN
from ocrm55.errors import InputError
from ocrm55.metadata import read_metadata
from ocrm55.tasks.recognizer import decoding

OWN_PREFIX = "ocrm55_"
NPU_ALIGN = 32  # OCRM55_NPU_ALIGN of firmware/npu/ocrm55_npu.h


@dataclass(frozen=True)
class Compiled:
    """An artifact and its metadata.json."""

    folder: Path
    values: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Compiled:
        """Raises InputError for a folder that this version's `compile` did not write."""
        values = read_metadata(folder)
        if not {"kernels", "libraries", "labels"} <= set(values):
            raise InputError(f"{folder} was compiled by an older ocrm55.", ["ocrm55 compile --force"])
        return cls(folder, values)

    @property
    def name(self) -> str:
        return str(self.values["model"])

    @property
    def precision(self) -> str:
        return str(self.values["precision"])

    @property
    def kernels(self) -> list[str]:
        return list(self.values["kernels"])

    @property
    def in_context(self) -> bool:
        """Whether the text is decoded in context."""
        return self.values.get("decoder") == decoding.CONTEXT

    @property
    def libraries(self) -> list[str]:
        return list(self.values["libraries"])

    @property
    def labels(self) -> list[str]:
        return list(self.values["labels"])

    @cached_property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the input in pixels; integers lie channels last, float32 channels first."""
        shape = self.values["input"]["shape"]
        return (shape[1], shape[2]) if shape[-1] == 3 else (shape[2], shape[3])

    @property
    def steps(self) -> int:
        return int(self.values["output"]["shape"][-2])

    @property
    def classes(self) -> int:
        return int(self.values["output"]["shape"][-1])

    @property
    def arena_bytes(self) -> int:
        return int(self.values["arena_bytes"])

    @property
    def weight_bytes(self) -> int:
        return int(self.values["weight_bytes"])

    @property
    def hot_bytes(self) -> int:
        """Bytes at the start of weights.bin that have a section of their own."""
        return int(self.values["placement"].get("hot_weights", {}).get("bytes", 0))

    @property
    def widths(self) -> list[int]:
        return [row["width"] for row in self.values.get("widths", [])] or [self.image_size[1]]

    @property
    def text_bytes(self) -> int:
        """Room for the longest text that can be read, and the zero behind it."""
        return self.steps * max(len(label.encode()) for label in self.labels) + 1

    @property
    def npu(self) -> dict[str, Any] | None:
        """What the NPU computes, as metadata.json says it; None without one."""
        return self.values.get("npu")

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
        """The arena in whole units of its alignment."""
        return -(-self.arena_bytes // self.arena_align) * self.arena_align

    @property
    def functions(self) -> list[str]:
        """The generated functions, each computing one operator, under names that could be anybody's."""
        names = dict.fromkeys(str(operator["function"]) for operator in self.values["operators"])
        return [name for name in names if not name.startswith(OWN_PREFIX)]

    def region_of(self, what: str) -> str | None:
        """The memory that the compiler chose for the arena, the weights or the hot weights."""
        placed = self.values["placement"].get(what)
        return None if placed is None else str(placed["region"])
