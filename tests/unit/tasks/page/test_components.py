"""Components of a map: C and the host alike, and against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.tasks.page.components import CrowdedError, components, runs
from tests.unit.tasks.page import c_page, drawn


def pixels(component: list[tuple[int, int, int]]) -> set[tuple[int, int]]:
    return {(row, x) for row, first, end in component for x in range(first, end)}


@settings(max_examples=40, deadline=None)
@given(drawn.maps(), st.integers(0, 255))
def test_as_opencv(values: np.ndarray, threshold: int) -> None:
    mask = (values.astype(int) + 128 > threshold).astype(np.uint8)
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    got = components(values, threshold)
    wanted = [set(zip(*(a.tolist() for a in np.nonzero(labels == i)), strict=True)) for i in range(1, count)]
    assert sorted(map(sorted, map(pixels, got))) == sorted(map(sorted, wanted))
    assert [each[0] for each in got] == sorted(each[0] for each in got)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_c_and_host_are_alike(page: c_page.Page, data: st.DataObject) -> None:
    values, threshold = data.draw(drawn.maps()), data.draw(st.integers(0, 255))
    assert page.components(values, threshold, len(runs(values, threshold))) == components(values, threshold)


def test_more_runs_than_room(page: c_page.Page) -> None:
    values = np.full((20, 20), -128, np.int8)
    values[:, ::2] = 127
    assert page.components(values, 76, 200) is not None
    assert page.components(values, 76, 199) is None
    with pytest.raises(CrowdedError, match="200 runs of text, but there is room for 199"):
        components(values, 76, 199)
