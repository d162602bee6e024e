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


_BLOCK = 512
# Of a header in an archive: where its fields begin and end, but for the sum.
_FIELDS = ((0, 100), (100, 108), (124, 136), (136, 148), (156, 157), (157, 257), (257, 265), (345, 500))
_KINDS = b"0123456 7LKxgXSVDN\0\xff"
_OCTAL = (b"0", b"1", b"777", b"77777777777", b"-1", b"\x80\0\0\0\0\0\0\0\0\0\2\0", b"\xff" * 12, b"8", b" 12 ", b"")


def summed(header: bytes | bytearray) -> bytes:
    """A header of an archive with its right sum: a reader looks at nothing else where that is wrong."""
    block = bytearray(header[:_BLOCK].ljust(_BLOCK, b"\0"))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def tar_headers(data: bytes, most: int, seed: int) -> bytes:
    """Change, repeat, drop or exchange blocks of an archive; changed headers get their right sum."""
    chance = random.Random(seed)
    blocks = [data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK)]
    headers = [place for place, block in enumerate(blocks) if block[257:262] == b"ustar"]
    if not headers or chance.randrange(8) == 0:
        return bytes_within(data, most)
    here = chance.choice(headers)
    match chance.randrange(8):
        case 0:
            blocks.insert(chance.randrange(len(blocks) + 1), blocks[here])
        case 1:
            del blocks[here]
        case 2:
            other = chance.randrange(len(blocks))
            blocks[here], blocks[other] = blocks[other], blocks[here]
        case 3:
            body = min(here + 1, len(blocks) - 1)
            blocks[body] = bytes_within(blocks[body], _BLOCK).ljust(_BLOCK, b"\0")[:_BLOCK]
        case _:
            blocks[here] = _changed(bytearray(blocks[here].ljust(_BLOCK, b"\0")), chance)
    return b"".join(blocks)[:most]


def _changed(header: bytearray, chance: random.Random) -> bytes:
    first, end = chance.choice(_FIELDS)
    if (first, end) == (156, 157):
        header[first] = chance.choice(_KINDS)
    elif first in (0, 157, 257, 345):
        header[first:end] = bytes_within(bytes(header[first:end]), end - first).ljust(end - first, b"\0")[: end - first]
    else:
        header[first:end] = chance.choice(_OCTAL).ljust(end - first, b"\0")[: end - first]
    return summed(header)
