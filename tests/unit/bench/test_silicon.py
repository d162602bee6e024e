"""Estimates beside measurements: what a line of the cache costs, and what the table, the page and the picture say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ocrm55.bench import silicon
from ocrm55.bench.silicon import Compared
from ocrm55.bench.silicon_cases import MEASURED, Measured, Published
from ocrm55.cycles.estimate import Cost, Range
from ocrm55.errors import InputError, ToolchainError

PAGE = Published("A board: a page", "board", 1024)


def row(title: str, measured: int, likely: float, fills: float = 0, why: str = "") -> Compared:
    cost = [Cost(100, likely * share) for share in (0.9, 1.0, 1.1)]
    return Compared(Measured("case", title, 0, measured, PAGE, why=why), Range(*cost), fills)


ROWS = [row("near", 1000, 1050), row("far", 1000, 1300, why="odd"), row("memory", 1000, 700, 30)]


def test_errors() -> None:
    assert [round(silicon.error(each), 2) for each in ROWS] == [0.05, 0.30, 0.30]
    assert [each.is_close for each in ROWS] == [True, False, False]
    bare, waiting, lines = silicon.sums(ROWS)
    assert "median error of 3 rows is 30.0%, and 1 are within 15%" in bare
    assert "median error is 30.0%, and 1 are within" in waiting
    assert "10.0 on board" in lines


def test_the_table_names_what_is_off_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    silicon.print_table(ROWS)
    shown = capsys.readouterr().out
    assert "* far: odd" in shown
    assert "* memory: no reason is known" in shown
    assert "* near" not in shown


def test_what_a_line_costs_is_said_by_the_other_rows_of_the_board() -> None:
    """A row with 10 cycles a line, one with 20, and one on another board that says nothing here."""
    rows = [row("ten", 2000, 1000, 100), row("twenty", 4000, 2000, 100), row("none", 1000, 1000)]
    other = replace(ROWS[2], measured=replace(ROWS[2].measured, source=replace(PAGE, board="another")))
    found = silicon.with_lines([*rows, other])
    assert [each.line for each in found] == [pytest.approx(20), pytest.approx(10), pytest.approx(12), 0]
    assert [each.ratio for each in found] == [pytest.approx(1.5), pytest.approx(0.75), 1, 0.7]
    assert found[0].cycles == (pytest.approx(2900), pytest.approx(3000), pytest.approx(3100))
    assert found[0].bare_ratio == 0.5


def test_a_line_costs_nothing_where_estimates_are_too_high() -> None:
    assert silicon.cost_of_line([row("high", 1000, 1200, 10)]) == 0
    assert silicon.cost_of_line([row("no lines", 1000, 900)]) == 0


def test_the_forks_kernels_take_the_librarys_places(tmp_path: Path) -> None:
    wanted = sorted({each.own for each in MEASURED if each.own})
    theirs = [tmp_path / "Source" / "Some" / name for name in wanted]
    theirs[0].parent.mkdir(parents=True)
    for path in theirs[1:]:
        path.touch()
    library = [Path("library") / name for name in (*wanted[:3], "arm_convolve_s8.c")]
    with pytest.raises(InputError, match=wanted[0]):
        silicon.with_own(library, tmp_path)
    theirs[0].touch()
    assert silicon.with_own(library, tmp_path) == [library[-1], *theirs]


def test_files(tmp_path: Path) -> None:
    page, drawn = silicon.write(ROWS, tmp_path / "page.md")
    assert "| near | 1,000 | 1.05 |  | 1.05 |" in page.read_text()
    assert "| far | 1,000 | 1.30 |  | **1.30** |" in page.read_text()
    assert "| memory | 1,000 | 0.70 | 30 | **0.70** |" in page.read_text()
    assert len(list(ElementTree.parse(drawn).iter("{http://www.w3.org/2000/svg}circle"))) == 3


def test_the_program_runs_the_cases_in_the_order_of_the_measurements() -> None:
    """The counter of blocks tells them apart by their place."""
    program = (Path(silicon.resources.folder("firmware")) / "bench" / "silicon.c").read_text()
    lists = re.findall(r"\*const in_\w+\[\]\)\(void\) = \{(.*?)\};", program, re.DOTALL)
    assert [name for each in lists for name in re.findall(r"\bcase_(\w+)", each)] == [each.case for each in MEASURED]


def test_each_measurement_is_of_a_board_that_is_described() -> None:
    described = {path.stem for path in silicon.boards.described().glob("*.json")}
    assert {each.source.board for each in MEASURED} <= described


def test_without_sources_there_is_nothing_to_compare(tmp_path: Path) -> None:
    for path in (None, tmp_path):
        with pytest.raises(InputError, match="no copy of its sources"):
            silicon.measure(path)


@pytest.mark.parametrize(("program", "words"), [("/no/such/gcc", "cannot be run"), ("/bin/true", "is no GCC for Arm")])
def test_what_is_no_compiler_is_refused(program: str, words: str) -> None:
    with pytest.raises(ToolchainError, match=words):
        silicon.version(program)
