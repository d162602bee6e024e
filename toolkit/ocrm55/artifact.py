"""Read the artifact of `compile`: the folder of a compiled model, with its metadata.json checked once.

`compiler/artifact.py` writes such folders.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from ocrm55 import files
from ocrm55.errors import InputError
from ocrm55.metadata import DamagedError, Metadata, NpuRow, OperatorRow

FILE = "metadata.json"


@dataclass(frozen=True)
class Artifact:
    """A compiled model. values: its metadata.json as it was read, for a package, which passes it on."""

    folder: Path
    metadata: Metadata
    values: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The compiled model in `folder`.

        Raises InputError if its metadata.json is missing, damaged, or of another version.
        """
        path = folder / FILE
        try:
            value = json.loads(files.read_text(path))
            return cls(folder, Metadata.of(value), value)
        except OSError as trouble:
            raise InputError(f"{path} cannot be read: {trouble.strerror}.", ["ocrm55 compile"]) from trouble
        except DamagedError as trouble:
            what = f"`{trouble}` is missing or wrong in it" if str(trouble) else "it is no object"
            raise InputError(f"{path} is damaged: {what}.", ["ocrm55 compile --force"]) from trouble
        except (ValueError, RecursionError) as trouble:
            raise InputError(f"{path} is damaged: it is no JSON.", ["ocrm55 compile --force"]) from trouble

    @property
    def onnx(self) -> Path:
        """The ONNX model that was compiled."""
        return self.folder / "model.onnx"

    @property
    def name(self) -> str:
        return self.metadata.model

    @property
    def precision(self) -> str:
        return self.metadata.precision

    @property
    def compiled_by(self) -> str:
        """Version of the ocrm55 that wrote it; empty if unknown."""
        return self.metadata.ocrm55

    @property
    def versions(self) -> dict[str, str]:
        """Packages that the compiler used -> their versions."""
        return self.metadata.versions

    @property
    def kernels(self) -> tuple[str, ...]:
        """The hand-written kernels that the C calls: files of firmware/kernels/FAMILY without `.c`."""
        return self.metadata.kernels

    @property
    def libraries(self) -> tuple[str, ...]:
        """The libraries from elsewhere that the C calls."""
        return self.metadata.libraries

    @property
    def labels(self) -> tuple[str, ...]:
        """The characters of the classes."""
        return self.metadata.labels

    @property
    def decoder(self) -> str:
        """The decoder that makes a text of the probabilities; empty if unknown."""
        return self.metadata.decoder

    @cached_property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the input in pixels; integers lie channels last, float32 channels first."""
        shape = self.metadata.input.shape
        return (shape[1], shape[2]) if shape[-1] == 3 else (shape[2], shape[3])

    @property
    def steps(self) -> int:
        return self.metadata.output.shape[-2]

    @property
    def classes(self) -> int:
        return self.metadata.output.shape[-1]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference."""
        return self.metadata.macs

    @property
    def arena_bytes(self) -> int:
        return self.metadata.arena_bytes

    @property
    def weight_bytes(self) -> int:
        return self.metadata.weight_bytes

    @property
    def operators(self) -> tuple[OperatorRow, ...]:
        """A row for every operator, in the order of execution."""
        return self.metadata.operators

    @property
    def hot_bytes(self) -> int:
        """Bytes at the start of weights.bin that have a section of their own."""
        placed = self.metadata.placement.get("hot_weights")
        return placed.bytes if placed else 0

    @property
    def far_bytes(self) -> int:
        """Bytes at the end of weights.bin that have a section of their own."""
        placed = self.metadata.placement.get("far_weights")
        return placed.bytes if placed else 0

    @property
    def widths(self) -> list[int]:
        """The widths of the input, narrowest first; only one if it was not compiled for several."""
        return [row.width for row in self.metadata.widths] or [self.image_size[1]]

    @property
    def npu(self) -> NpuRow | None:
        """The NPU's part of metadata.json; None without an NPU."""
        return self.metadata.npu

    @property
    def accelerator(self) -> str:
        """The NPU for which it was compiled, such as ethos-u55-128; empty for none."""
        return self.npu.accelerator if self.npu else ""

    def region_of(self, what: str) -> str | None:
        """The memory that the compiler chose for the arena, the weights or the hot weights."""
        placed = self.metadata.placement.get(what)
        return placed.region if placed else None
