"""Operators on single elements as calls of their kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.c_language.literals import float_literal
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.elementwise import (
    ChannelMultiply,
    Dequantize,
    Lookup,
    Quantize,
    Sum,
    SumInt8,
    SumUpsampled,
)
from ocrm55.compiler.targets.m55.kernel import (
    Call,
    Kernel,
    structure,
)


def _channel_multiply(spec: ChannelMultiply, constants: Sequence[np.ndarray]) -> Call:
    fields = [
        f".rows = {spec.rows}, .count = {spec.count}, .b_rows = 0,",
        f".zero_a = {spec.zero_a}, .zero_b = {spec.zero_b}, .zero_y = {spec.zero_y},",
        f".gain = {float_literal(spec.gain)},",
    ]
    return Call([*structure("multiply", fields), "ocrm55_multiply_s8(&layer, a, b, y);"], {})


def _lookup(spec: Lookup, constants: Sequence[np.ndarray]) -> Call:
    return Call([f"ocrm55_lookup_s8(table, x, y, {spec.count});"], {"table": constants[0]})


def _sum(spec: Sum, constants: Sequence[np.ndarray]) -> Call:
    return Call([f"ocrm55_add_f32(a, b, y, {spec.count});"], {})


def _whole_sum(spec: SumInt8) -> list[str]:
    whole = spec.whole
    return [
        f".gain_a = {whole.gain_a}, .gain_b = {whole.gain_b},",
        f".offset = {whole.offset}, .shift = {whole.shift},",
    ]


def _sum_int8(spec: SumInt8, constants: Sequence[np.ndarray]) -> Call:
    fields = [f".count = {spec.count},", *_whole_sum(spec)]
    return Call([*structure("add", fields), "ocrm55_add_s8(&layer, a, b, y);"], {})


def _sum_upsampled(spec: SumUpsampled, constants: Sequence[np.ndarray]) -> Call:
    rows, columns = spec.factors
    first, last = _whole_sum(spec.of_one_size)
    fields = [
        f".add = {{{first}",
        f"        {last.removesuffix(',')}}},",
        f".height = {spec.height}, .width = {spec.width}, .channels = {spec.channels},",
        f".rows = {rows}, .columns = {columns},",
    ]
    return Call([*structure("add_upsampled", fields), "ocrm55_add_upsampled_s8(&layer, a, b, y);"], {})


def _quantize(spec: Quantize, constants: Sequence[np.ndarray]) -> Call:
    return Call([f"ocrm55_quantize_s8(x, {float_literal(spec.gain)}, {spec.zero_point}, y, {spec.count});"], {})


def _dequantize(spec: Dequantize, constants: Sequence[np.ndarray]) -> Call:
    if spec.channels:
        call = f"ocrm55_dequantize_channels_s8(x, steps, {spec.channels}, {spec.zero_point}, y, {spec.count});"
        return Call([call], {"steps": constants[0]})
    return Call([f"ocrm55_dequantize_s8(x, {float_literal(spec.step)}, {spec.zero_point}, y, {spec.count});"], {})


KERNELS: dict[type[Spec], Kernel] = {
    ChannelMultiply: Kernel(_channel_multiply, ("multiply", "quantize")),
    Sum: Kernel(_sum, ("add",)),
    SumInt8: Kernel(_sum_int8, ("add",)),
    SumUpsampled: Kernel(_sum_upsampled, ("add",)),
    Lookup: Kernel(_lookup, ("lookup",)),
    Quantize: Kernel(_quantize, ("quantize",)),
    Dequantize: Kernel(_dequantize, ("quantize",)),
}
