"""Boards that the firmware runs on: their memories, the folder of their sources, and their simulators.

A board is a folder of `firmware/platform/`, or one of the user's own. Its `board.json` serves the compiler's fit check,
the linker script and the simulators alike. A file of `firmware/boards/` describes another maker's board in the same
way: programs are compiled and packaged for it, and its maker's SDK starts it (`facts.py` reads the rest of such files).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from ocrm55 import files, resources
from ocrm55.errors import InputError, UnsupportedError

DEFAULT = "corstone300"
FILE = "board.json"
CORE = "armv8_1m"  # folder with the sources that all boards with such a core share
LINKER_SCRIPT = "firmware.ld.S"
PLACED = ("code", "data", "arena", "weights", "hot_weights", "images")
TIGHTLY_COUPLED, ON_CHIP, OFF_CHIP = range(3)  # tiers
ACCELERATORS = tuple(f"ethos-u55-{macs}" for macs in (32, 64, 128, 256))
_LARGEST = 1 << 32
_CACHES = tuple(kilobytes << 10 for kilobytes in (4, 8, 16, 32, 64))
_MOST_CYCLES = 10_000  # of one fill
MOST_BYTES = 1 << 20  # of a memory map
_COMPARE = [f"compare it with firmware/platform/{DEFAULT}/{FILE}"]


@dataclass(frozen=True)
class Region:
    """One memory of the board. tier: 0 is tightly coupled to the core, 1 on the chip, 2 outside; less is faster.

    fill_cycles: what the fetch of a cache line costs, at least and at most; None where nobody said. stores_go_through:
    whether the core's MPU is set so that a store goes to the memory and fetches no line.
    """

    name: str
    origin: int
    size: int  # bytes
    holds: str  # what goes there, in words
    tier: int = OFF_CHIP
    fill_cycles: tuple[float, float] | None = None
    stores_go_through: bool = False

    def contains(self, address: int) -> bool:
        return self.origin <= address < self.origin + self.size

    @property
    def is_cached(self) -> bool:
        """Whether the core reads it through its data cache."""
        return self.tier != TIGHTLY_COUPLED


@dataclass(frozen=True)
class MemoryMap:
    """All memories of a board, and the contents of each.

    placement: contents (one of PLACED) -> region, if a program has no wish of its own. preference: contents -> the
    regions that the compiler tries before, the fastest first. data_cache_bytes: None where the file does not say.
    """

    title: str
    regions: dict[str, Region]
    placement: dict[str, str]
    stack_bytes: int
    preference: dict[str, tuple[str, ...]] = field(default_factory=dict)
    name: str = "the board"
    data_cache_bytes: int | None = None

    def region_of(self, what: str) -> Region:
        """The region that takes `what`: code, data, arena, weights, hot_weights or images."""
        return self.regions[self.placement[what]]

    def candidates(self, what: str) -> list[Region]:
        """The regions to try for `what`, in order."""
        names = dict.fromkeys([*self.preference.get(what, ()), self.placement[what]])
        return [self.regions[name] for name in names]


@dataclass(frozen=True)
class Board:
    """One board: a folder with its sources, and its memories.

    folder: its files that differ from other boards of its core: sources, `npu/`, possibly a linker script. file: the
    JSON file with its memories, the folder's own or the user's. machines: simulator -> the simulator's name for this
    board.
    tag: the board's name in a build folder; empty for the default board.
    accelerator: the NPU that the file names, such as ethos-u55-256; empty for none or any.
    """

    name: str
    folder: Path
    file: Path
    memories: MemoryMap
    machines: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""
    accelerator: str = ""

    @property
    def title(self) -> str:
        return self.memories.title

    @property
    def is_bundled(self) -> bool:
        """Whether the board came with ocrm55."""
        return self.folder.parent in (platforms(), described())

    @property
    def has_start_up(self) -> bool:
        """Whether our firmware can start it; a board that is only described is its maker's SDK's."""
        return self.folder.parent != described()

    @property
    def core(self) -> Path:
        """The folder with the sources that all boards of its core share."""
        return platforms() / CORE

    @property
    def linker_script(self) -> Path:
        """The board's own linker script if it has one, else its core's."""
        own = self.folder / LINKER_SCRIPT
        return own if own.is_file() else self.core / LINKER_SCRIPT

    @property
    def sources(self) -> list[Path]:
        """C sources of the board, and those of its core that the board does not replace by a file of the same name."""
        own = sorted(self.folder.glob("*.c"))
        names = {path.name for path in own}
        return [*own, *sorted(path for path in self.core.glob("*.c") if path.name not in names)]

    @property
    def includes(self) -> list[Path]:
        """Folders of headers, in the order in which they are searched."""
        return [self.folder, self.core]

    @property
    def has_npu(self) -> bool:
        """Whether the board has an Ethos-U55; the board's side of the driver shows it, or its file names it."""
        return bool(self.accelerator) or (self.folder / "npu" / "npu_port.c").is_file()

    def machine(self, simulator: str) -> str:
        """The simulator's name for this board. Raises UnsupportedError if the simulator does not have it."""
        self.check_start_up()
        if simulator not in self.machines:
            known = ", ".join(f"--simulator {name}" for name in self.machines)
            raise UnsupportedError(
                f"{simulator} does not simulate the board {self.name}.",
                [known or f"name its machine in `simulators` of {self.folder / FILE}"],
            )
        return self.machines[simulator]

    def check_start_up(self) -> None:
        """Raise UnsupportedError for a board that our firmware does not start, nor any simulator."""
        if not self.has_start_up:
            raise UnsupportedError(
                f"ocrm55 has no start-up code for the board {self.name}: its maker's SDK starts it.",
                [f"ocrm55 package --board {self.name} --out DIR", "leave --board out, to run on the Corstone-300"],
            )


