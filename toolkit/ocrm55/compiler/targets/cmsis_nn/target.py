"""CMSIS-NN, Arm's library of int8 kernels, for those who want it: the user's own copy, none of its code is here.

It takes what ends in int8 by a requantisation and a clamp. Its arithmetic is TFLite's: reference/cmsis_nn.py says in
numpy what each call gives. Each operator becomes a small C function that fills in the library's structures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.elementwise import Sum
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.int8.pool import AveragePool
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.operators.program import Function, Operator, Program, Tensor, Workspace, identifier
from ocrm55.compiler.targets.base import Target
from ocrm55.compiler.targets.cmsis_nn import buffers, calls
from ocrm55.compiler.targets.cmsis_nn.products import layout
from ocrm55.errors import Ocrm55Error, UnsupportedError

NAME = "cmsis-nn"
HEADERS = ('"arm_nnfunctions.h"', '"ocrm55_kernels.h"')
SAME_SCALE = 1e-4  # a scale may be lifted by less than what a mean of 960 pixels shows, see quantize_separate.py
LARGEST_EXTENT = 0xFFFF  # arm_concatenation_s8_x counts in uint16_t


class CmsisNnTarget(Target):
    """Operators as calls of CMSIS-NN."""

    name = NAME

    def refusal(self, operator: Operator, program: Program) -> str | None:
        kind = type(operator.spec)
        if getattr(operator.spec, "repeat", None) is not None:
            return "lets no column stand for others"
        if kind not in calls.CALLS and kind not in _REFUSALS:
            return _LACKS.get(operator.kind, f"has nothing for {operator.kind}")
        return _REFUSALS[kind](operator.spec) if kind in _REFUSALS else None

    def emit(self, operator: Operator, program: Program) -> None:
        spec = operator.spec
        constants = [t.data for t in (program.tensors[n] for n in operator.inputs) if t.data is not None]
        call = calls.CALLS[type(spec)](spec, constants)
        inputs = [name for name in operator.inputs if program.tensors[name].role != "weight"]
        packed = []
        for what, data in call.weights.items():
            tensor = Tensor(
                f"{operator.layer}_{what}_cmsis_nn", data.shape, str(data.dtype), "weight", operator.layer, data
            )
            packed.append(program.add(tensor).name)
        operator.arguments = [*inputs, *packed, *operator.outputs]
        operator.workspaces = [Workspace("workspace", "uint8", call.workspace)] if call.workspace else []
        operator.in_place = []
        operator.function = _function(operator, program, call, inputs)

    def kernel_sources(self, program: Program) -> list[str]:
        used = any(o.target == self.name and isinstance(o.spec, Product) for o in program.calls)
        return ["copy"] if used else []

    def libraries(self, program: Program) -> list[str]:
        return [NAME] if any(o.target == self.name for o in program.calls) else []


def keeps_scale(spec: AveragePool) -> bool:
    """Whether a mean is one of the integers themselves, as arm_avgpool_s8 takes it."""
    count = spec.kernel[0] * spec.kernel[1]
    return spec.zero_x == spec.zero_y and abs(spec.gain * count - 1) < SAME_SCALE


def _convolution_refusal(spec: Convolution) -> str | None:
    if spec.epilogue.activation == "real":
        return "gives int8, this result is float32"
    if spec.epilogue.activation != "clamp":
        return f"fuses no {spec.epilogue.activation.replace('table16', 'table')}, only limits"
    if spec.epilogue.stride != spec.outputs:
        return "writes its output dense, this one is a part of another"
    if isinstance(spec, Depthwise) or buffers.is_1x1(spec) or not buffers.is_1xn(spec):
        return None
    total = (spec.output_width - 1) * spec.strides[1] + spec.kernel[1] - spec.width
    if spec.pads[1] * 2 + buffers.remainder(total, 2) != total:
        return "pads the ends of a row alike"
    return None


def _product_refusal(spec: Product) -> str | None:
    if spec.epilogue.activation != "clamp":
        return "gives int8, this result is float32"
    try:
        layout(spec)
    except UnsupportedError as trouble:
        return trouble.sentence.rstrip(".")
    return None


def _function(operator: Operator, program: Program, call: calls.Call, inputs: Sequence[str]) -> str:
    """Add the operator's C function to the program; returns its name."""
    letters = ["x"] if len(inputs) == 1 else ["a", "b"]
    parameters = [_parameter(t, program.tensors[n], "const ") for t, n in zip(letters, inputs, strict=True)]
    parameters += [f"const {calls.c_type(data)} *{what}" for what, data in call.weights.items()]
    parameters.append(_parameter("y", program.tensors[operator.outputs[0]], ""))
    if call.workspace:
        parameters.append("uint8_t *workspace")
    name = identifier(f"{operator.layer}_{operator.kind}_cmsis_nn")
    prototype = f"void {name}({', '.join(parameters)})"
    source = "\n".join([f"{prototype} {{", *(f"    {line}" for line in call.body), "}", ""])
    known = program.functions.get(name)
    if known is not None and known.source != source:
        raise Ocrm55Error(f"two layers are called {operator.layer}")
    program.functions[name] = Function(name, source, prototype, HEADERS)
    return name


def _parameter(letter: str, tensor: Tensor, const: str) -> str:
    shape = "x".join(str(extent) for extent in tensor.shape)
    return f"{const}int8_t *{letter} /* {shape} */"


def _pool_refusal(spec: AveragePool) -> str | None:
    return None if keeps_scale(spec) else "averages without changing the scale"


def _copy_refusal(spec: CopyRows) -> str | None:
    fits = max(spec.count, spec.rows, spec.stride) <= LARGEST_EXTENT
    return None if fits else f"concatenates at most {LARGEST_EXTENT} elements along an axis"


def _sum_refusal(spec: Sum) -> str | None:
    return "adds int8, this sum is float32"


_LACKS = {
    "lookup_int8": "has no look-up table, which hard-swish and swish are here",
    "layer_norm_rows": "has no layer norm",
    "softmax_rows": "gives int8, this result is float32",
    "dequantize": "has no conversion to float32",
    "quantize": "has no conversion to int8",
}
_REFUSALS: dict[type[Spec], Callable[[Any], str | None]] = {
    Convolution: _convolution_refusal,
    Pointwise: _convolution_refusal,
    Depthwise: _convolution_refusal,
    Product: _product_refusal,
    AveragePool: _pool_refusal,
    CopyRows: _copy_refusal,
    Sum: _sum_refusal,
}
