"""Which int8 operators the NPU takes, and why it does not take the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ocrm55.compiler.integer import (
    AveragePool,
    ChannelMultiply,
    Convolution,
    CopyRows,
    Depthwise,
    Dequantize,
    Lookup,
    NormalisedRows,
    Pointwise,
    Product,
    Quantize,
    SoftmaxInt8,
    SoftmaxRows,
    Sum,
    SumInt8,
)
from ocrm55.compiler.operators import Spec
from ocrm55.compiler.program import Operator, Program

NAME = "ethos-u55"
FUNCTIONS = ("relu", "hard_swish", "sigmoid", "swish")  # of one int8 value
LARGEST_STRIDE, LARGEST_KERNEL = 3, 64  # Vela's constraints on convolutions; larger ones stay on the CPU there


def refusal(operator: Operator, program: Program) -> str | None:
    """Why the NPU does not take an operator; None when it does."""
    kind = type(operator.spec)
    if kind in _NEVER:
        return _NEVER[kind]
    if kind not in _REFUSALS:
        return f"has nothing for {operator.kind}"
    for name in (*operator.inputs, *operator.outputs):
        tensor = program.tensors[name]
        if name in operator.outputs and tensor.dtype == "int8" and issubclass(kind, Convolution):
            continue  # every channel is scaled on its own anyway
        if tensor.role == "weight" or tensor.view_of is not None:
            continue
        if tensor.dtype != "int8":
            return f"computes int8, {tensor.layer} is {tensor.dtype}"
        if tensor.quantization is None:
            return f"has one scale a tensor, {tensor.layer} has one a channel"
    return _REFUSALS[kind](operator.spec)


def _convolution(spec: Convolution) -> str | None:
    if spec.epilogue.activation != "clamp":
        return f"fuses no {spec.epilogue.activation.replace('table16', 'table')} with the sum"
    if max(spec.strides) > LARGEST_STRIDE or max(spec.kernel) > LARGEST_KERNEL:
        return f"has strides up to {LARGEST_STRIDE} and kernels up to {LARGEST_KERNEL}"
    return None


def _lookup(spec: Lookup) -> str | None:
    return None if spec.function in FUNCTIONS else f"has no table for {spec.function or 'this function'}"


def _anything(spec: Spec) -> None:
    return None


_REFUSALS: dict[type[Spec], Callable[[Any], str | None]] = {
    Pointwise: _convolution,
    Convolution: _convolution,
    Depthwise: _convolution,
    AveragePool: _anything,
    ChannelMultiply: _anything,
    SumInt8: _anything,
    CopyRows: _anything,
    Lookup: _lookup,
}
_NEVER: dict[type[Spec], str] = {
    Product: "multiplies activations column by column, by Vela's estimate slower than the core's kernel",
    SoftmaxInt8: "makes 29 passes of a softmax, by Vela's estimate slower than the core's kernel",
    SoftmaxRows: "computes integers, this softmax gives float32",
    NormalisedRows: "has no layer norm",
    Dequantize: "computes integers, this gives float32",
    Quantize: "computes integers, this reads float32",
    Sum: "computes integers, this sum is float32",
}
