"""`ocrm55 boards`: the record belongs to the boards' files, and its tables fit a terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocrm55 import boards, cli, facts
from ocrm55.cycles import pipeline
from ocrm55.errors import InputError
from ocrm55.files import digest
from ocrm55.report import known_boards

ROWS = known_boards.record()
RECOGNIZER = {"cycles": [100_000_000, 110_000_000, 120_000_000], "line_fills": {"MRAM": [1000, 2000]}}


@pytest.mark.parametrize("name", boards.names())
def test_the_record_is_of_the_board_s_file(name: str) -> None:
    """After a change: ocrm55 boards --measure --record toolkit/ocrm55/report/known_boards.json."""
    assert ROWS[name]["file"] == digest([boards.find(name).file])
    assert ROWS[name]["model"] == pipeline.VERSION


def test_what_is_recorded_lies_inside_its_memories() -> None:
    for name, row in ROWS.items():
        regions = boards.find(name).memories.regions
        for program in (*row["recognizers"].values(), *row["pages"].values()):
            taken = dict.fromkeys(regions, 0)
            for region, size in program.get("places", {}).values():
                taken[region] += size
            assert all(size <= regions[region].size for region, size in taken.items()), name


def test_boards_whose_npu_is_known_have_its_figures_too() -> None:
    known = [name for name in ROWS if boards.find(name).accelerator]
    assert known == [name for name in ROWS if "npu" in ROWS[name]] != []
    for name in known:
        regions = boards.find(name).memories.regions
        for found in ROWS[name]["npu"].values():
            if "refused" not in found:
                assert found["npu_macs"] <= found["macs"] <= found["vela_cycles"] * 256
                assert all(size <= regions[region].size for region, size in found["places"].values())
    assert "cycles of the NPU for them, not measured" in said(known[0])


def test_a_network_that_the_npu_s_memories_do_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    known_boards._show_on_npu({"refused": "the arena takes 7 bytes, and 6 are there.", "tries": []})
    assert capsys.readouterr().out == "  on the NPU: the arena takes 7 bytes, and 6 are there.\n"


def said(*words: str) -> str:
    done = CliRunner().invoke(cli.app, ["boards", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_list_fits_a_terminal() -> None:
    lines = said().splitlines()
    assert max(map(len, lines)) <= 80
    for name in boards.names():
        assert any(line.startswith(name) for line in lines)


@pytest.mark.parametrize("name", boards.names())
def test_so_does_what_is_known_of_one(name: str) -> None:
    """But for an address, or a path, that has no space to fold at."""
    assert all(len(line) <= 80 or " " not in line.strip() for line in said(name).splitlines())


def test_the_page_in_the_docs_has_the_recorded_times() -> None:
    page = (Path(__file__).parents[3] / "docs" / "boards.md").read_text(encoding="utf-8")
    for name, row in ROWS.items():
        line = next(line for line in page.splitlines() if line.startswith(f"| {name} | "))
        for found in row["recognizers"].values():
            words = (
                "too large" if "refused" in found else known_boards.time_of(facts.of(boards.find(name)), found).words
            )
            assert words in line
        for found in row.get("npu", {}).values():
            assert f"{found['vela_cycles']:,}" in page


def test_a_board_that_is_too_small_says_what_would_help() -> None:
    found = said("m55m1")
    assert "bundled: the weights take" in found
    assert "try: --model fast" in found
    assert "fast: " in found
    assert "[ld] github.com/OpenNuvoton" in found


def test_json_has_the_sources() -> None:
    (board,) = json.loads(said("apollo510", "--json"))
    assert board["clock_mhz"] == 250
    assert "apollo510_evb" in board["clock_source"]
    assert all(region["source"] for region in board["regions"])
    assert len(json.loads(said("--json"))) == len(boards.names())


def test_waits_that_a_file_states_are_in_the_time() -> None:
    board = facts.of(boards.find("apollo510"))
    without = known_boards.time_of(board, RECOGNIZER)
    assert without.milliseconds == pytest.approx((400, 440, 480))
    assert without.lines == (1000, 2000)
    regions = dict(board.board.memories.regions)
    regions["MRAM"] = replace(regions["MRAM"], fill_cycles=(10.0, 1000.0))
    stated = replace(board, board=replace(board.board, memories=replace(board.board.memories, regions=regions)))
    waited = known_boards.time_of(stated, RECOGNIZER)
    assert waited.cycles == (100_010_000, 111_005_000, 122_000_000)
    assert waited.lines == (0, 0)


def test_without_a_clock_there_are_cycles() -> None:
    board = replace(facts.of(boards.find("himax-we2")), clock_mhz=None)
    time = known_boards.time_of(board, {**RECOGNIZER, "line_fills": {}})
    assert (time.milliseconds, time.words) == (None, "100-120 M")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"boards": 7}'])
def test_what_is_no_record(text: str, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(InputError, match="is no record of boards"):
        known_boards.record(tmp_path / "record.json")


def test_a_board_may_be_named_in_capitals() -> None:
    done = [CliRunner().invoke(cli.app, ["boards", name]) for name in ("STM32N657", "stm32n657")]
    assert done[0].exit_code == 0
    assert done[0].output == done[1].output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(["nobody"], "there is no board `nobody`"), (["--record", "x"], "so it needs --measure")],
)
def test_wrong_options_are_refused(words: list[str], sentence: str) -> None:
    done = CliRunner().invoke(cli.app, ["boards", *words])
    assert done.exit_code == InputError.exit_code
    assert sentence in done.output
