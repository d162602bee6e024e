"""What is wrong with a call is found before the detector runs, which takes seconds on a board."""

from __future__ import annotations

import numpy as np

from tests.unit.tasks.page import c_page

FRAME = c_page.frame_of(np.zeros((20, 30), np.uint8))


def test_a_right_call_runs_once(page: c_page.Page) -> None:
    assert page.find(FRAME) == (c_page.OK, 1)


def test_a_detector_whose_output_is_never_there_whole(page: c_page.Page) -> None:
    assert page.find(FRAME, has_output=False) == (c_page.NETWORK, 0)


def test_a_scratch_that_is_not_aligned(page: c_page.Page) -> None:
    assert page.find(FRAME, misaligned=True) == (c_page.SCRATCH, 0)


def test_a_detector_that_runs_in_steps_is_stopped_behind_any(page: c_page.Page) -> None:
    assert page.find(FRAME, steps=7) == (c_page.OK, 1)  # nobody asks: in one go
    assert [page.find(FRAME, steps=7, stop_at=i) for i in range(1, 8)] == [(c_page.STOPPED, i) for i in range(1, 8)]
    assert page.find(FRAME, steps=7, stop_at=8) == (c_page.OK, 7)


def test_another_detector_is_stopped_before_it_runs(page: c_page.Page) -> None:
    assert page.find(FRAME, stop_at=1) == (c_page.STOPPED, 0)
    assert page.find(FRAME, stop_at=2) == (c_page.OK, 1)
