"""A run in steps, each an operator or a stripe of one, for programs that let others run in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.operators.stripes import find


def count(program: Program) -> int:
    """The steps of a run."""
    segments = [find(program.segments, operator.outputs[0]) for operator in program.steps]
    return sum(1 if segment is None else segment.stripes for segment in segments)


def most_macs(program: Program) -> int:
    """The multiply-accumulates of the largest step."""
    return max((_macs(program, operator) for operator in program.steps), default=0)


def _macs(program: Program, operator: Operator) -> int:
    segment = find(program.segments, operator.outputs[0])
    if segment is None:
        return operator.macs
    return max((piece.spec.macs for piece in segment.pieces[operator.outputs[0]] if piece is not None), default=0)


def values(program: Program, groups: Sequence[dict[str, Any]], *, by_rows: int | None) -> dict[str, Any]:
    """The data of steps.c.j2 besides that of the straight line. by_rows: where the arena says where the picture is."""
    striped, start, first = [], 0, 0
    for group in groups:
        operators, stripes = len(group["operators"]), group["stripes"]
        if stripes > 1:
            end = start + operators * stripes
            place = {"start": start, "end": end, "first": first, "operators": operators}
            striped.append(place | {"shift": end - first - operators})
        start += operators * stripes
        first += operators
    given = from_arena = ""
    name, takes = "run_network", bool(program.output_rows)
    if by_rows is not None:
        name, given, passed = "run_source", ", const struct source *source", ", source"
        from_arena = f", (const struct source *)(const void *)(arena + {by_rows})"
    elif takes:
        name, given, passed = "run_into", ", const struct ocrm55_taker *taker", ", taker"
        from_arena = passed
    else:
        passed = ""
    return {
        "name": name,
        "given": given,
        "passed": passed,
        "from_arena": from_arena,
        "takes": takes and by_rows is None,
        "striped": striped[::-1],
        "count": start,
    }
