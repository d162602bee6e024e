"""Read the artifact of `compile`: the folder of a compiled model, with its metadata.json checked once.

`compiler/artifact.py` writes such folders.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from ocrm55.errors import InputError

FILE = "metadata.json"

# Fields of every artifact: name -> type.
_FIELDS: dict[str, type] = {
    "model": str,
    "precision": str,
    "arena_bytes": int,
    "arena_lower_bound": int,
    "weight_bytes": int,
    "weights_read_again_bytes": int,
    "macs": int,
    "placement": dict,
    "operators": list,
    "tensors": list,
    "workspaces": list,
    "weights": list,
}
# Fields of some artifacts: with several widths, for an NPU, and those that an older ocrm55 did not write.
_OPTIONAL: dict[str, type] = {
    "ocrm55": str,
    "versions": dict,
    "kernels": list,
    "libraries": list,
    "labels": list,
    "decoder": str,
    "widths": list,
    "npu": dict,
}


@dataclass(frozen=True)
class Artifact:
    """A compiled model. values: its metadata.json; reports read the rows of operators and tensors from it."""

    folder: Path
    values: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The compiled model in `folder`.

        Raises InputError if its metadata.json is missing, damaged, or of another version.
        """
        path = folder / FILE
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except OSError as trouble:
            raise InputError(f"{path} cannot be read: {trouble.strerror}.", ["ocrm55 compile"]) from trouble
        except (ValueError, RecursionError) as trouble:
            raise InputError(f"{path} is damaged: it is no JSON.", ["ocrm55 compile --force"]) from trouble
        known = value if isinstance(value, dict) else {}
        wanted = _FIELDS | {name: kind for name, kind in _OPTIONAL.items() if name in known}
        for name, kind in wanted.items():
            if type(known.get(name)) is not kind:
                raise InputError(f"{path} is damaged: `{name}` is missing or wrong in it.", ["ocrm55 compile --force"])
        return cls(folder, known)

    @property
    def onnx(self) -> Path:
        """The ONNX model that was compiled."""
        return self.folder / "model.onnx"

    @property
    def name(self) -> str:
        return str(self.values["model"])

    @property
    def precision(self) -> str:
        return str(self.values["precision"])

    @property
    def compiled_by(self) -> str:
        """Version of the ocrm55 that wrote it; empty if unknown."""
        return str(self.values.get("ocrm55", ""))

    @property
    def versions(self) -> dict[str, str]:
        """Packages that the compiler used -> their versions."""
        return dict(self.values.get("versions", {}))

    @property
    def kernels(self) -> list[str]:
        """The hand-written kernels that the C calls: files of firmware/kernels/FAMILY without `.c`."""
        return list(self.values.get("kernels", []))

    @property
    def libraries(self) -> list[str]:
        """The libraries from elsewhere that the C calls."""
        return list(self.values.get("libraries", []))

    @property
    def labels(self) -> list[str]:
        """The characters of the classes."""
        return list(self.values.get("labels", []))

    @property
    def decoder(self) -> str:
        """The decoder that makes a text of the probabilities; empty if unknown."""
        return str(self.values.get("decoder", ""))

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
    def macs(self) -> int:
        """Multiply-accumulates of an inference."""
        return int(self.values["macs"])

    @property
    def arena_bytes(self) -> int:
        return int(self.values["arena_bytes"])

    @property
    def weight_bytes(self) -> int:
        return int(self.values["weight_bytes"])

    @property
    def operators(self) -> list[dict[str, Any]]:
        """A row for every operator, in the order of execution."""
        return list(self.values["operators"])

    @property
    def hot_bytes(self) -> int:
        """Bytes at the start of weights.bin that have a section of their own."""
        return int(self.values["placement"].get("hot_weights", {}).get("bytes", 0))

    @property
    def widths(self) -> list[int]:
        """The widths of the input, narrowest first; only one if it was not compiled for several."""
        return [row["width"] for row in self.values.get("widths", [])] or [self.image_size[1]]

    @property
    def npu(self) -> dict[str, Any] | None:
        """The NPU's part of metadata.json; None without an NPU."""
        return self.values.get("npu")

    @property
    def accelerator(self) -> str:
        """The NPU for which it was compiled, such as ethos-u55-128; empty for none."""
        return str(self.npu["accelerator"]) if self.npu else ""

    def region_of(self, what: str) -> str | None:
        """The memory that the compiler chose for the arena, the weights or the hot weights."""
        placed = self.values["placement"].get(what)
        return None if placed is None else str(placed["region"])
