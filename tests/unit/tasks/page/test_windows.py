"""Windows of long lines, and where they are joined: C and the host alike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.tasks.page.windows import Reading, join, windows
from tests.unit.tasks.page import c_page

WIDTHS = (96, 160, 320)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_c_and_host_place_windows_alike(page: c_page.Page, data: st.DataObject) -> None:
    width, steps = data.draw(st.sampled_from([(320, 40), (480, 60), (160, 20), (640, 80), (320, 41), (128, 16)]))
    widths = tuple(sorted({w for w in WIDTHS if w < width} | {width}))
    whole = data.draw(st.integers(1, 5000))
    beyond = data.draw(st.integers(0, 255))
    squeeze = data.draw(st.integers(0, 255))
    step, overlap, fitted, firsts = page.windows(width, steps, widths, whole, beyond, squeeze)
    host = windows(width, steps, widths, beyond)
    assert (step, overlap, fitted) == (host.column_step, host.overlap, host.fitted(whole, squeeze))
    if step:
        assert firsts == [host.first(whole, i) for i in range(host.count(whole))]
    else:
        assert steps in (41, 16)


@given(st.integers(1, 9000))
def test_windows_cover_a_line_and_overlap(whole: int) -> None:
    host = windows(320, 40, WIDTHS)
    firsts = [host.first(whole, i) for i in range(host.count(whole))]
    ends = [min(first + 320, whole) for first in firsts]
    assert firsts[0] == 0 and ends[-1] == whole
    assert all(first % 8 == 0 for first in firsts)
    assert all(64 <= end - first for first, end in zip(firsts[1:], ends, strict=False))
    assert all(a < b for a, b in pairwise(firsts))
    assert len(firsts) == 1 or len(firsts) == -(-(whole - 320) // 256) + 1


def test_a_last_window_is_as_narrow_as_the_network_allows() -> None:
    """It reaches back as far as its width has room, less the columns behind it."""
    lines, none, some = (330, 400, 408, 416, 417, 576), windows(320, 40, WIDTHS), windows(320, 40, WIDTHS, 8)
    assert [(none.first(w, 1), w - none.first(w, 1)) for w in lines] == [
        (240, 90), (240, 160), (248, 160), (256, 160), (104, 313), (256, 320),
    ]  # fmt: skip
    assert [(some.first(w, 1), w - some.first(w, 1)) for w in lines] == [
        (248, 82), (248, 152), (256, 152), (96, 320), (104, 313), (256, 320),
    ]  # fmt: skip


@given(st.integers(1, 9000), st.integers(1, 255))
def test_a_squeezed_line_fills_what_it_costs(whole: int, squeeze: int) -> None:
    host = windows(320, 40, WIDTHS, 8)
    fitted, squeezed = host.fitted(whole, squeeze), -(-whole * squeeze // 256)
    assert squeezed <= fitted <= whole
    assert host.count(fitted) == host.count(squeezed)
    last, least = (columns - host.first(columns, host.count(columns) - 1) for columns in (fitted, squeezed))
    assert host.held(last) == host.held(least)
    assert host.fitted(whole, 0) == whole


def test_lines_become_as_narrow_as_a_width_or_a_window_less() -> None:
    host = windows(320, 40, WIDTHS, 8)
    assert [host.fitted(whole, 223) for whole in (80, 95, 101, 102, 300, 330, 367, 368, 500, 700)] == [
        80, 88, 88, 102, 300, 320, 320, 344, 500, 664,
    ]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_c_and_host_join_alike(page: c_page.Page, data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    first, steps = data.draw(st.integers(0, 50)), data.draw(st.integers(20, 40))
    second = first + data.draw(st.integers(1, steps - 5))
    behind = data.draw(st.integers(first, second + 2))
    before = random.random((steps, 3)).astype(np.float32).round(data.draw(st.integers(1, 4)))
    after = random.random((data.draw(st.integers(12, 40)), 3)).astype(np.float32).round(1)
    got = page.join(before, first, after, second, behind)
    assert got == join(Reading(before, first), Reading(after, second), behind)


def test_joined_where_both_are_blank() -> None:
    before, after = np.full((40, 2), 0.1, np.float32), np.full((40, 2), 0.1, np.float32)
    before[34, 0], after[34 - 28, 0] = 0.9, 0.8
    before[36, 0] = after[31 - 28, 0] = 1.0
    assert join(Reading(before, 0), Reading(after, 28), 0) == 34
