"""A line of a disassembly -> what the pipeline's model knows of its instruction."""

from __future__ import annotations

import re

from ocrm55.cycles.floats import decode_float
from ocrm55.cycles.instructions import Instruction, Line
from ocrm55.cycles.scalars import decode_scalar
from ocrm55.cycles.vectors import decode_vector

_VECTOR = re.compile(r"\bq\d")
_PREDICATES = ("vpst", "vpnot", "vctp", "vpt")


def decode(line: Line) -> Instruction:
    """The instruction of a line. One that the tables do not know takes a cycle, or two beats if it is a vector's."""
    name = line.mnemonic.partition(".")[0]
    if not name.startswith("v"):
        return decode_scalar(line)
    if _VECTOR.search(line.operands) or name.startswith(_PREDICATES):
        return decode_vector(line)
    return decode_float(line)
