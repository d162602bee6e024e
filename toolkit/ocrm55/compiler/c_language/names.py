"""Names in C that a network cannot have: its header or its constant would meet others of the C around it."""

from __future__ import annotations

import re
from functools import cache

from ocrm55 import resources

_OF_C = (
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic "
    "stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype"
).split()
_GENERATED = (
    "context_tables inputs labels npu_regions ocrm55 ocrm55_model ocrm55_network operators outputs weights"
).split()
_FOLDERS = ("kernels", "tasks", "npu", "weights")  # of the firmware: what a network's program may link


@cache
def taken() -> frozenset[str]:
    """Headers without their .h, and all that begins with ocrm55_."""
    names = {*_OF_C, *_GENERATED}
    for folder in _FOLDERS:
        for path in (resources.folder("firmware") / folder).rglob("*.[ch]"):
            names.update(re.findall(r"\bocrm55_\w+", path.read_text(encoding="utf-8")))
            names.update([path.stem] if path.suffix == ".h" else [])
    return frozenset(names)


def free(name: str) -> str:
    """The name, or where it is taken, the nearest that is not: ocrm55_model becomes ocrm55_model_net."""
    return free(f"{name}_net") if name in taken() else name
