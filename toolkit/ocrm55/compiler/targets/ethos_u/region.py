"""Parts of a network that the NPU computes: one operator of the straight line, whatever it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.program import Operator

KIND = "npu_region"


@dataclass(frozen=True)
class Place:
    """Where Vela's stream expects an input or output of a region: base pointer, first byte, bytes."""

    base: int
    offset: int
    bytes: int


@dataclass(frozen=True)
class Compiled:
    """What Vela made of a region.

    tflite: the region as Vela read it; raw: what it wrote (`--output-format raw`), the whole file.
    commands: the bare command stream, uint32. weights: base pointer 0. scratch_bytes: of base pointer 1.
    inputs, outputs: where the stream expects them, in the region's order.
    layers: the rows of Vela's per-layer estimates; cycles: the sum of them.
    """

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
    """Operators that the NPU computes together. compiled: by Vela, None before it ran. rows: metadata's of each."""

    kind: ClassVar[str] = KIND
    name: str
    operators: tuple[Operator, ...]
    compiled: Compiled | None = field(default=None, repr=False)
    rows: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    @property
    def macs(self) -> int:
        return sum(operator.macs for operator in self.operators)

    @property
    def live_macs(self) -> int:
        return sum(operator.spec.live_macs for operator in self.operators)
