"""Layer norm and softmax as calls of layer_norm.c and softmax.c."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.c_language.literals import float_literal
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.rows import NormalisedRows, SoftmaxInt8, SoftmaxRows
from ocrm55.compiler.targets.m55.kernel import (
    FLOAT_SCRATCH,
    Call,
    Kernel,
    row_bytes,
    structure,
    weight_of,
)


def _layer_norm(spec: NormalisedRows, constants: Sequence[np.ndarray]) -> Call:
    fields = [
        f".rows = {spec.rows}, .count = {spec.count}, .epsilon = {float_literal(spec.epsilon)},",
        ".gamma = gamma, .beta = beta,",
    ]
    if spec.gain:
        fields.append(f".zero_y = {spec.zero_point}, .gain_y = {float_literal(spec.gain)},")
    kind = "f32_s8" if spec.gain else "f32_f32"
    call = f"ocrm55_layer_norm_{kind}(&layer, x, y, {FLOAT_SCRATCH});"
    return Call([*structure("layer_norm", fields), call], {"gamma": constants[0], "beta": constants[1]})


def _softmax(spec: SoftmaxRows, constants: Sequence[np.ndarray]) -> Call:
    numbers = f"{spec.rows}, {spec.count}"
    if spec.quantised and spec.repeat is not None:
        once = weight_of(spec.repeat)
        return Call([f"ocrm55_softmax_repeated_f32_s8(x, y, {numbers}, {once}, {FLOAT_SCRATCH});"], {})
    if spec.quantised:
        return Call([f"ocrm55_softmax_f32_s8(x, y, {numbers}, {FLOAT_SCRATCH});"], {})
    return Call([f"ocrm55_softmax_f32_f32(x, y, {spec.rows}, {spec.count});"], {})


def _softmax_int8(spec: SoftmaxInt8, constants: Sequence[np.ndarray]) -> Call:
    call = f"ocrm55_softmax_s8_s8(powers, x, y, {spec.rows}, {spec.count}, {FLOAT_SCRATCH});"
    if spec.repeat is not None:
        numbers = f"{spec.rows}, {spec.count}, {weight_of(spec.repeat)}"
        call = f"ocrm55_softmax_repeated_s8_s8(powers, x, y, {numbers}, {FLOAT_SCRATCH});"
    return Call([call], {"powers": tables.softmax_powers(spec.step)})


def _softmax_bytes(spec: SoftmaxRows) -> int:
    return row_bytes(spec) if spec.quantised else 0


KERNELS: dict[type[Spec], Kernel] = {
    NormalisedRows: Kernel(_layer_norm, ("layer_norm", "quantize"), row_bytes),
    SoftmaxRows: Kernel(_softmax, ("softmax", "quantize"), _softmax_bytes),
    SoftmaxInt8: Kernel(_softmax_int8, ("softmax", "quantize"), row_bytes),
}
