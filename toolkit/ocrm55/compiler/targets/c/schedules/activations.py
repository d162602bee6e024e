"""Activations on a vector of four values."""

from __future__ import annotations

from ocrm55.compiler.operators.float32 import Activation
from ocrm55.compiler.targets.c.schedules.loops import Value, call, number


def activate(activation: Activation, x: Value) -> Value:
    """`activation` applied to the four lanes of `x`, by a function of ocrm55_vec.h."""
    if activation.kind == "none":
        return x
    if activation.kind == "hard_sigmoid":
        y = call("f32x4_hard_sigmoid", x, number(activation.alpha), number(activation.beta))
    else:
        y = call(f"f32x4_{activation.kind}", x)
    if activation.is_affine:
        return call("f32x4_fma_n", call("f32x4_set", number(activation.offset)), y, number(activation.gain))
    return y
