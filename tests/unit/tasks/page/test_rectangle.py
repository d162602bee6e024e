"""Rectangles against OpenCV's convexHull, minAreaRect and fillPoly."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings

from ocrm55.tasks.page.components import components
from ocrm55.tasks.page.rectangle import hull, least_rectangle, mean
from tests.unit.tasks.page import drawn


def points_of(component: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array([(x, row) for row, first, end in component for x in range(first, end)], np.int32)


@settings(max_examples=40, deadline=None)
@given(drawn.maps())
def test_hulls_are_opencvs(values: np.ndarray) -> None:
    for component in components(values, 100)[:20]:
        wanted = {tuple(p) for p in cv2.convexHull(points_of(component))[:, 0].tolist()}
        assert set(hull(component)) >= wanted
        assert len(set(hull(component))) == len(wanted)


@settings(max_examples=40, deadline=None)
@given(drawn.maps())
def test_areas_are_those_of_min_area_rect(values: np.ndarray) -> None:
    for component in components(values, 100)[:20]:
        r = least_rectangle(hull(component))
        sides = np.array(r.lengths) / 4096
        _, wanted, _ = cv2.minAreaRect(points_of(component))
        assert abs(sides.prod() - np.prod(wanted)) <= 0.02 * np.prod(wanted) + 0.05
        corners = np.array(r.corners) / 4096
        assert np.allclose(np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1), [*sides, *sides], atol=0.01)
        inside = cv2.pointPolygonTest
        grown = corners + (corners - corners.mean(axis=0)) * 0.01
        if sides.min() >= 1:
            contour = grown.astype(np.float32)
            assert all(inside(contour, (float(x), float(y)), True) >= -0.02 for x, y in hull(component))


def test_a_plain_rectangle() -> None:
    values = np.full((20, 40), -128, np.int8)
    values[5:11, 3:31] = 127
    r = least_rectangle(hull(components(values, 76)[0]))
    assert [n / 4096 for n in r.lengths] == [27, 5]
    assert [(x / 4096, y / 4096) for x, y in r.corners] == [(3, 5), (30, 5), (30, 10), (3, 10)]
    assert mean(values, r) == 255 * 256
