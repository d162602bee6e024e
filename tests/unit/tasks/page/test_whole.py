"""Which way up a page lies: lines that seemed upright on a page upside down are read again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ocrm55.tasks.page import whole
from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.lines import Line
from ocrm55.tasks.page.options import DEFAULTS, Options
from tests.unit.tasks.page import c_page

FRAME = np.zeros((8, 8), np.uint8)


def box(number: int) -> Box:
    x = 10 * number
    return Box(((x, 0), (x + 8, 0), (x + 8, 4), (x, 4)), line=number)


class Reads:
    """In place of lines.read: what each box says in turn; keeps how it was asked."""

    def __init__(self, *lines: Line) -> None:
        self.lines = list(lines)
        self.asked: list[tuple[tuple[int, int], int, bool]] = []

    def __call__(self, _: object, __: object, box: Box, options: Options, *, likely_upside_down: bool = False) -> Line:
        self.asked.append((box.corners[0], options.sure, likely_upside_down))
        return self.lines.pop(0)


class Nothing:
    height, windows, parts_fit = 8, None, True


def up(classes: list[int]) -> Line:
    return Line(classes, 0.9, 1)


def down(classes: list[int]) -> Line:
    return Line(classes, 0.9, 1, upside_down=True)


def test_lines_that_seemed_upright_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(down([1]), up([2]), down([3]), up([4]), down([5]), up([6]), up([]))
    monkeypatch.setattr(whole.lines, "read", reads)
    texts, upside_down = whole.read(Nothing(), FRAME, [box(i) for i in range(5)])
    assert upside_down
    assert [each.line.classes for each in texts] == [[1], [6], [3], [4], [5]]  # the last one gave nothing
    assert [each.box.corners[0][1] for each in texts] == [4, 4, 4, 0, 4]
    assert [each.box.line for each in texts] == list(range(5))
    sure = DEFAULTS.sure
    firsts = [((10 * i, 0), sure, leans) for i, leans in enumerate((False, False, False, True, False))]
    assert reads.asked == [*firsts, ((18, 4), 0, False), ((38, 4), 0, False)]


def test_what_cannot_be_read_stands_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a page of specks, one line that is sure says more than four that are not."""
    reads = Reads(*(replace(down([1]), score=0.7) for _ in range(4)), up([2]))
    monkeypatch.setattr(whole.lines, "read", reads)
    texts, upside_down = whole.read(Nothing(), FRAME, [box(i) for i in range(5)])
    assert not upside_down and texts[4].line.classes == [2]
    assert not any(likely for _, _, likely in reads.asked)


def test_a_page_that_stands_upright_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(down([1]), up([2]), down([3]), up([4]))
    monkeypatch.setattr(whole.lines, "read", reads)
    texts, upside_down = whole.read(Nothing(), FRAME, [box(i) for i in range(4)])
    assert not upside_down and len(reads.asked) == 4
    assert [each.line.classes for each in texts] == [[1], [2], [3], [4]]
    assert whole.read(Nothing(), FRAME, []) == ([], False)


def test_certain_lines_decide_which_way_up_a_page_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """After three of them no other way is tried, unless one of them stood the other way."""
    said = [Line([1], score, 1) for score in (0.96, 0.94, 0.96, 0.99, 0.2, 0.3)]
    for lines, tried in ((said, 4), ([down([1]), *said], 5), ([replace(down([1]), score=0.96), *said], 7)):
        reads = Reads(*lines)
        monkeypatch.setattr(whole.lines, "read", reads)
        whole.read(Nothing(), FRAME, [box(i) for i in range(len(lines))])
        assert [sure for _, sure, _ in reads.asked] == [DEFAULTS.sure] * tried + [0] * (len(lines) - tried)


def test_the_firmware_has_room_for_as_many_runs() -> None:
    """Whatever the size of its scratch, which a recognizer of many classes makes larger."""
    main = (c_page.FIRMWARE / "page/main.c").read_text()
    assert "LARGER(4096, DETECTOR_INPUT_WIDTH * DETECTOR_INPUT_HEIGHT / 16)" in main
    assert "RUNS SMALLER(MOST_RUNS, 65535)" in main
    assert "how, memory->scratch, FIND_BYTES, memory->boxes," in main
    rooms = {size: whole.run_room(size * size) for size in (32, 320, 2048)}
    assert rooms == {32: 4096, 320: 6400, 2048: 65535}
