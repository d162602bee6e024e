"""The loop over stripes of rows in C: what differs from stripe to stripe, as constants, products or tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ocrm55.compiler.c_language.text import lines, wrapped
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.program import Operator, Program, identifier
from ocrm55.compiler.operators.stripes import Piece, Segment, Window, kept_name


class Tables:
    """Tables of numbers by stripe, each once."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, ...], str] = {}

    def value(self, values: Sequence[int | None]) -> str:
        """Numbers by stripe as an expression of `stripe`; those that are None may be any."""
        known = _filled(values)
        first, step = known[0], known[1] - known[0] if len(known) > 1 else 0
        if all(value == first + step * stripe for stripe, value in enumerate(known)):
            product = f"stripe * {step}u" if step > 0 else ""
            if step >= 0:
                return " + ".join(filter(None, [product, f"{first}u" if first or not product else ""]))
        name = self._names.setdefault(known, f"by_stripe_{len(self._names)}")
        return f"{name}[stripe]"

    def definitions(self) -> list[str]:
        found = []
        for values, name in self._names.items():
            kind = "uint16_t" if max(values) <= 0xFFFF else "uint32_t"
            rows = lines([str(value) for value in values], 16)
            found.append(
                "\n".join([f"static const {kind} {name}[{len(values)}] = {{", *(f"    {r}" for r in rows), "};"])
            )
        return found


def _filled(values: Sequence[int | None]) -> tuple[int, ...]:
    known = [value for value in values if value is not None]
    last = known[0] if known else 0
    found = []
    for value in values:
        last = last if value is None else value
        found.append(last)
    return tuple(found)


def argument(program: Program, segment: Segment, operator: Operator, name: str, tables: Tables) -> str:
    """A pointer that an operator gets, as an expression of `stripe`: to the first row that it reads or writes."""
    tensor, owner = program.tensors[name], program.storage(name)
    inputs = [each for each in operator.inputs if program.tensors[each].role != "weight"]
    pieces = segment.pieces[operator.outputs[0]]
    if tensor.role == "weight":
        return name
    if name == operator.outputs[0]:
        rows = [None if piece is None else piece.rows[0] for piece in pieces]
    else:
        rows = [_first(piece, inputs.index(name)) for piece in pieces]
    window, height = segment.windows.get(owner), segment.heights.get(owner)
    if all(row is None for row in rows) or height is None:
        return name
    row = program.tensors[owner].size // height
    shifts = [None if r is None else (r if window is None else window.place(r, k)) * row for k, r in enumerate(rows)]
    shown = tables.value(shifts)
    return name if shown == "0u" else f"{name} + {shown}"


def _first(piece: Piece | None, which: int) -> int | None:
    read = None if piece is None else piece.reads[which]
    return None if read is None else read[0]


def group(
    program: Program, plan: MemoryPlan, segment: Segment, steps: Sequence[dict[str, Any]], tables: Tables
) -> dict[str, Any]:
    """The data of a template for a segment. steps: those of its operators, which are completed."""
    operators = {operator.outputs[0]: operator for operator in program.steps if operator.outputs[0] in segment.pieces}
    opening: list[str] = []
    before: dict[str, list[str]] = {name: [] for name in operators}
    after: dict[str, list[str]] = {name: [] for name in operators}
    for owner, window in segment.windows.items():
        writers = [name for name in operators if program.storage(name) == owner]
        restored, saved = _kept_rows(plan, segment, owner, window, tables)
        if owner == segment.input:
            opening += [*restored, _reading(program, plan, segment, window, tables), *saved]
        else:
            before[writers[0]] += restored
            after[writers[-1]] += saved
    if program.storage(program.output.name) in segment.windows:
        after[segment.outputs[-1]] += _taken(program, segment, tables)
    for step, (name, operator) in zip(steps, operators.items(), strict=True):
        pieces = segment.pieces[name]
        runs = tables.value([int(piece is not None) for piece in pieces])
        step |= {
            "call": wrapped(_call(program, segment, operator, tables)),
            "runs": "" if runs == "1u" else runs,
            "before": before[name],
            "after": after[name],
        }
    return {"stripes": segment.stripes, "opening": opening, "operators": list(steps)}


def _call(program: Program, segment: Segment, operator: Operator, tables: Tables) -> str:
    words = [argument(program, segment, operator, name, tables) for name in operator.arguments]
    words += [workspace_name(operator, workspace.name) for workspace in operator.workspaces]
    if program.functions[operator.function].by_width:
        variants = segment.variants(operator.outputs[0])
        pieces = segment.pieces[operator.outputs[0]]
        words.append(tables.value([None if piece is None else variants.index(piece.spec) for piece in pieces]))
    return f"{operator.function}({', '.join(words)});"


def _kept_rows(
    plan: MemoryPlan, segment: Segment, owner: str, window: Window, tables: Tables
) -> tuple[list[str], list[str]]:
    """Calls that put rows of the last stripe in front of a window's new ones, and that keep those of the next."""
    if not window.kept_bytes:
        return [], []
    here, there = f"arena + {plan.offsets[owner]}", f"arena + {plan.offsets[kept_name(owner)]}"
    stripes = range(segment.stripes)
    count = tables.value([window.kept(k - 1) * window.row_bytes for k in stripes])
    restored = wrapped(_copy(there, here, count))
    last = segment.stripes - 1
    places = [None if k == last else (window.rows[k + 1][0] - window.rows[k][0]) * window.row_bytes for k in stripes]
    kept = [window.kept(k) for k in stripes]
    count = tables.value([rows * window.row_bytes for rows in kept])
    place = tables.value([p if rows else None for p, rows in zip(places, kept, strict=True)])
    return [restored], [wrapped(_copy(f"{here} + {place}", there, count))]


def _copy(source: str, destination: str, count: str) -> str:
    bytes_ = f"(int32_t)({count})"
    return f"ocrm55_copy_rows_s8((const int8_t *)({source}), 0, (int8_t *)({destination}), 0, 1, {bytes_});"


def _reading(program: Program, plan: MemoryPlan, segment: Segment, window: Window, tables: Tables) -> str:
    fresh = [window.fresh(k) for k in range(segment.stripes)]
    first = tables.value([rows[0] for rows in fresh])
    end = tables.value([max(rows) for rows in fresh])
    place = tables.value([window.place(rows[0], k) * window.row_bytes for k, rows in enumerate(fresh)])
    return wrapped(f"read_rows(source, {first}, {end}, (int8_t *)(arena + {plan.offsets[segment.input]} + {place}));")


def _taken(program: Program, segment: Segment, tables: Tables) -> list[str]:
    """Hand the rows of a stripe to whoever takes the output."""
    rows = segment.windows[program.storage(program.output.name)].rows
    first, count = tables.value([row for row, _ in rows]), tables.value([end - row for row, end in rows])
    call = f"taker->take(taker->context, {first}, {count}, {program.output.name});"
    return ["if (taker != NULL) {", f"    {call}", "}"]


def workspace_name(operator: Operator, name: str) -> str:
    """The C name of the pointer to an operator's workspace."""
    return identifier(f"{operator.outputs[0]}_{name}")
