"""Portable C with Helium vectors: takes every float32 operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators import advice
from ocrm55.compiler.operators.dead_taps import trim
from ocrm55.compiler.operators.float32 import Conv2d, DepthwiseConv2d, LayerNorm, Matmul, Primitive, Softmax, Spec
from ocrm55.compiler.operators.program import Operator, Program, Tensor, identifier
from ocrm55.compiler.targets.base import Target
from ocrm55.compiler.targets.c.printer import print_function
from ocrm55.compiler.targets.c.schedules import conv2d, depthwise, generic, matmul, rows
from ocrm55.compiler.targets.c.schedules.loops import Kernel
from ocrm55.errors import Ocrm55Error, UnsupportedError

VECTORS = Path(__file__).parent / "ocrm55_vec.h"  # vectors of four floats, for Helium and for any other processor


class CTarget(Target):
    """Operators as C functions printed from TIR."""

    name = "c"

    def sources(self, program: Program, plan: MemoryPlan) -> Mapping[str, str]:
        return {VECTORS.name: VECTORS.read_text(encoding="utf-8")}

    def refusal(self, operator: Operator, program: Program) -> str | None:
        types = {program.tensors[name].dtype for name in (*operator.inputs, *operator.outputs)}
        if not isinstance(operator.spec, Primitive) and types != {"float32"}:
            return f"has float32 schedules only, the operator has {', '.join(sorted(types))}"
        if type(operator.spec) not in _KERNELS:
            return f"has no schedule for {operator.kind}"
        return None

    def emit(self, operator: Operator, program: Program) -> None:
        spec, weights = packed(operator, program)
        kernel, function = _function(spec, operator, program)
        operator.function = function
        operator.workspaces = kernel.workspaces
        operator.in_place = [operator.inputs[i] for i in kernel.in_place]
        operator.arguments = [*operator.inputs, *operator.outputs]
        for index, data in weights.items():
            original = program.tensors[operator.inputs[index]]
            stored = Tensor(f"{original.name}_packed", data.shape, str(data.dtype), "weight", operator.layer, data)
            operator.arguments[index] = program.add_weight(stored).name


def _kernel(spec: Spec, operator: Operator) -> Kernel:
    """The schedule of a spec. Raises UnsupportedError for loops that none of ours fits."""
    try:
        return _KERNELS[type(spec)](spec)
    except Ocrm55Error:
        raise
    except Exception as trouble:  # TVM's schedules raise classes of their own
        reason = f"layer {operator.layer}: there is no schedule for its loops."
        raise UnsupportedError(reason, [advice.REPLACE]) from trouble


def _function(spec: Spec, operator: Operator, program: Program) -> tuple[Kernel, str]:
    """The kernel of a spec and the name of its C function; equal specs share the function."""
    kernel = _kernel(spec, operator)
    name = program.function_name(function_name(spec))
    text = _describe(spec)
    try:
        function = print_function(name, kernel, text)
    except UnsupportedError as trouble:
        raise UnsupportedError(f"layer {operator.layer}: {trouble.sentence}", trouble.tries) from trouble
    except (LookupError, RecursionError, TypeError, ValueError, AttributeError) as trouble:  # forms that TVM rarely has
        reason = f"layer {operator.layer}: the C generator cannot print its loops."
        raise UnsupportedError(reason, [advice.REPLACE]) from trouble
    known = program.functions.get(name)
    count = 1
    while known is not None and known.source != function.source:
        count += 1
        function = print_function(f"{name}_{count}", kernel, text)
        known = program.functions.get(function.name)
    program.functions.setdefault(function.name, function)
    return kernel, function.name


def packed(operator: Operator, program: Program) -> tuple[Spec, dict[int, np.ndarray]]:
    """The computation of the operator's function; and by input the weights, in the order in which the function reads
    them.
    """
    spec = operator.spec
    if isinstance(spec, Conv2d):
        spec, weights = trim(spec, _values(program, operator.inputs[1]))
        if isinstance(spec, DepthwiseConv2d):
            return spec, {1: np.ascontiguousarray(weights.reshape(spec.channels, -1))}
        return spec, {1: conv2d.pack_conv2d(weights)}
    if isinstance(spec, Matmul) and spec.constant:
        return spec, {1: matmul.pack_matmul(_values(program, operator.inputs[1]))}
    return spec, {}


def _values(program: Program, name: str) -> np.ndarray:
    data = program.tensors[name].data
    if data is None:
        raise Ocrm55Error(f"`{name}` is no constant")
    return data


def function_name(spec: Spec) -> str:
    """A name that describes the function: conv2d_1x1_64x24x160_to_64_hard_swish."""
    if isinstance(spec, Conv2d):
        size = f"{spec.kernel[0]}x{spec.kernel[1]}"
        name = f"{spec.kind}_{size}_{spec.channels}x{spec.height}x{spec.width}_to_{spec.outputs}"
    elif isinstance(spec, Matmul):
        name = f"matmul_{spec.batch}x{spec.rows}x{spec.depth}x{spec.columns}"
    elif isinstance(spec, (Softmax, LayerNorm)):
        return f"{spec.kind}_{spec.rows}x{spec.columns}"
    elif isinstance(spec, Primitive):
        *_, output = spec.body.params
        shape = "x".join(str(int(extent)) for extent in output.ty.shape)
        return f"{identifier(spec.title.rstrip('0123456789'))}_{shape}"
    else:
        return spec.kind
    affine = "_affine" if spec.activation.is_affine else ""
    return name if spec.activation.kind == "none" else f"{name}_{spec.activation.kind}{affine}"


def _describe(spec: Spec) -> str:
    if isinstance(spec, Conv2d):
        pads = ", ".join(str(p) for p in spec.pads)
        strides = f"{spec.strides[0]}x{spec.strides[1]}"
        return f"{spec.kind}, stride {strides}, padding {pads}, activation {spec.activation.kind}"
    if isinstance(spec, Matmul):
        side = "constant right side" if spec.constant else "batched"
        return f"{spec.batch} x ({spec.rows}x{spec.depth} by {spec.depth}x{spec.columns}), {side}"
    if isinstance(spec, Primitive):
        return f"{spec.title.rstrip('0123456789')}: legalised and fused by TVM"
    return f"{spec.kind} over rows"


_KERNELS: dict[type[Spec], Callable[[Any], Kernel]] = {
    Conv2d: conv2d.conv2d,
    DepthwiseConv2d: depthwise.depthwise_conv2d,
    Matmul: matmul.matmul,
    Softmax: rows.softmax,
    LayerNorm: rows.layer_norm,
    Primitive: lambda spec: generic.generic(spec.body),
}
