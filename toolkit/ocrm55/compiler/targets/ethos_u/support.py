"""The int8 operators that the NPU takes, and the reasons against the others."""

from __future__ import annotations

from math import isclose

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution
from ocrm55.compiler.operators.int8.elementwise import SumInt8
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.targets.ethos_u import convolution, elementwise, moves, pool, product, rows
from ocrm55.compiler.targets.ethos_u.npu_operator import NpuOperator

FAMILIES = (convolution, product, pool, elementwise, rows, moves)
OPERATORS: dict[type[Spec], NpuOperator] = {
    spec: operator for family in FAMILIES for spec, operator in family.OPERATORS.items()
}
NAME = "ethos-u55"


def refusal(operator: Operator, program: Program) -> str | None:
    """Why the NPU does not take an operator; None when it does."""
    kind = type(operator.spec)
    known = OPERATORS.get(kind)
    if known is None:
        return f"has nothing for {operator.kind}"
    if known.never is not None:
        return known.never
    return _refusal_of_tensors(operator, program) or known.refusal(operator.spec)


def _refusal_of_tensors(operator: Operator, program: Program) -> str | None:
    """Why the NPU does not take the tensors of an operator; None when it does."""
    for name in (*operator.inputs, *operator.outputs):
        tensor = program.tensors[name]
        if name in operator.outputs and tensor.dtype == "int8" and isinstance(operator.spec, Convolution):
            continue  # every channel has its own scale anyway
        if tensor.role == "weight" or tensor.view_of is not None:
            continue
        if tensor.dtype != "int8":
            return f"computes int8, {tensor.layer} is {tensor.dtype}"
        if tensor.quantization is None:
            return f"has one scale a tensor, {tensor.layer} has one a channel"
        if tensor.quantization.step <= 0:
            return f"has positive scales, {tensor.layer} has a negative one"
    if isinstance(operator.spec, SumInt8) and _has_factors(operator, program):
        return "adds tensors as they are, this sum has a factor"
    return None


def _has_factors(operator: Operator, program: Program) -> bool:
    """Whether a sum multiplies what it adds: the steps of its sides are then not those of the tensors."""
    spec = operator.spec
    assert isinstance(spec, SumInt8)
    stored = [program.tensors[name].quantization for name in operator.inputs]
    sides = zip(stored, (spec.step_a, spec.step_b), strict=True)
    return any(found is not None and not isclose(found.step, step, rel_tol=1e-6) for found, step in sides)
