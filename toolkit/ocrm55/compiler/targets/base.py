"""The interface between the compiler and the targets that compute its operators.

A new accelerator or kernel library is one class of this kind. It says which operators it takes, and emits their C
functions. The pipeline asks the targets in order of preference. Every refusal goes into metadata.json.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import count

from ocrm55.compiler.operators import advice
from ocrm55.compiler.operators.program import Function, Operator, Program
from ocrm55.errors import UnsupportedError


class Target(ABC):
    """Computes operators. `name` appears in tables and metadata."""

    name: str

    @abstractmethod
    def refusal(self, operator: Operator, program: Program) -> str | None:
        """Why this target does not take the operator; None when it does."""

    @abstractmethod
    def emit(self, operator: Operator, program: Program) -> None:
        """Fill in how the operator is computed.

        Sets the operator's function, arguments, workspaces and in_place. Adds to the program the weights, in the order
        in which the function reads them, and the C function, unless the program has an equal one.
        """

    def kernel_sources(self, program: Program) -> list[str]:
        """Files of firmware/kernels/FAMILY that the emitted code calls, without `.c`, for sources.cmake."""
        return []

    def libraries(self, program: Program) -> list[str]:
        """Libraries from elsewhere that the emitted code calls, for sources.cmake."""
        return []


def assign(program: Program, targets: Sequence[Target]) -> None:
    """Give every operator to the first target that takes it; raises UnsupportedError when none does."""
    for operator in program.steps:
        assign_one(operator, program, targets)


def agree(programs: Sequence[Program], targets: Sequence[Target]) -> None:
    """Give programs of the same operators, for several sizes, the same targets: those that take all of a step."""
    for steps in zip(*(program.steps for program in programs), strict=True):
        for target in targets:
            asked = (target.refusal(step, program) for step, program in zip(steps, programs, strict=True))
            reason = next(filter(None, asked), None)
            for step in steps if reason else ():
                step.why_not[target.name] = reason


def assign_one(operator: Operator, program: Program, targets: Sequence[Target]) -> None:
    """Give one operator to the first target that takes it; raises UnsupportedError when none does.

    A target that is already in `why_not` is not asked.
    """
    for target in targets:
        reason = operator.why_not.get(target.name) or target.refusal(operator, program)
        if reason is None:
            operator.target = target.name
            target.emit(operator, program)
            return
        operator.why_not[target.name] = reason
    reasons = "; ".join(f"{name}: {reason}" for name, reason in operator.why_not.items())
    raise UnsupportedError(
        f"no target computes {operator.kind} of layer {operator.layer} ({reasons}).",
        [advice.REPLACE, advice.KERNEL],
    )


def add_function(
    program: Program, stem: str, parameters: Sequence[str], body: Sequence[str], headers: tuple[str, ...]
) -> str:
    """Add a C function to the program, or find the one that is the same; returns its name.

    stem: what it is called, with a number behind it where another function has that name: a layer may be computed by
    several operators of one kind.
    """
    for number in count(1):
        name = program.function_name(stem if number == 1 else f"{stem}_{number}")
        prototype = f"void {name}({', '.join(parameters)})"
        source = "\n".join([f"{prototype} {{", *(f"    {line}" for line in body), "}", ""])
        known = program.functions.setdefault(name, Function(name, source, prototype, headers))
        if known.source == source:
            return name
    raise AssertionError
