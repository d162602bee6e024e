"""Section sizes of a 32-bit little-endian ELF file; no more of the format is read than that needs."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from ocrm55.errors import InputError

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_SECTION = struct.Struct("<IIIIIIIIII")
_SHF_ALLOC = 2
_SHT_NOBITS = 8


@dataclass(frozen=True)
class Section:
    """A section that takes memory on the target."""

    name: str
    address: int
    size: int  # bytes
    loaded: bool  # the file holds its contents (false: only room)


def read_sections(path: Path) -> list[Section]:
    """The sections of `path` that take memory on the target and are not empty, in the order of the file.

    Raises InputError when it is no 32-bit little-endian ELF file.
    """
    try:
        data = path.read_bytes()
        return _parse(data)
    except OSError as trouble:
        raise InputError(f"{path} cannot be read: {trouble.strerror}.") from trouble
    except (struct.error, ValueError) as trouble:
        raise InputError(f"{path} is not a 32-bit little-endian ELF file.", ["ocrm55 build"]) from trouble


def _parse(data: bytes) -> list[Section]:
    header = _HEADER.unpack_from(data)
    if header[0][:6] != b"\x7fELF\x01\x01":
        raise ValueError("not an ELF file of this class")
    table, entry_size, count, names_index = header[6], header[11], header[12], header[13]
    entries = [_SECTION.unpack_from(data, table + i * entry_size) for i in range(count)]
    names = entries[names_index][4] if count > names_index else 0
    sections = []
    for name, kind, flags, address, _offset, size, *_rest in entries:
        if flags & _SHF_ALLOC and size:
            end = data.index(b"\0", names + name)
            sections.append(Section(data[names + name : end].decode(), address, size, kind != _SHT_NOBITS))
    return sections
