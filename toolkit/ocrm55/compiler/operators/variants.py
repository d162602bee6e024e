"""One C function of several that differ in numbers, such as sizes: at other widths, or of other stripes of rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ocrm55.compiler.operators.program import Function

_NUMBER = re.compile(r"((?<![\w.])\d[\w.]*(?:(?<=e)[+-]\d+f?)?)")


def joined(functions: Sequence[Function]) -> Function | None:
    """One function for all. Numbers that differ come from tables, by the parameter `fit`: the place among `functions`.

    It has the last one's name. None where the functions differ in more than numbers.
    """
    last = functions[-1]
    bodies = [function.source.split("\n")[1:] for function in functions]
    if all(body == bodies[-1] for body in bodies):
        return last
    if len({len(body) for body in bodies}) != 1:
        return None
    prototype = last.prototype.removesuffix(")") + ", unsigned fit)"
    tables: dict[str, tuple[str, ...]] = {}
    merged = [_merged(lines, tables) for lines in zip(*bodies, strict=True)]
    if any(line is None for line in merged):
        return None
    head = [f"    static const {_type(values)} {name}[] = {{{', '.join(values)}}};" for name, values in tables.items()]
    source = "\n".join([f"{prototype} {{", *head, *(line for line in merged if line is not None)])
    return replace(last, source=source, prototype=prototype, by_width=True)


def _merged(lines: Sequence[str], tables: dict[str, tuple[str, ...]]) -> str | None:
    """The line that all have in common; numbers that differ move to `tables`."""
    split = [_NUMBER.split(line) for line in lines]
    if len({len(parts) for parts in split}) != 1:
        return None
    merged = []
    for index, parts in enumerate(zip(*split, strict=True)):
        if len(set(parts)) == 1:
            merged.append(parts[0])
        elif index % 2 == 0:  # what is not a number
            return None
        else:
            merged.append(f"{_table(parts, ''.join(merged), tables)}[fit]")
    return "".join(merged)


def _table(values: tuple[str, ...], before: str, tables: dict[str, tuple[str, ...]]) -> str:
    """Name of the table with these values: the name of the field that it fills, if there is one."""
    field = re.search(r"\.(\w+) = -?\(?$", before)
    stem = f"{field[1] if field else 'count'}_at"
    for name in _candidates(stem):
        if tables.setdefault(name, values) == values:
            return name
    raise AssertionError


def _candidates(stem: str) -> Iterable[str]:
    yield stem
    yield from (f"{stem}_{number}" for number in range(2, 1000))


def _type(values: Sequence[str]) -> str:
    return "float" if any(value.endswith("f") for value in values) else "int32_t"
