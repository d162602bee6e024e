"""The accelerators that --npu names. A new one is a class of its own room, and an entry here and in names.py."""

from __future__ import annotations

from pathlib import Path

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.targets.base import Accelerator
from ocrm55.compiler.targets.ethos_u.target import NpuTarget
from ocrm55.errors import UnsupportedError

ACCELERATORS: list[type[Accelerator]] = [NpuTarget]


def named(name: str) -> type[Accelerator]:
    """The class of an accelerator. Raises UnsupportedError for a name that none has."""
    for each in ACCELERATORS:
        if name in each.names:
            return each
    names = [name for each in ACCELERATORS for name in each.names]
    raise UnsupportedError(f"the NPU {name} is not one of {', '.join(names)}.", [f"--npu {each}" for each in names])


def specs() -> list[type[Spec]]:
    """The specs of operators that accelerators make, besides those of compiler/operators."""
    return [spec for each in ACCELERATORS for spec in each.specs]


def maker(spec: Spec) -> type[Accelerator] | None:
    """The accelerator that makes operators of this kind; None for an operator of the core."""
    return next((each for each in ACCELERATORS if isinstance(spec, each.specs)), None)


def read_files(program: Program, folder: Path) -> Program:
    """The program of an artifact, completed by the files that accelerators wrote there."""
    for each in ACCELERATORS:
        each.read_files(program, folder)
    return program