def platforms() -> Path:
    """The folder of the boards that come with ocrm55."""
    return resources.folder("firmware") / "platform"


def described() -> Path:
    """The folder of the files that describe other makers' boards."""
    return resources.folder("firmware") / "boards"


def names() -> list[str]:
    """The boards that come with ocrm55: those that its firmware starts, and those that are described."""
    ours = [path.parent.name for path in platforms().glob(f"*/{FILE}")]
    return sorted([*ours, *(path.stem for path in described().glob("*.json"))])


def as_named(board: str) -> str:
    """`board` as ocrm55 writes it if only its capitals differ; otherwise, and for a folder of that name, as it is."""
    return board.lower() if board.lower() in names() and not Path(board).is_dir() else board


def find(board: str = DEFAULT, memory_map: Path | None = None) -> Board:
    """The board of that name, or in the user's own folder; with other memories if `memory_map` names a file.

    A name may be in capitals, as makers write it: STM32N657. Raises InputError if there is no such board, or if a file
    cannot be read or contradicts itself.
    """
    board = as_named(board)
    bundled = board in names()
    folder = platforms() / board if bundled else Path(board).absolute()
    file = folder / FILE
    if bundled and not file.is_file():
        folder, file = described() / board, described() / f"{board}.json"
    if not bundled and not os.access(file, os.R_OK):  # no such folder, a file, or a name that is too long
        raise InputError(
            f"there is no board `{board}`, and no folder of that name with a {FILE}.",
            [f"--board {', '.join(names())}", "--board DIR, a folder of your own: see docs/adding_a_board.md"],
        )
    memories, machines, accelerator = read_memories(file), _machines(file), _accelerator(file)
    tags = [] if bundled and board == DEFAULT else [folder.name]
    if memory_map is not None:
        file, memories = memory_map, read_memories(memory_map)
        tags.append(memory_map.stem)
    return Board(folder.name, folder, file, memories, machines, "-".join(tags), accelerator)


def _machines(path: Path) -> dict[str, str]:
    """Simulator -> machine, of a board's file."""
    value = read_file(path).get("simulators", {})
    if not isinstance(value, dict) or not all(_is_machine(machine) for machine in value.values()):
        raise InputError(f"{path} does not say in `simulators` what each simulator calls the board.", _COMPARE)
    return dict(value)


def _is_machine(name: object) -> bool:
    """Whether it names a simulator's machine, and nothing else: behind a comma QEMU takes options that write files."""
    return isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) is not None


def _accelerator(path: Path) -> str:
    value = read_file(path).get("npu", "")
    if value != "" and value not in ACCELERATORS:
        raise InputError(f"{path} names an `npu` that is unknown.", [f"use one of {', '.join(ACCELERATORS)}"])
    return str(value)


def read_file(path: Path) -> dict[str, Any]:
    """A board's file. Raises InputError when it cannot be read or is no JSON object."""
    try:
        value = json.loads(files.read_text(path, MOST_BYTES))
    except OSError as trouble:
        raise InputError(f"the memory map {path} cannot be read: {trouble.strerror}.") from trouble
    except (ValueError, RecursionError) as trouble:
        raise InputError(f"{path} is not a memory map: it is no JSON ({trouble}).", _COMPARE) from trouble
    if not isinstance(value, dict):
        raise InputError(f"{path} is not a memory map: it is no JSON object.", _COMPARE)
    return value


def read_memories(path: Path) -> MemoryMap:
    """The memories that a JSON file describes. Raises InputError when it cannot be read or contradicts itself."""
    value = read_file(path)
    regions = _regions(path, value)
    stack = value.get("stack_bytes")
    if not isinstance(stack, int) or not _is_count(stack) or stack == 0:
        raise InputError(f"{path} does not say how many `stack_bytes` there are.", _COMPARE)
    placement = _object(path, value, "placement")
    for what in PLACED:
        if not _names_one_of(regions, placement.get(what)):
            raise InputError(
                f"{path} places `{what}` in `{placement.get(what)}`, which is none of its regions.",
                [f"use one of {', '.join(regions)}"],
            )
    preference = {what: _preferred(path, what, names, regions) for what, names in _preferences(path, value).items()}
    name = str(value.get("board", path.stem))
    title = str(value.get("title", path.stem))
    loaded = MemoryMap(title, regions, dict(placement), stack, preference, name, _data_cache(path, value))
    if stack > loaded.region_of("data").size:
        raise InputError(f"{path}: a stack of {stack:,} bytes does not fit into {placement['data']}.", _COMPARE)
    return loaded


