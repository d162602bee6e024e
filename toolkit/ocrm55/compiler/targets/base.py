"""The interface between the compiler and the targets that compute its operators.

A new accelerator or kernel library is one class of this kind. It says which operators it takes, and emits their C
functions. The pipeline asks the targets in order of preference. Every refusal goes into metadata.json.

An accelerator often needs more than functions: an order of operators that suits it, constants, C and files of its own.
The other methods of Target ask for these. Their defaults add nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ocrm55.compiler.memory.placement import Reach
from ocrm55.compiler.memory.planner import ALIGN, MemoryPlan
from ocrm55.compiler.operators import advice, variants
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.program import Function, Operator, Program
from ocrm55.compiler.operators.stripes import find
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import UnsupportedError


@dataclass(frozen=True)
class Recipe:
    """How a network is quantised for a target.

    fused: for kernels that compute a convolution and its activation in one. The others matter without it only.
    halves_down: whether averages round halves as CMSIS-NN does. int4: whether weights of four bits can be computed.
    """

    fused: bool = True
    halves_down: bool = True
    int4: bool = False


@dataclass(frozen=True)
class Additions:
    """A target's additions to the C around the operators.

    headers: that model.c includes, with their quotes or brackets. code: static C of model.c, in front of the run.
    members: of the network's constant: name, value in C. sizes: macros of its header: name without the network's,
    value, remark. variables: of sources.cmake: name without OCRM55_MODEL_, value. arena_align: bytes.
    """

    headers: tuple[str, ...] = ()
    code: str = ""
    members: tuple[tuple[str, str], ...] = ()
    sizes: tuple[tuple[str, int | str, str], ...] = ()
    variables: tuple[tuple[str, int | str], ...] = ()
    arena_align: int = ALIGN

    def __add__(self, other: Additions) -> Additions:
        return Additions(
            self.headers + other.headers,
            self.code + other.code,
            self.members + other.members,
            self.sizes + other.sizes,
            self.variables + other.variables,
            max(self.arena_align, other.arena_align),
        )


class Target(ABC):
    """Computes operators.

    name: in tables and metadata. recipe: how a network is quantised when this target is asked first. ways: in how many
    ways `prepare` can be done, each for a smaller arena than the one before. without: advice to leave it out.
    """

    name: str
    recipe: ClassVar[Recipe] = Recipe()
    ways: ClassVar[int] = 1
    without: ClassVar[tuple[str, ...]] = ()

    def check(self, options: CompileOptions) -> None:
        """Refuse options that do not go together with the target, before any work.

        Raises UnsupportedError for such options, ToolchainError where a tool is missing, InputError for a wrong file.
        """
        return

    def prepare(self, program: Program, way: int = 0) -> Program:
        """The lowered program as the target wants it, or as it is. The given one stays unchanged.

        It may make one operator of several: a spec whose `parts` they are. way: below `ways`.
        """
        return program

    def least_arena(self, program: Program, limit: int, *, closely: bool = False) -> int:
        """Bytes of arena that a lowered program takes in every way, as far as that is known before `prepare`.

        closely: whether it may take a second to find more of them, until there are more than `limit`.
        """
        return 0

    def least_weights(self, program: Program) -> int:
        """Bytes of weights that a lowered program takes in every way in one memory, as far as that is known early."""
        return 0

    @abstractmethod
    def refusal(self, operator: Operator, program: Program) -> str | None:
        """Why this target does not take the operator; None when it does."""

    @abstractmethod
    def emit(self, operator: Operator, program: Program) -> None:
        """Fill in how the operator is computed.

        Sets the operator's function, arguments, workspaces and in_place. Adds to the program the weights, in the order
        in which the function reads them, and the C function, unless the program has an equal one. A function of the
        target's own sources is declared in a header of its `additions`. Computation that may fail sets `attempt`.
        """

    def kernel_sources(self, program: Program) -> list[str]:
        """Files of firmware/kernels/FAMILY that the emitted code calls, without `.c`, for sources.cmake."""
        return []

    def libraries(self, program: Program) -> list[str]:
        """Libraries from elsewhere that the emitted code calls, for sources.cmake."""
        return []

    def runs_anywhere(self, program: Program) -> bool:
        """Whether the C builds and runs on any computer, by itself."""
        return not self.libraries(program)

    def sources(self, program: Program, plan: MemoryPlan) -> Mapping[str, str]:
        """Text of further files in src/, by name: C that is compiled with the network, and its headers."""
        return {}

    def additions(self, program: Program) -> Additions:
        """Additions to the C that the code generator writes."""
        return Additions()

    def constants(self, program: Program) -> int:
        """The most bytes of constants in `sources`. They lie with the weights."""
        return 0

    def reach(self) -> Reach:
        """The memories that the target reads and writes."""
        return Reach()

    def metadata(self, program: Program) -> Mapping[str, Any]:
        """Further entries of metadata.json."""
        return {}

    def write_files(self, program: Program, folder: Path) -> None:
        """Write further files and folders of the artifact."""
        return


class Accelerator(Target):
    """A target that is chosen by name, with --npu, and is asked before the core's.

    names: those that choose it. specs: of the operators that `prepare` makes.
    """

    without = ("leave --npu out",)
    names: ClassVar[tuple[str, ...]] = ()
    specs: ClassVar[tuple[type[Spec], ...]] = ()

    @classmethod
    @abstractmethod
    def of(cls, options: CompileOptions, core: Sequence[Target]) -> Self:
        """The accelerator that the options name. core: the targets that are asked after it."""

    def runs_anywhere(self, program: Program) -> bool:
        return False

    @classmethod
    def read_files(cls, program: Program, folder: Path) -> None:
        """Complete the operators of a program that was read from an artifact by the files of `write_files`."""

    @classmethod
    def computed(cls, operator: Operator, program: Program, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs of an operator of `specs`, on the host, from its inputs; bit for bit those of the accelerator."""
        raise UnsupportedError(f"there is no reference for {operator.kind}.")

    @classmethod
    def computed_as_placed(
        cls, operator: Operator, program: Program, plan: MemoryPlan, values: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """`computed`, by the commands that the image holds, in an arena as the plan lays it out."""
        return cls.computed(operator, program, values)

    @classmethod
    def wrong_weights(cls, operator: Operator, program: Program, plan: MemoryPlan) -> int:
        """How many outputs of an operator of `specs` the image holds other weights for than the program."""
        return 0


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
    segment = find(program.segments, operator.outputs[0])
    pieces = (
        [operator] if segment is None else [replace(operator, spec=s) for s in segment.variants(operator.outputs[0])]
    )
    for target in targets:
        asked = (target.refusal(piece, program) for piece in pieces)
        reason = operator.why_not.get(target.name) or next(filter(None, asked), None)
        if reason is None:
            operator.target = target.name
            if segment is None:
                target.emit(operator, program)
            else:
                _emit_for_all(operator, program, target, pieces)
            return
        operator.why_not[target.name] = reason
    reasons = "; ".join(f"{name}: {reason}" for name, reason in operator.why_not.items())
    raise UnsupportedError(
        f"no target computes {operator.kind} of layer {operator.layer} ({reasons}).",
        [advice.REPLACE, advice.KERNEL],
    )


def _emit_for_all(operator: Operator, program: Program, target: Target, pieces: Sequence[Operator]) -> None:
    """Fill in how an operator in stripes is computed: one function for all its pieces, which read the same weights."""
    emitted: list[tuple[Operator, Program]] = []
    for piece in pieces:
        apart = replace(program, tensors=dict(program.tensors), functions=dict(program.functions))
        piece.target = target.name
        target.emit(piece, apart)
        emitted.append((piece, apart))
    (first, found), *others = emitted
    joined = variants.joined([apart.functions[piece.function] for piece, apart in emitted])
    same = all(_weights(first, found) == _weights(*other) for other in others)
    if joined is None or not same or first.attempt:
        raise UnsupportedError(
            f"{operator.kind} of layer {operator.layer} is other code for other rows.", ["a larger --arena-limit"]
        )
    program.tensors.update(found.tensors)
    program.functions[first.function] = joined
    operator.function, operator.arguments, operator.in_place = first.function, first.arguments, first.in_place
    sizes = {w.name: max(each.size for piece in pieces for each in piece.workspaces if each.name == w.name)
             for piece in pieces for w in piece.workspaces}  # fmt: skip
    if any(len(piece.workspaces) != len(sizes) for piece in pieces):
        raise UnsupportedError(f"layer {operator.layer} needs scratch for some rows only.", ["a larger --arena-limit"])
    operator.workspaces = [replace(workspace, size=sizes[workspace.name]) for workspace in first.workspaces]


def _weights(operator: Operator, program: Program) -> list[tuple[str, bytes]]:
    tensors = [program.tensors[name] for name in operator.arguments]
    return [(t.name, b"" if t.data is None else t.data.tobytes()) for t in tensors]


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
