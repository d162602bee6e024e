"""A board's memories: the `memory.json` that the compiler's fit check and the linker script share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ocrm55 import resources
from ocrm55.errors import InputError


@dataclass(frozen=True)
class Region:
    """One memory of the board."""

    name: str
    origin: int
    size: int  # bytes
    holds: str  # what goes there, in words

    def contains(self, address: int) -> bool:
        return self.origin <= address < self.origin + self.size


@dataclass(frozen=True)
class MemoryMap:
    """All memories of a board, and which of them takes what."""

    title: str
    regions: dict[str, Region]
    placement: dict[str, str]  # code, data, arena, weights, hot_weights, images -> name of a region
    stack_bytes: int

    def region_of(self, what: str) -> Region:
        """The region that takes `what`: code, data, arena, weights, hot_weights or images."""
        return self.regions[self.placement[what]]


def load(path: Path | None = None) -> MemoryMap:
    """Read `path`, or the Corstone-300's own map. Raises InputError when it cannot be read or contradicts itself."""
    path = path or resources.folder("firmware") / "platform" / "corstone300" / "memory.json"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        regions = {
            region["name"]: Region(
                region["name"], int(region["origin"], 0), int(region["bytes"]), region.get("holds", "")
            )
            for region in value["regions"]
        }
        loaded = MemoryMap(value.get("title", path.stem), regions, dict(value["placement"]), int(value["stack_bytes"]))
    except OSError as trouble:
        raise InputError(f"the memory map {path} cannot be read: {trouble.strerror}.") from trouble
    except (ValueError, KeyError, TypeError, AttributeError) as trouble:
        raise InputError(
            f"{path} is not a memory map: {trouble}.", ["compare it with firmware/platform/corstone300/memory.json"]
        ) from trouble
    for what in ("code", "data", "arena", "weights", "hot_weights", "images"):
        if loaded.placement.get(what) not in regions:
            raise InputError(
                f"{path} places `{what}` in `{loaded.placement.get(what)}`, which is none of its regions.",
                [f"use one of {', '.join(regions)}"],
            )
    return loaded
