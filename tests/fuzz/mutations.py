"""Mutations that keep the structure of lines and of JSON, so that more than the first check is reached."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

NUMBERS = ("0", "-1", "1", "255", "4294967295", "4294967296", "9" * 30, "9" * 5000, "1e9", "nan", "007", "٣")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1 << 31, 1 << 32, 10**40, 1.5, -1e300, "", "x", "0x20000000", "\n", "\ud800", [], {},
    [[]], {"x": {}},
)  # fmt: skip


def bytes_within(data: bytes, most: int) -> bytes:
    """libFuzzer's own mutation of bytes."""
    import atheris

    return bytes(atheris.Mutate(data, most))


def lines(data: bytes, most: int, seed: int) -> bytes:
    """Drop, repeat, exchange, cut or renumber lines; a time in four mutate bytes."""
    chance = random.Random(seed)
    rows = data.split(b"\n")
    here, there = chance.randrange(len(rows)), chance.randrange(len(rows))
    match chance.randrange(8):
        case 0:
            del rows[here]
        case 1:
            rows.insert(there, rows[here])
        case 2:
            rows[here], rows[there] = rows[there], rows[here]
        case 3:
            rows[here] = rows[here][: chance.randrange(len(rows[here]) + 1)]
        case 4 | 5:
            rows[here] = _renumbered(rows[here], chance)
        case _:
            return bytes_within(data, most)
    return b"\n".join(rows)[:most]


def _renumbered(row: bytes, chance: random.Random) -> bytes:
    found = list(re.finditer(rb"\d+", row))
    if not found:
        return row
    place = chance.choice(found)
    return row[: place.start()] + chance.choice(NUMBERS).encode() + row[place.end() :]


def json_after_first_byte(data: bytes, most: int, seed: int) -> bytes:
    """Change one value, key or element of the JSON behind the first byte; what is no JSON is mutated as bytes."""
    chance = random.Random(seed)
    if chance.randrange(6) == 0:
        return bytes_within(data, most)
    try:
        value = json.loads(data[1:])
    except (ValueError, RecursionError):
        return bytes_within(data, most)
    places: list[Callable[[Any], None]] = []
    _collect(value, places)
    if not places:
        return data[:1] + json.dumps(chance.choice(VALUES)).encode()[: most - 1]
    chance.choice(places)(chance)
    return (data[:1] + json.dumps(value).encode())[:most]


def _collect(value: Any, places: list[Callable[[Any], None]]) -> None:
    """All changes that could be made within `value`, each a function of the source of chance."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:

        def replace(chance: random.Random, key: Any = key) -> None:
            value[key] = chance.choice(VALUES)

        def remove(chance: random.Random, key: Any = key) -> None:
            del value[key]

        def wrap(chance: random.Random, key: Any = key) -> None:
            value[key] = [value[key], value[key]]

        places += [replace, replace, remove, wrap]
        _collect(value[key], places)
