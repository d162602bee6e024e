"""Boxes of real maps against PaddleOCR's post-processing with OpenCV and pyclipper: make_maps.py wrote both."""

from __future__ import annotations

import json

import cv2
import numpy as np

from ocrm55.tasks.page import rows
from ocrm55.tasks.page.boxes import Box, found
from ocrm55.tasks.page.components import components
from ocrm55.tasks.page.order import ordered
from ocrm55.tasks.page.rectangle import hull, least_rectangle, mean
from tests.unit.tasks.page import c_page
from tests.unit.tasks.page.make_maps import MAPS

PAGES = json.loads((MAPS / "boxes.json").read_text(encoding="utf-8"))


def real_map(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The map, and a frame of its page's size."""
    values = cv2.imread(str(MAPS / f"{name}.png"), cv2.IMREAD_GRAYSCALE).astype(int) - 128
    return values.astype(np.int8), np.broadcast_to(np.uint8(0), PAGES[name]["frame"])


def in_map(box: Box, scaled: rows.Scaling) -> np.ndarray:
    return (box.pixels + 0.5) * 65536 / scaled.step - 0.5


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two convex polygons."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    common = cv2.intersectConvexConvex(a, b)[0]
    return common / (cv2.contourArea(a) + cv2.contourArea(b) - common)


def test_boxes_are_those_of_opencv_and_pyclipper() -> None:
    theirs = ours = alike = 0
    for name, page in PAGES.items():
        values, frame = real_map(name)
        scaled = rows.scaling(frame, values.shape[1], values.shape[0])
        boxes = [in_map(box, scaled) for box in found(values, frame)]
        wanted = [np.array(box) for box in page["boxes"]]
        alike += sum(max((overlap(box, other) for other in boxes), default=0) > 0.8 for box in wanted)
        theirs, ours = theirs + len(wanted), ours + len(boxes)
    assert theirs > 60
    assert alike >= 0.97 * theirs
    assert abs(ours - theirs) <= 0.03 * theirs


def test_c_and_host_find_alike(page: c_page.Page) -> None:
    for name in PAGES:
        values, frame = real_map(name)
        outcome, boxes = page.boxes(values, c_page.Frame(frame.shape[1], frame.shape[0], frame.shape[1], 0, b""))
        assert outcome == c_page.OK
        assert boxes == ordered(found(values, frame))


def test_means_are_those_of_a_filled_polygon() -> None:
    """fillPoly takes corners that are rounded to pixels: in a line of five rows, that is one row more or less."""
    differences = []
    for name in PAGES:
        values, _ = real_map(name)
        for component in components(values, 76):
            r = least_rectangle(hull(component))
            if min(r.lengths) >= 3 * 4096:
                mask = np.zeros(values.shape, np.uint8)
                cv2.fillPoly(mask, [np.round(np.array(r.corners) / 4096).astype(np.int32)], 1)
                wanted = (values[mask > 0].astype(int) + 128).mean() / 256
                differences.append(mean(values, r) / 65536 - wanted)
    assert len(differences) > 60
    assert abs(np.mean(differences)) < 0.01 and np.percentile(np.abs(differences), 95) < 0.08
