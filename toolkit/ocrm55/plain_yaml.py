"""Reads YAML as texts, lists and mappings, in bounded time and memory.

A character of a dictionary is a text whatever YAML would make of it: `1`, `~`, `=`, `no` and `1e3` all stay as they are
written. Nothing is merged and no tag makes an object. Aliases count with all that they stand for, so that ten lines
cannot grow to a billion values.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ocrm55.errors import InputError

MOST_BYTES = 8 << 20  # 65,535 characters take about 1 MB
MOST_VALUES = 500_000
DEEPEST = 50
_AGAIN = ["export or copy the model again"]

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def load(path: Path) -> Any:
    """The value of a YAML file: texts, lists of values, and dicts of values by text; None for an empty file.

    Raises InputError for a file that cannot be read, is no YAML, or holds more than MOST_VALUES values.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path} is not a regular file.")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes; {MOST_BYTES:,} is the most.")
        text = path.read_text(encoding="utf-8")
    except OSError as trouble:
        raise InputError(f"{path} cannot be read: {trouble.strerror}.") from trouble
    except UnicodeDecodeError as trouble:
        where = f"byte {trouble.start} is 0x{trouble.object[trouble.start]:02x}, which is not UTF-8"
        raise InputError(f"{path} is not a YAML file that can be read: {where}.", _AGAIN) from None
    try:
        return loads(text)
    except yaml.YAMLError as trouble:
        raise InputError(f"{path} is not a YAML file that can be read: {_where(trouble)}.", _AGAIN) from trouble


def loads(text: str) -> Any:
    """The value of a YAML text, as `load` gives it. Raises yaml.YAMLError."""
    return pickle.loads(_packed(text))


@functools.lru_cache(maxsize=2)
def _packed(text: str) -> bytes:
    """The value, packed: a command reads the settings of its model several times, and may change what it was given."""
    return pickle.dumps(_Builder(yaml.parse(text, Loader=_LOADER)).document())


def _where(trouble: yaml.YAMLError) -> str:
    """The fault and its line, without the excerpt of the file."""
    mark, problem = getattr(trouble, "problem_mark", None), getattr(trouble, "problem", None) or str(trouble)
    reason = str(problem).splitlines()[0][:200] if str(problem) else "damaged"
    return reason if mark is None else f"line {mark.line + 1}: {reason}"


class _Builder:
    """Makes values of the parser's events and counts them."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, tuple[Any, int]] = {}  # the value, and how many values it holds
        self._count = 0

    def document(self) -> Any:
        next(self._events)  # start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), 0)
        next(self._events)  # end of the document
        if not isinstance(next(self._events), yaml.StreamEndEvent):
            raise yaml.YAMLError("it holds more than one document")
        return value

    def _value(self, event: yaml.Event, depth: int) -> Any:
        self._add(1)
        if depth > DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {DEEPEST} deep")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise yaml.YAMLError("an alias stands for nothing, or for what it is in")
            value, count = self._anchors[event.anchor]
            self._add(count)
            return value
        before = self._count
        value = self._value_of(event, depth)
        if (anchor := getattr(event, "anchor", None)) is not None:
            self._anchors[anchor] = (value, self._count - before)
        return value

    def _value_of(self, event: yaml.Event, depth: int) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(each, depth + 1) for each in self._until(yaml.SequenceEndEvent)]
        values: dict[str, Any] = {}
        for key in self._until(yaml.MappingEndEvent):
            name = self._value(key, depth + 1)
            if not isinstance(name, str):
                raise yaml.YAMLError("a key is no text")
            values[name] = self._value(next(self._events), depth + 1)
        return values

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _add(self, count: int) -> None:
        self._count += count
        if self._count > MOST_VALUES:
            raise yaml.YAMLError(f"it holds more than {MOST_VALUES:,} values")
