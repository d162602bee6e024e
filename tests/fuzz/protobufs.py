"""Mutations that keep a protobuf message one: values, missing and repeated parts, and parts exchanged."""

from __future__ import annotations

import random
from typing import Any

from tests.fuzz.mutations import bytes_within

NUMBERS = (0, 1, -1, 2, 3, 7, 16, 255, 2**31 - 1, 2**31, -(2**31), 2**62, -(2**63))
TEXTS = ("", "x", "y", "Conv", "MaxPool", "Slice", "Gather", "Reshape", "axis", "\0", "a\nb", "a" * 600)
REALS = (0.0, 1.0, -1.0, 1e30, -1e-30, float("nan"), float("inf"))


def mutated(data: bytes, kind: type[Any], most: int, seed: int) -> bytes:
    """A message of this class with one change or a few; what is no message is mutated as bytes."""
    chance = random.Random(seed)
    message = kind()
    try:
        message.ParseFromString(data)
    except Exception:  # the library raises a class of its own
        return bytes_within(data, most)
    if chance.randrange(12) == 0:
        return bytes_within(data, most)
    for _ in range(chance.choice((1, 1, 2, 4))):
        _change(message, chance)
    try:
        made = bytes(message.SerializeToString())
    except Exception:  # a text that is no UTF-8
        return bytes_within(data, most)
    return made if len(made) <= most else data


def _change(message: Any, chance: random.Random) -> None:
    """One change, somewhere within the message."""
    fields = message.ListFields()
    while fields:
        field, value = chance.choice(fields)
        if _is_repeated(field):
            if field.message_type is None or not value or chance.randrange(4) == 0:
                _change_list(field, value, chance)
                return
            message = chance.choice(value)
        elif field.message_type is not None:
            if chance.randrange(16) == 0:
                message.ClearField(field.name)
                return
            message = value
        elif chance.randrange(10) == 0:
            message.ClearField(field.name)
            return
        else:
            _set(message, field, value, chance)
            return
        fields = message.ListFields()


def _is_repeated(field: Any) -> bool:
    return bool(field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED)


def _change_list(field: Any, values: Any, chance: random.Random) -> None:
    here = chance.randrange(len(values)) if len(values) else 0
    if not len(values) or chance.randrange(5) == 0:
        if field.message_type is None:
            values.append(_scalar(field, "" if not len(values) else values[0], chance))
        elif len(values):
            values.add().CopyFrom(values[here])
    elif chance.randrange(4) == 0:
        del values[here]
    elif field.message_type is None:
        values[here] = _scalar(field, values[here], chance)
    else:
        other = chance.randrange(len(values))
        kept = type(values[here])()
        kept.CopyFrom(values[here])
        values[here].CopyFrom(values[other])
        values[other].CopyFrom(kept)


def _set(message: Any, field: Any, value: Any, chance: random.Random) -> None:
    try:
        setattr(message, field.name, _scalar(field, value, chance))
    except (ValueError, TypeError):
        message.ClearField(field.name)


def _scalar(field: Any, value: Any, chance: random.Random) -> Any:
    """Another value of the field's type, one that fits into it."""
    kind = field.cpp_type
    if kind in (field.CPPTYPE_INT32, field.CPPTYPE_INT64, field.CPPTYPE_UINT32, field.CPPTYPE_UINT64):
        wide = kind in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64)
        found = chance.choice((*NUMBERS, (value or 0) + chance.choice((-1, 1)))) if value != "" else 1
        signed = kind in (field.CPPTYPE_INT32, field.CPPTYPE_INT64)
        bits = 64 if wide else 32
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return min(max(found, low), high)
    if kind == field.CPPTYPE_ENUM:
        return chance.choice(field.enum_type.values).number
    if kind in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return chance.choice(REALS)
    if kind == field.CPPTYPE_BOOL:
        return not value
    if field.type == field.TYPE_BYTES:
        known = value if isinstance(value, bytes) else b""
        return known[: chance.randrange(len(known) + 1)] if chance.randrange(2) else bytes(known[::-1])
    return chance.choice(TEXTS)
