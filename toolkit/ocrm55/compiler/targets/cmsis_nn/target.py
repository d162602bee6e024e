"""CMSIS-NN, Arm's library of int8 kernels: the user's own copy; this project contains none of its code.

It takes operators that end in int8 by a requantisation and a clamp. Its arithmetic is TFLite's; reference/cmsis_nn/
computes each call in numpy. Each operator becomes a small C function that fills in the library's structures.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.program import Operator, Program, Tensor, Workspace
from ocrm55.compiler.targets.base import Recipe, Target, add_function
from ocrm55.compiler.targets.cmsis_nn import convolution, elementwise, moves, pool, product, rows
from ocrm55.compiler.targets.cmsis_nn.library import Call, LibraryFunction, c_type

FAMILIES = (convolution, product, pool, elementwise, rows, moves)
FUNCTIONS: dict[type[Spec], LibraryFunction] = {
    spec: function for family in FAMILIES for spec, function in family.FUNCTIONS.items()
}
NAME = "cmsis-nn"
HEADERS = ('"arm_nnfunctions.h"', '"ocrm55_kernels.h"')


class CmsisNnTarget(Target):
    """Operators as calls of CMSIS-NN."""

    name = NAME
    recipe = Recipe(fused=False, int4=True)

    def refusal(self, operator: Operator, program: Program) -> str | None:
        if getattr(operator.spec, "repeat", None) is not None:
            return "has no columns that stand for others"
        function = FUNCTIONS.get(type(operator.spec))
        return f"has nothing for {operator.kind}" if function is None else function.refusal(operator.spec)

    def emit(self, operator: Operator, program: Program) -> None:
        spec = operator.spec
        constants = [t.data for t in (program.tensors[n] for n in operator.inputs) if t.data is not None]
        call = FUNCTIONS[type(spec)].call(spec, constants)
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
        used = {type(o.spec) for o in program.calls if o.target == self.name}
        return sorted({source for kind in used for source in FUNCTIONS[kind].sources})

    def libraries(self, program: Program) -> list[str]:
        return [NAME] if any(o.target == self.name for o in program.calls) else []


def buffer_bytes(spec: Spec) -> int:
    """Bytes of `context.buf` for the function that computes `spec`."""
    return FUNCTIONS[type(spec)].buffer_bytes(spec)


def _function(operator: Operator, program: Program, call: Call, inputs: Sequence[str]) -> str:
    """Add the operator's C function to the program; returns its name."""
    letters = ["x"] if len(inputs) == 1 else ["a", "b"]
    parameters = [_parameter(t, program.tensors[n], "const ") for t, n in zip(letters, inputs, strict=True)]
    parameters += [f"const {c_type(data)} *{what}" for what, data in call.weights.items()]
    parameters.append(_parameter("y", program.tensors[operator.outputs[0]], ""))
    if call.workspace:
        parameters.append("uint8_t *workspace")
    return add_function(program, f"{operator.layer}_{operator.kind}_cmsis_nn", parameters, call.body, HEADERS)


def _parameter(letter: str, tensor: Tensor, const: str) -> str:
    shape = "x".join(str(extent) for extent in tensor.shape)
    return f"{const}int8_t *{letter} /* {shape} */"
