"""C that is built without this project's CMake: by a user's Makefile, CMake or IDE, all files with the same options.

So the files themselves contain GCC's options. Weights are C, not a binary that an assembler includes. Hand-written
kernels come along.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55 import resources

# Only -O3 unrolls and schedules the Helium loops. In printed loops, scheduling before register allocation moves loads
# so far up that vector registers run out.
FOR_OPERATORS = ("O3", "no-schedule-insns")
FOR_KERNELS = ("O3",)
_PRAGMA = """\
#if defined(__GNUC__) && !defined(__clang__) && defined(__arm__)
#pragma GCC optimize({options})
#endif
"""


def with_pragma(text: str, options: Sequence[str]) -> str:
    """Put the pragma before the first include: functions that GCC inlines must be declared under it."""
    head, marker, rest = text.partition("#include")
    pragma = _PRAGMA.format(options=", ".join(f'"{option}"' for option in options))
    return f"{head}{pragma}{marker}{rest}"


def words(data: bytes, columns: int = 8) -> list[str]:
    """Bytes as rows of little-endian 32-bit numbers in C; a multiple of 4 of them."""
    numbers = [f"0x{word:08x}," for word in np.frombuffer(data, "<u4").tolist()]
    return [" ".join(numbers[start : start + columns]) for start in range(0, len(numbers), columns)]


def kernel_headers() -> dict[str, str]:
    """The headers of the hand-written kernels by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in resources.kernel_headers()}


def kernel_source(kernel: str) -> str:
    """The C of a hand-written kernel; raises ToolchainError if there is none of that name."""
    return resources.kernel(kernel).read_text(encoding="utf-8")
