"""Sums and factors by arm_elementwise_*."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, Dequantize, Lookup, Quantize, Sum, SumInt8
from ocrm55.compiler.targets.cmsis_nn.fixed_point import ADD_SHIFT, Factor, addition
from ocrm55.compiler.targets.cmsis_nn.library import (
    Call,
    LibraryFunction,
    refused,
)


def _channel_multiply(spec: ChannelMultiply, constants: Sequence[np.ndarray]) -> Call:
    """The library multiplies arrays of one length: a call for each pixel."""
    scale = Factor.of(spec.gain)
    body = [
        f"for (int32_t row = 0; row < {spec.rows}; row++) {{",
        f"    arm_elementwise_mul_s8(a + row * {spec.count}, b, {-spec.zero_a}, {-spec.zero_b},",
        f"                           y + row * {spec.count}, {spec.zero_y}, {scale.multiplier}, {scale.shift},",
        f"                           -128, 127, {spec.count});",
        "}",
    ]
    return Call(body, {})


def _add(spec: SumInt8, constants: Sequence[np.ndarray]) -> Call:
    scale = addition(spec.step_a, spec.step_b, spec.step_y)
    body = [
        f"arm_elementwise_add_s8(a, b, {-spec.zero_a}, {scale.a.multiplier}, {scale.a.shift},",
        f"                       {-spec.zero_b}, {scale.b.multiplier}, {scale.b.shift}, {ADD_SHIFT},",
        f"                       y, {spec.zero_y}, {scale.y.multiplier}, {scale.y.shift}, -128, 127, {spec.count});",
    ]
    return Call(body, {})


def _add_refusal(spec: SumInt8) -> str | None:
    return None if min(spec.step_a, spec.step_b, spec.step_y) > 0 else "adds with positive factors only"


FUNCTIONS: dict[type[Spec], LibraryFunction] = {
    ChannelMultiply: LibraryFunction(_channel_multiply),
    SumInt8: LibraryFunction(_add, _add_refusal),
    Sum: refused("adds int8, this sum is float32"),
    Lookup: refused("has no look-up table, and hard-swish and swish need one"),
    Dequantize: refused("has no conversion to float32"),
    Quantize: refused("has no conversion to int8"),
}
