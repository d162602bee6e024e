"""Every kind of operator by name, to read a program that was written to a file."""

from __future__ import annotations

from types import ModuleType

from ocrm55.compiler.operators import float32
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8 import convolution, elementwise, moves, pool, product, rows

INT8_FAMILIES = (convolution, product, pool, elementwise, rows, moves)


def specs() -> dict[str, type[Spec]]:
    """`kind` -> the class of specs. Regions of an NPU are their target's and are not among them."""
    return {spec.kind: spec for module in (float32, *INT8_FAMILIES) for spec in _defined(module) if spec.kind}


def _defined(module: ModuleType) -> list[type[Spec]]:
    """The specs that a module defines itself, not those that it imports."""
    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Spec)]
    return [spec for spec in found if spec.__module__ == module.__name__]
