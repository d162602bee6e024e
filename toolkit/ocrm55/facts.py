"""What a board's file says besides memories: clock, NPU, the maker's SDK, and the public source of every figure.

`boards.py` reads the memories of the same files. A figure without a source is not in them; `not_stated` names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ocrm55 import boards
from ocrm55.boards import Board
from ocrm55.errors import InputError

_MOST_MHZ = 10_000


@dataclass(frozen=True)
class Facts:
    """A board's figures.

    clock_mhz: the fastest clock of its core; None where nobody says. npu: in words, empty for none. sdk: what starts
    it. sources: key -> a public document or file. cited: figure -> key of its source.
    """

    board: Board
    clock_mhz: float | None
    npu: str
    sdk: str
    sources: dict[str, str]
    cited: dict[str, str]
    not_stated: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.board.name

    def source(self, figure: str) -> str:
        """The document of a figure: `clock`, `npu`, `data cache`, or a region's name; empty if none is named."""
        return self.sources.get(self.cited.get(figure, ""), "")


def of(board: Board) -> Facts:
    """The facts of a board's file. Raises InputError for one that says them in another way."""
    value = boards.read_file(board.file)
    clock = value.get("clock_mhz")
    if clock is not None and (
        isinstance(clock, bool) or not isinstance(clock, int | float) or not 0 < clock < _MOST_MHZ
    ):
        raise InputError(f"{board.file}: clock_mhz is no clock in MHz.", ['write "clock_mhz": 400, or leave it out'])
    sources, not_stated = value.get("sources", {}), value.get("not_stated", [])
    if not isinstance(sources, dict) or not isinstance(not_stated, list):
        raise InputError(f"{board.file}: `sources` is no object, or `not_stated` no list.", ["compare it with others"])
    return Facts(
        board,
        clock,
        board.accelerator or str(value.get("other_npu", "")),
        str(value.get("sdk", "")),
        {str(key): str(text) for key, text in sources.items()},
        _cited(value),
        tuple(map(str, not_stated)),
    )


def _cited(value: dict[str, Any]) -> dict[str, str]:
    named = {"clock": "clock_source", "npu": "npu_source", "data cache": "cache_source"}
    cited = {figure: str(value[key]) for figure, key in named.items() if key in value}
    return cited | {each["name"]: str(each["source"]) for each in value["regions"] if "source" in each}


def known() -> list[Facts]:
    """The facts of all boards that come with ocrm55, by name."""
    return [of(boards.find(name)) for name in boards.names()]
