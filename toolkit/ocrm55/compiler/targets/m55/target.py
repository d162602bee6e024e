"""The Cortex-M55's own kernels. They take every int8 operator, and the float32 operators between them.

Each operator becomes a small C function that fills in the kernel's structure. So model.c stays a list of calls, and
every number of a layer stands in one place. Weights are packed into the order that the kernel reads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.c_language.literals import C_TYPES
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.program import Operator, Program, Tensor, Workspace
from ocrm55.compiler.targets.base import Target, add_function
from ocrm55.compiler.targets.m55 import convolution, elementwise, moves, pool, product, rows
from ocrm55.compiler.targets.m55.kernel import Call, Kernel

FAMILIES = (convolution, product, pool, elementwise, rows, moves)
KERNELS: dict[type[Spec], Kernel] = {spec: kernel for family in FAMILIES for spec, kernel in family.KERNELS.items()}
HEADER = '"ocrm55_kernels.h"'


class M55Target(Target):
    """Operators as calls of firmware/kernels."""

    name = "m55"

    def refusal(self, operator: Operator, program: Program) -> str | None:
        kernel = KERNELS.get(type(operator.spec))
        return f"has no kernel for {operator.kind}" if kernel is None else kernel.refusal(operator.spec)

    def emit(self, operator: Operator, program: Program) -> None:
        kernel = KERNELS[type(operator.spec)]
        call = kernel.call(operator.spec, _constants(operator, program))
        inputs = [name for name in operator.inputs if program.tensors[name].role != "weight"]
        packed = [_add(program, operator, what, data) for what, data in call.weights.items()]
        operator.arguments = [*inputs, *packed, *operator.outputs]
        size = kernel.workspace_bytes(operator.spec)
        operator.workspaces = [Workspace("workspace", "uint8", size)] if size else []
        operator.in_place = inputs[:1] if kernel.in_place(operator.spec) else []
        operator.function = _function(operator, program, call, inputs)

    def kernel_sources(self, program: Program) -> list[str]:
        specs = [o.spec for o in program.calls if o.target == self.name]
        kernels = [(KERNELS[type(spec)], spec) for spec in specs]
        return sorted({source for kernel, spec in kernels for source in (*kernel.sources, *kernel.more(spec))})


def workspace_bytes(spec: Spec) -> int:
    """Scratch bytes of the kernel that computes `spec`; 0 for one that needs none."""
    return KERNELS[type(spec)].workspace_bytes(spec)


def _constants(operator: Operator, program: Program) -> list[np.ndarray]:
    """The operator's weights in the order of its inputs."""
    found = [program.tensors[name] for name in operator.inputs]
    return [tensor.data for tensor in found if tensor.role == "weight" and tensor.data is not None]


def _add(program: Program, operator: Operator, what: str, data: np.ndarray) -> str:
    data = np.ascontiguousarray(data)
    name = f"{operator.layer}_{what}_packed"
    return program.add(Tensor(name, data.shape, str(data.dtype), "weight", operator.layer, data)).name


def _function(operator: Operator, program: Program, call: Call, inputs: Sequence[str]) -> str:
    """Add the operator's C function to the program; returns its name."""
    letters = ["x"] if len(inputs) == 1 else ["a", "b"]
    shown = [(letter, program.tensors[name], "const ") for letter, name in zip(letters, inputs, strict=True)]
    parameters = [_parameter(*entry) for entry in shown]
    parameters += [f"const {C_TYPES[str(data.dtype)]} *{what}" for what, data in call.weights.items()]
    parameters.append(_parameter("y", program.tensors[operator.outputs[0]], ""))
    if operator.workspaces:
        parameters.append("uint8_t *workspace")
    return add_function(program, f"{operator.layer}_{operator.kind}", parameters, call.body, (HEADER,))


def _parameter(letter: str, tensor: Tensor, const: str) -> str:
    shape = "x".join(str(extent) for extent in tensor.shape)
    return f"{const}{C_TYPES[tensor.dtype]} *{letter} /* {shape} */"
