"""Divide the network into turns: as much as possible on the NPU, then as much as necessary on the core, and so on.

Operators depend on each other only through tensors, so the order may change. Each turn takes every operator whose
inputs are ready. This gives the fewest turns. Each turn of the NPU is one region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ocrm55.compiler.operators.float32 import View
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.targets.ethos_u import support
from ocrm55.compiler.targets.ethos_u.region import Region

Unit = list[Operator]


def partition(program: Program, refusal: Callable[[Operator, Program], str | None] = support.refusal) -> None:
    """Replace the NPU's operators by regions. The reasons for the others go into their why_not."""
    turns = list(_turns(program, refusal))
    ordered: list[Operator] = []
    number = 0
    for on_npu, operators in turns:
        if on_npu:
            ordered.append(_region(program, number, operators))
            number += 1
        else:
            ordered += operators
    program.operators = ordered


def _turns(program: Program, refusal: Callable[[Operator, Program], str | None]) -> Iterable[tuple[bool, Unit]]:
    waiting = _units(program)
    taken: dict[int, bool] = {}
    for unit in waiting:
        reasons = {id(o): refusal(o, program) for o in unit}
        for operator in unit:
            reason = reasons[id(operator)]
            if reason is not None:
                operator.why_not[support.NAME] = reason
        taken[id(unit)] = all(reason is None for reason in reasons.values())
    missing = _written(program, waiting)
    on_npu, idle = False, 0
    while waiting:
        turn: Unit = []
        progress = True
        while progress:
            progress = False
            for unit in list(waiting):
                if taken[id(unit)] == on_npu and not _reads(program, unit) & missing:
                    turn += unit
                    waiting.remove(unit)
                    missing -= _writes(program, unit)
                    progress = True
        idle = 0 if turn else idle + 1
        if idle > 1:  # parts of a tensor wait for what reads another part: the core keeps the order it was given
            left = {id(operator) for unit in waiting for operator in unit}
            yield False, [operator for operator in program.operators if id(operator) in left]
            return
        if turn:
            yield on_npu, turn
        on_npu = not on_npu


def _units(program: Program) -> list[Unit]:
    """Operators one by one. Operators that write parts of one tensor come together, at the place of the last of
    them.
    """
    units: list[Unit] = []
    parts: dict[str, Unit] = {}
    for operator in program.operators:
        if isinstance(operator.spec, View):
            continue
        whole = program.storage(operator.outputs[0])
        if whole == operator.outputs[0]:
            units.append([operator])
            continue
        unit = parts.setdefault(whole, [])
        if unit in units:
            units.remove(unit)
        unit.append(operator)
        units.append(unit)
    return units


def _reads(program: Program, unit: Unit) -> set[str]:
    names = {program.storage(n) for o in unit for n in o.inputs if program.tensors[n].role != "weight"}
    return names - _writes(program, unit)


def _writes(program: Program, unit: Unit) -> set[str]:
    return {program.storage(n) for o in unit for n in o.outputs}


def _written(program: Program, units: Iterable[Unit]) -> set[str]:
    return {name for unit in units for name in _writes(program, unit)}


def _region(program: Program, number: int, operators: Unit) -> Operator:
    """One operator that stands for all of them."""
    mine = {id(o) for o in operators}
    written = list(dict.fromkeys(program.storage(n) for o in operators for n in o.outputs))
    read = dict.fromkeys(n for o in operators for n in o.inputs if program.tensors[n].role != "weight")
    inputs = [name for name in read if program.storage(name) not in written]
    others = {program.storage(n) for o in program.operators if id(o) not in mine for n in o.inputs} | {
        program.storage(program.output.name)
    }
    outputs = [name for name in written if name in others]
    name = f"region_{number}"
    return Operator(name, name, Region(name, tuple(operators)), inputs, outputs)