def _regions(path: Path, value: dict[str, Any]) -> dict[str, Region]:
    listed = value.get("regions")
    if not isinstance(listed, list) or not listed:
        raise InputError(f"{path} is not a memory map: it has no list of `regions`.", _COMPARE)
    regions: dict[str, Region] = {}
    for entry in listed:
        region = _region(path, entry)
        if region.name in regions:
            raise InputError(f"{path} has two regions called {region.name}.", ["give each a name of its own"])
        regions[region.name] = region
    for low, high in pairwise(sorted(regions.values(), key=lambda r: r.origin)):
        if low.origin + low.size > high.origin:
            raise InputError(
                f"{path}: {low.name} and {high.name} overlap at {high.origin:#010x}.", ["correct origin or bytes"]
            )
    return regions


def _region(path: Path, entry: Any) -> Region:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise InputError(f"{path}: a region needs a name that a linker script can say, not {name!r}.", _COMPARE)
    try:
        origin = int(entry["origin"], 0)
    except (KeyError, TypeError, ValueError) as trouble:
        raise InputError(f'{path}: the origin of {name} is no address such as "0x20000000".', _COMPARE) from trouble
    size, tier = entry.get("bytes"), entry.get("tier", OFF_CHIP)
    if not _is_count(size) or size == 0:
        raise InputError(f"{path}: the bytes of {name} are no positive number.", _COMPARE)
    if origin < 0 or origin + size > _LARGEST:
        raise InputError(f"{path}: {name} reaches over the end of a 32-bit address space.", _COMPARE)
    if not _is_count(tier) or tier > OFF_CHIP:
        raise InputError(f"{path}: the tier of {name} is none of 0 (tightly coupled), 1 (on the chip), 2.", _COMPARE)
    fill, through = _fill_cycles(path, name, entry), _goes_through(path, name, entry)
    return Region(name, origin, size, str(entry.get("holds", "")), tier, fill, through)


def _fill_cycles(path: Path, name: str, entry: dict[str, Any]) -> tuple[float, float] | None:
    """`fill_cycles` of a region: a number, or the least and the most."""
    value = entry.get("fill_cycles")
    if value is None:
        return None
    numbers = value if isinstance(value, list) else [value, value]
    if len(numbers) != 2 or not all(_is_cycles(number) for number in numbers) or numbers[0] > numbers[1]:
        raise InputError(
            f"{path}: the fill_cycles of {name} are no number of cycles, and no [least, most].",
            ['write "fill_cycles": 18 or "fill_cycles": [9, 40], or leave them out'],
        )
    return float(numbers[0]), float(numbers[1])


def _goes_through(path: Path, name: str, entry: dict[str, Any]) -> bool:
    """`stores` of a region: `back` to the cache, which is assumed, or `through` it."""
    value = entry.get("stores", "back")
    if value not in ("back", "through"):
        raise InputError(
            f"{path}: the stores of {name} go neither `back` nor `through`.",
            ['write "stores": "through" where the data cache is written through, or leave it out'],
        )
    return bool(value == "through")


def _is_cycles(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST_CYCLES


def _data_cache(path: Path, value: dict[str, Any]) -> int | None:
    size = value.get("data_cache_bytes")
    if size is None:
        return None
    if not _is_count(size) or size not in _CACHES:
        raise InputError(
            f"{path}: data_cache_bytes is no size of a Cortex-M55's data cache.",
            ["write 4096, 8192, 16384, 32768 or 65536, or leave it out"],
        )
    return int(size)


def _object(path: Path, value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    if not isinstance(found, dict) or not all(isinstance(name, str | list) for name in found.values()):
        raise InputError(f"{path} does not say in `{key}` which region takes what.", _COMPARE)
    return found


def _preferences(path: Path, value: dict[str, Any]) -> dict[str, Any]:
    return _object(path, value, "preference") if "preference" in value else {}


def _preferred(path: Path, what: str, names: Any, regions: dict[str, Region]) -> tuple[str, ...]:
    if what not in PLACED or not isinstance(names, list) or not all(_names_one_of(regions, name) for name in names):
        raise InputError(
            f"{path} prefers `{names}` for `{what}`: a list of its regions is wanted.",
            [f"use {', '.join(regions)}, for one of {', '.join(PLACED)}"],
        )
    return tuple(names)


def _names_one_of(regions: dict[str, Region], name: Any) -> bool:
    return isinstance(name, str) and name in regions


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
