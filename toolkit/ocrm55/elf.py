"""Sections and symbols of a 32-bit little-endian ELF file."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ocrm55 import files
from ocrm55.errors import InputError

T = TypeVar("T")

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_SECTION = struct.Struct("<IIIIIIIIII")
_SYMBOL = struct.Struct("<IIIBBH")
_SHF_ALLOC = 2
_SHT_SYMTAB = 2
_SHT_NOBITS = 8


@dataclass(frozen=True)
class Section:
    """A section that takes memory on the target."""

    name: str
    address: int
    size: int  # bytes
    loaded: bool  # true if the file holds its contents, false if it only reserves room


def read_sections(path: Path) -> list[Section]:
    """The sections of `path` that take memory on the target and are not empty, in the order of the file.

    Raises InputError when it is no 32-bit little-endian ELF file.
    """
    return _parsed(path, _parse)


def read_symbols(path: Path) -> dict[str, int]:
    """Addresses by name, as the linker left them (of a function in Thumb code the lowest bit is set).

    Raises InputError when it is no 32-bit little-endian ELF file. A stripped file has no symbols.
    """
    return _parsed(path, _parse_symbols)


def _parsed(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(files.read_bytes(path))
    except OSError as trouble:
        raise InputError(f"{path} cannot be read: {trouble.strerror}.") from trouble
    except (struct.error, ValueError, IndexError) as trouble:
        raise InputError(f"{path} is not a 32-bit little-endian ELF file.", ["ocrm55 build"]) from trouble


def _entries(data: bytes) -> tuple[list[tuple[int, ...]], int]:
    """The section table, and the index of the section with the sections' names."""
    header = _HEADER.unpack_from(data)
    if header[0][:6] != b"\x7fELF\x01\x01":
        raise ValueError("not an ELF file of this class")
    table, entry_size, count, names_index = header[6], header[11], header[12], header[13]
    return [_SECTION.unpack_from(data, table + i * entry_size) for i in range(count)], names_index


def _parse_symbols(data: bytes) -> dict[str, int]:
    entries, _ = _entries(data)
    symbols = {}
    for _name, kind, _flags, _address, offset, size, link, *_rest in entries:
        if kind == _SHT_SYMTAB:
            names = entries[link][4]
            for name, value, *_more in _SYMBOL.iter_unpack(data[offset : offset + size]):
                symbols[data[names + name : data.index(b"\0", names + name)].decode("utf-8", "replace")] = value
    return symbols


def _parse(data: bytes) -> list[Section]:
    entries, names_index = _entries(data)
    names = entries[names_index][4] if len(entries) > names_index else 0
    sections = []
    for name, kind, flags, address, _offset, size, *_rest in entries:
        if flags & _SHF_ALLOC and size:
            end = data.index(b"\0", names + name)
            sections.append(Section(data[names + name : end].decode(), address, size, kind != _SHT_NOBITS))
    return sections
