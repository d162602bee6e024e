"""Numbers and types in C."""

from __future__ import annotations

import math

import numpy as np

from ocrm55.compiler.operators import advice
from ocrm55.errors import UnsupportedError

C_TYPES = {
    "float32": "float",
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "int64": "int64_t",
    "uint64": "uint64_t",
    "bool": "bool",
    "float32x4": "f32x4",
    "void": "void",
}


def c_type(dtype: str) -> str:
    """C's name of a type of numpy, or of TVM's vectors. Raises UnsupportedError if C has none."""
    if dtype not in C_TYPES:
        raise UnsupportedError(f"the C generator has no type for {dtype}.", [advice.TYPE])
    return C_TYPES[dtype]


def float_literal(value: float) -> str:
    """A float constant that is always exact, and short where possible."""
    if math.isnan(value):
        return "NAN"
    if value in (float("inf"), float("-inf")):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    single = _single(value)
    short = f"{single:.8g}"
    text = short if _single(float(short)) == single else f"{single:.9g}"
    text += "" if any(c in text for c in ".en") else ".0"
    return f"{text}f" if single >= 0 else f"({text}f)"


def _single(value: float) -> float:
    """The value rounded to single precision."""
    return float(np.float32(value))
