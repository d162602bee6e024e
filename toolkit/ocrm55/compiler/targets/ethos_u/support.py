"""The int8 operators that the NPU takes, and the reasons against the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, Dequantize, Lookup, Quantize, Sum, SumInt8
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.operators.int8.rows import NormalisedRows, SoftmaxInt8, SoftmaxRows
from ocrm55.compiler.operators.program import Operator, Program

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
            continue  # every channel has its own scale anyway
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


def _pool(spec: AveragePool) -> str | None:
    return None if spec.repeat is None else "counts every column once"


def _max_pool(spec: MaxPool) -> str | None:
    sizes, outputs = (spec.height, spec.width), (spec.output_height, spec.output_width)
    if padding(sizes, outputs, spec.kernel, spec.strides, spec.pads) is None:
        return "pads a largest value alike before and behind, or not at all"
    return None if max(spec.strides) <= LARGEST_STRIDE else f"has strides up to {LARGEST_STRIDE}"


def padding(
    sizes: Sequence[int], outputs: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int]
) -> str | None:
    """TFLite's name for the padding of a window, SAME or VALID; None if it has none. All as (rows, columns)."""
    geometry = list(zip(sizes, outputs, kernel, strides, pads, strict=True))
    totals = [max((count - 1) * stride + taps - size, 0) for size, count, taps, stride, _ in geometry]
    fits = all(-(-size // stride) == count for size, count, _, stride, _ in geometry)
    if fits and all(total // 2 == pad for total, pad in zip(totals, pads, strict=True)):
        return "SAME"
    return None if any(totals) else "VALID"


def _lookup(spec: Lookup) -> str | None:
    return None if spec.function in FUNCTIONS else f"has no table for {spec.function or 'this function'}"


def _anything(spec: Spec) -> None:
    return None


_REFUSALS: dict[type[Spec], Callable[[Any], str | None]] = {
    Pointwise: _convolution,
    Convolution: _convolution,
    Depthwise: _convolution,
    AveragePool: _pool,
    MaxPool: _max_pool,
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
