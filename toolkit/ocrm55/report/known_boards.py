"""The boards that ocrm55 knows as tables of 80 columns and as values: what fits where, and about how long it takes.

The figures are those of `known_boards.json`, which `ocrm55 boards --measure --record FILE` writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrm55 import console, facts
from ocrm55.errors import InputError
from ocrm55.facts import Facts
from ocrm55.files import read_text
from ocrm55.report import figures

RECORD = Path(__file__).with_suffix(".json")
MODELS = ("bundled", "fast")
COLUMNS = ("board", "MHz", "NPU", "bundled, ms", "+", "fast, ms", "+", "pages")
_PLACES = {
    "arena": "arena",
    "weights": "weights",
    "hot_weights": "weights that are read most often",
    "far_weights": "weights that are read least often",
}


@dataclass(frozen=True)
class Time:
    """An inference on a board. cycles: least, likely and most, with the waits that the board's file states.

    milliseconds: the same at the board's clock; None where no clock is stated. lines: least and most line fetches of
    memories for which the file states no wait.
    """

    cycles: tuple[float, float, float]
    milliseconds: tuple[float, float, float] | None
    lines: tuple[int, int]

    @property
    def words(self) -> str:
        """`310-340`, in ms; `124-136 M` cycles without a clock."""
        if self.milliseconds is None:
            return f"{self.cycles[0] / 1e6:.0f}-{self.cycles[2] / 1e6:.0f} M"
        digits = 0 if self.milliseconds[1] >= 99.5 else 1
        return f"{self.milliseconds[0]:.{digits}f}-{self.milliseconds[2]:.{digits}f}"


def record(file: Path = RECORD) -> dict[str, Any]:
    """Board -> its row. Raises InputError for a file that is no record."""
    try:
        value = json.loads(read_text(file))
        return dict(value["boards"])
    except (OSError, ValueError, KeyError, TypeError) as trouble:
        raise InputError(f"{file} is no record of boards.", ["ocrm55 boards --measure --record FILE"]) from trouble


def time_of(board: Facts, row: Mapping[str, Any]) -> Time:
    """row: of a recognizer that fits."""
    low, high, lines = 0.0, 0.0, (0, 0)
    for name, (fewest, most) in row["line_fills"].items():
        cost = board.board.memories.regions[name].fill_cycles
        if cost is None:
            lines = lines[0] + fewest, lines[1] + most
        else:
            low, high = low + fewest * cost[0], high + most * cost[1]
    least, likely, most_cycles = row["cycles"]
    cycles = (least + low, likely + (low + high) / 2, most_cycles + high)
    clock = board.clock_mhz
    ms = None if clock is None else (cycles[0] / clock / 1e3, cycles[1] / clock / 1e3, cycles[2] / clock / 1e3)
    return Time(cycles, ms, lines)


def _a_cycle(board: Facts, time: Time) -> str:
    """Milliseconds for each cycle that the fetch of a line costs; empty where nothing is left open, or no clock."""
    if board.clock_mhz is None or not time.lines[1]:
        return ""
    return f"{time.lines[1] / board.clock_mhz / 1e3:.2g}"


def show(rows: Mapping[str, Any]) -> None:
    """Print a row for each board that is known and on record."""
    listed = [_row(each, rows[each.name]) for each in facts.known() if each.name in rows]
    console.table("", COLUMNS, listed, right=("MHz", "bundled, ms", "+", "fast, ms"))
    console.result()
    for line in (
        "ms: one inference where memory waits for nobody, from least to most.",
        "+: ms more for each cycle that the core waits for a line of its data cache.",
        "Without a clock, M are millions of cycles. pages: networks with which it fits.",
        "Estimates; nothing was timed on silicon. More: ocrm55 boards NAME",
    ):
        console.paragraph(line)


def _row(board: Facts, row: Mapping[str, Any]) -> tuple[str, ...]:
    cells: list[str] = []
    for model in MODELS:
        found = row["recognizers"][model]
        if "refused" in found:
            cells += ["too large", ""]
        else:
            time = time_of(board, found)
            cells += [time.words, _a_cycle(board, time)]
    pages = [model for model in MODELS if "refused" not in row["pages"][model]]
    clock = "?" if board.clock_mhz is None else f"{board.clock_mhz:g}"
    return (board.name, clock, _npu(board), *cells, ", ".join(pages) or "none")


def _npu(board: Facts) -> str:
    """`U55-256`; `U55-?` and `other` for those that nothing is compiled for."""
    if board.board.accelerator:
        return board.board.accelerator.removeprefix("ethos-").upper()
    if "U55" in board.npu:
        return "U55-?"
    return "other" if board.npu else ""


def show_one(board: Facts, row: Mapping[str, Any] | None) -> None:
    """Print all that is known of a board: memories with their sources, what fits, and what would help."""
    _folded(board.board.title)
    clock = "not stated" if board.clock_mhz is None else f"{board.clock_mhz:g} MHz"
    console.result(f"clock      {clock}")
    _folded(f"NPU        {board.npu or 'none'}")
    cache = board.board.memories.data_cache_bytes
    console.result(f"data cache {'not stated' if cache is None else figures.size(cache)}")
    _folded(f"started by {board.sdk or 'our firmware'}")
    regions = board.board.memories.regions.values()
    table = [
        (r.name, f"{r.origin:#010x}", figures.size(r.size), str(r.tier), board.cited.get(r.name, "")) for r in regions
    ]
    console.table("", ("memory", "address", "size", "tier", "source"), table, right=("size",))
    for model in MODELS if row is not None else ():
        console.result()
        _show_program(board, model, row["recognizers"][model], row["pages"][model])  # type: ignore[index]
        if "npu" in row:  # type: ignore[operator]
            _show_on_npu(row["npu"][model])  # type: ignore[index]
    console.result()
    for what in board.not_stated:
        _folded(f"not stated: {what}")
    for key, text in board.sources.items():
        _folded(f"[{key}] {text}")


def _folded(text: str) -> None:
    console.paragraph(text, most=80)


def _show_program(board: Facts, model: str, found: Mapping[str, Any], page: Mapping[str, Any]) -> None:
    if "refused" in found:
        _folded(f"{model}: {found['refused']}")
        for way in found["tries"]:
            _folded(f"  try: {way}")
        return
    time = time_of(board, found)
    least, likely, most = (figures.short(each) for each in time.cycles)
    _folded(f"{model}: {least} to {most} cycles, likely {likely}")
    if time.milliseconds is not None:
        low, middle, high = time.milliseconds
        _folded(f"  {low:.3g} to {high:.3g} ms at {board.clock_mhz:g} MHz, likely {middle:.3g} ms")
    if time.lines[1]:
        lines = " to ".join(figures.short(each) for each in sorted(set(time.lines)))
        _folded(f"  and the waits for {lines} lines of the data cache")
    for what, (region, size) in found["places"].items():
        _folded(f"  {region:<10} {size:>10,} bytes of {_PLACES[what]}")
    _folded(f"  pages: {page.get('refused', 'fit too')}")


def _show_on_npu(found: Mapping[str, Any]) -> None:
    if "refused" in found:
        _folded(f"  on the NPU: {found['refused']}")
        return
    share = found["npu_macs"] / found["macs"]
    _folded(f"  on the NPU: {share:.1%} of the {figures.MACS}; Vela {found['vela']} estimates")
    _folded(f"    {figures.short(found['vela_cycles'])} cycles of the NPU for them, not measured")
    for what, (region, size) in found["places"].items():
        _folded(f"    {region:<10} {size:>10,} bytes of {_PLACES[what]}")


def values(rows: Mapping[str, Any], names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Everything for programs: of the boards named, or of all."""
    found = []
    for board in facts.known():
        if names and board.name not in names:
            continue
        regions = [
            {"name": r.name, "origin": r.origin, "bytes": r.size, "tier": r.tier, "fill_cycles": r.fill_cycles}
            | {"source": board.source(r.name) or None}
            for r in board.board.memories.regions.values()
        ]
        found.append(
            {
                "name": board.name,
                "title": board.board.title,
                "clock_mhz": board.clock_mhz,
                "clock_source": board.source("clock") or None,
                "npu": board.npu or None,
                "npu_source": board.source("npu") or None,
                "data_cache_bytes": board.board.memories.data_cache_bytes,
                "sdk": board.sdk or None,
                "regions": regions,
                "not_stated": list(board.not_stated),
                "estimate": None if board.name not in rows else _values(board, rows[board.name]),
            }
        )
    return found


def _values(board: Facts, row: Mapping[str, Any]) -> dict[str, Any]:
    recognizers = {}
    for model, found in row["recognizers"].items():
        recognizers[model] = dict(found)
        if "refused" not in found:
            time = time_of(board, found)
            recognizers[model] |= {"milliseconds": time.milliseconds, "lines_without_a_wait": time.lines}
    return {**row, "recognizers": recognizers}
