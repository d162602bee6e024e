"""Parts of a network that the NPU computes; each is one operator of the straight line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ocrm55.compiler.operators.float32 import LEFT_OUT, Spec
from ocrm55.compiler.operators.program import Operator, Tensor

KIND = "npu_region"
SCRATCH = "scratch"  # its workspace


@dataclass(frozen=True)
class Place:
    """The place where Vela's stream expects an input or output of a region: base pointer, first byte, bytes."""

    base: int
    offset: int
    bytes: int


@dataclass(frozen=True)
class Compiled:
    """Vela's output for a region.

    accelerator: that it is for. tflite: the file that Vela read, with tables in the place of stand-ins for them
    (lookup_tables.py). raw: the file that it wrote (`--output-format raw`), with those tables.
    commands: the bare command stream, uint32. weights: base pointer 0. scratch_bytes: of base pointer 1.
    inputs, outputs: the places where the stream expects them, in the region's order.
    layers: the rows of Vela's per-layer estimates. cycles: their sum.
    """

    accelerator: str
    tflite: bytes
    raw: bytes
    commands: np.ndarray
    weights: np.ndarray
    scratch_bytes: int
    inputs: tuple[Place, ...]
    outputs: tuple[Place, ...]
    layers: tuple[Mapping[str, Any], ...] = ()
    cycles: int = 0


@dataclass(frozen=True, eq=False)
class Region(Spec):
    """Operators that the NPU computes together. compiled: Vela's output, None before it ran. rows: the rows of
    metadata for each. inside: the tensors between them that the program no longer has.
    """

    kind: ClassVar[str] = KIND
    name: str
    operators: tuple[Operator, ...] = field(default=(), metadata=LEFT_OUT)
    compiled: Compiled | None = field(default=None, repr=False, metadata=LEFT_OUT)
    rows: tuple[Mapping[str, Any], ...] = field(default=(), repr=False, metadata=LEFT_OUT)
    inside: Mapping[str, Tensor] = field(default_factory=dict, repr=False, metadata=LEFT_OUT)

    @property
    def parts(self) -> tuple[Operator, ...]:
        return self.operators

    @property
    def part_tensors(self) -> Mapping[str, Tensor]:
        return self.inside

    @property
    def macs(self) -> int:
        return sum(operator.macs for operator in self.operators)

    @property
    def live_macs(self) -> int:
        return sum(operator.spec.live_macs for operator in self.operators)
