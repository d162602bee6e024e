"""An operator for the NPU: how a region's TFLite file says it, and which ones the NPU does not take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ocrm55.compiler.operators.program import Operator
from ocrm55.compiler.targets.ethos_u.tflite_file import File

LARGEST_STRIDE, LARGEST_KERNEL = 3, 64  # Vela's constraints on convolutions; larger ones stay on the CPU there


@dataclass(frozen=True)
class NpuOperator:
    """write: adds an operator to the file of its region. refusal: why the NPU does not take a spec, None if it does.

    never: why it takes none of this kind, whatever its tensors are.
    """

    write: Callable[[File, Operator], None]
    refusal: Callable[[Any], str | None] = lambda spec: None
    never: str | None = None


def refused(reason: str) -> NpuOperator:
    """The NPU's lack for a kind of operator, whatever its spec."""

    def write(file: File, operator: Operator) -> None:
        raise NotImplementedError(reason)

    return NpuOperator(write, never=reason)
