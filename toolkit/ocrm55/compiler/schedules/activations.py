"""Activations on a vector of four values."""

from __future__ import annotations

from ocrm55.compiler.operators import Activation
from ocrm55.compiler.schedules.loops import Value, call, number


def activate(activation: Activation, x: Value) -> Value:
    """`activation` applied to the four lanes of `x`, by a function of ocrm55_vec.h."""
    if activation.kind == "none":
        return x
    if activation.kind == "hard_sigmoid":
        return call("f32x4_hard_sigmoid", x, number(activation.alpha), number(activation.beta))
    return call(f"f32x4_{activation.kind}", x)
