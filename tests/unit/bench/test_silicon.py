"""Estimates beside measurements: what the table, the page and the picture say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ocrm55.bench import silicon
from ocrm55.bench.silicon import Compared, Measured
from ocrm55.cycles.estimate import Cost, Range
from ocrm55.errors import InputError


def row(title: str, measured: int, likely: float, why: str = "", *, unlike: bool = False) -> Compared:
    cost = [Cost(100, likely * share) for share in (0.9, 1.0, 1.1)]
    return Compared(Measured("case", title, 0, measured, "A board: a page", why, unlike), Range(*cost), 0)


ROWS = [row("near", 1000, 1050), row("far", 1000, 1300, "odd"), row("memory", 1000, 700, "slow", unlike=True)]


def test_errors() -> None:
    assert [round(silicon.error(each), 2) for each in ROWS] == [0.05, 0.30, 0.30]
    assert [each.is_close for each in ROWS] == [True, False, False]
    first, second = silicon.sums(ROWS)
    assert "Median error of all 3: 30.0%; 1 of them" in first
    assert "Of the 2 whose code and memory are alike: median 17.5%; 1 within" in second


def test_the_table_names_what_is_off_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    silicon.print_table(ROWS)
    shown = capsys.readouterr().out
    assert "* far: odd" in shown
    assert "* memory: slow" in shown
    assert "* near" not in shown


def test_a_row_says_what_a_line_of_the_cache_costs() -> None:
    """By its own cycles; the others that miss the cache are told with it, and it counts for nothing itself."""
    rows = [row("vector", 2000, 1000), row("matmul", 30_000, 10_000), *ROWS]
    cached = [
        replace(each, measured=replace(each.measured, lines=100 * n)) for each, n in zip(rows, (1, 20), strict=False)
    ]
    cached[0] = replace(cached[0], measured=replace(cached[0].measured, case=silicon._ANCHOR))
    (sentence,) = silicon.waits([*cached, *ROWS])
    assert "costs 10.0 cycles, by the row `vector`" in sentence
    assert "matmul is 1.00, and 2 of the other 4 are within 15%" in sentence
    stand_in = replace(cached[0], measured=replace(cached[0].measured, own="a.c"))
    assert silicon.waits([stand_in, *ROWS]) == []


def test_the_forks_kernels_take_the_librarys_places(tmp_path: Path) -> None:
    wanted = sorted({each.own for each in silicon.MEASURED if each.own})
    theirs = [tmp_path / "Source" / "Some" / name for name in wanted]
    theirs[0].parent.mkdir(parents=True)
    for path in theirs[1:]:
        path.touch()
    library = [Path("library") / name for name in (*wanted, "arm_convolve_s8.c")]
    with pytest.raises(InputError, match=wanted[0]):
        silicon._with_own(library, tmp_path)
    theirs[0].touch()
    assert silicon._with_own(library, tmp_path) == [*theirs, library[-1]]


def test_files(tmp_path: Path) -> None:
    page, drawn = silicon.write(ROWS, tmp_path / "page.md")
    assert "| near | 1,000 | 1.05 k | 1.05 |" in page.read_text()
    assert "| far | 1,000 | 1.30 k | **1.30** |" in page.read_text()
    assert len(list(ElementTree.parse(drawn).iter("{http://www.w3.org/2000/svg}circle"))) == 3


def test_every_case_is_in_the_program() -> None:
    program = (Path(silicon.resources.folder("firmware")) / "bench" / "silicon.c").read_text()
    for each in silicon.MEASURED:
        assert len(re.findall(rf"\bcase_{each.case}\b", program)) == 2, each.case


def test_without_sources_there_is_nothing_to_compare(tmp_path: Path) -> None:
    for path in (None, tmp_path):
        with pytest.raises(InputError, match="no copy of its sources"):
            silicon.measure(path)
