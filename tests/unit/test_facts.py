"""Facts of boards: every figure has a source that can be looked up, and wrong files are refused in a sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ocrm55 import boards, facts
from ocrm55.errors import InputError
from ocrm55.facts import Facts

ASKED_FOR = {"alif-e7", "alif-e8", "stm32n657", "apollo510", "himax-we2", "psoc-edge-e84", "m55m1", "corstone300"}
KNOWN = [facts.of(boards.find(name)) for name in boards.names()]


def test_the_boards() -> None:
    assert {board.name for board in KNOWN} >= ASKED_FOR
    assert [board.name for board in facts.known()] == boards.names()


@pytest.mark.parametrize("board", KNOWN, ids=lambda board: board.name)
def test_every_figure_has_a_source(board: Facts) -> None:
    figures = list(board.board.memories.regions)
    figures += ["clock"] if board.clock_mhz is not None else []
    figures += ["npu"] if board.npu else []
    figures += ["data cache"] if board.board.memories.data_cache_bytes is not None else []
    assert not [figure for figure in figures if not board.source(figure)]
    assert set(board.cited.values()) <= set(board.sources)
    assert all(re.match(r"[\w.-]+\.\w+/", text) or "Arm" in text for text in board.sources.values())  # host/path


@pytest.mark.parametrize("board", KNOWN, ids=lambda board: board.name)
def test_what_nobody_states_is_named(board: Facts) -> None:
    waits = [region.fill_cycles for region in board.board.memories.regions.values() if region.is_cached]
    missing = {"fill_cycles"} if None in waits else set()
    missing |= {"clock_mhz"} if board.clock_mhz is None else set()
    missing |= {"data_cache_bytes"} if board.board.memories.data_cache_bytes is None else set()
    assert missing <= set(board.not_stated)


def changed(folder: Path, **changes: object) -> str:
    folder.mkdir()
    own = json.loads(boards.find("apollo510").file.read_text())
    (folder / "board.json").write_text(json.dumps({**own, **changes}))
    return str(folder)


@pytest.mark.parametrize("clock", ["fast", 0, -1, True, 1e9, [400]])
def test_what_is_no_clock(clock: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="clock_mhz is no clock in MHz"):
        facts.of(boards.find(changed(tmp_path / "mine", clock_mhz=clock)))


def test_sources_are_texts_by_their_keys(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`sources` is no object"):
        facts.of(boards.find(changed(tmp_path / "mine", sources=["a book"])))


def test_a_board_of_ones_own_needs_none_of_it(tmp_path: Path) -> None:
    own = json.loads(boards.find("apollo510").file.read_text())
    plain = {key: own[key] for key in ("regions", "placement", "stack_bytes")}
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "board.json").write_text(json.dumps(plain))
    found = facts.of(boards.find(str(folder)))
    assert (found.clock_mhz, found.npu, found.sources, found.source("clock")) == (None, "", {}, "")
