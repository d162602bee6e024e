"""`python -m tests.unit.tasks.page.make_maps DETECTOR.onnx` writes maps/.

These are probability maps of drawn pages, and the boxes that PaddleOCR's post-processing makes of them, with OpenCV and
pyclipper. It needs pyclipper, which no test does.

The detector was PP-OCRv3's for English, in float32 (Apache-2.0).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np

from ocrm55.tasks.page import rows
from ocrm55.tasks.page.boxes import levels

MAPS = Path(__file__).with_name("maps")
PAGES = Path(__file__).resolve().parents[4] / "models" / "calibration_pages"
SIZE = 320  # pixels of each side
THRESHOLD, LEAST_SCORE, UNCLIP, LEAST_SIDE = 0.3, 0.6, 1.5, 3


def ordered_corners(points: np.ndarray) -> tuple[np.ndarray, float]:
    """PaddleOCR's get_mini_boxes: the corners from the top left on, and the shorter side."""
    rectangle = cv2.minAreaRect(points)
    left, lower, upper, right = sorted(cv2.boxPoints(rectangle).tolist(), key=lambda p: p[0])
    left, lower = (left, lower) if lower[1] > left[1] else (lower, left)
    upper, right = (upper, right) if right[1] > upper[1] else (right, upper)
    return np.array([left, upper, right, lower]), min(rectangle[1])


def score(probabilities: np.ndarray, corners: np.ndarray) -> float:
    """box_score_fast: the mean in the polygon of rounded corners."""
    mask = np.zeros(probabilities.shape, np.uint8)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    return float(cv2.mean(probabilities, mask)[0])


def paddle_boxes(probabilities: np.ndarray) -> list[np.ndarray]:
    """The boxes in the map: float [4, 2] each."""
    import pyclipper

    contours, _ = cv2.findContours((probabilities > THRESHOLD).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    boxes = []
    for contour in contours:
        corners, side = ordered_corners(contour)
        if side < LEAST_SIDE or score(probabilities, corners) < LEAST_SCORE:
            continue
        polygon = corners.astype(np.float32)
        distance = cv2.contourArea(polygon) * UNCLIP / cv2.arcLength(polygon, True)
        clipper = pyclipper.PyclipperOffset()
        clipper.AddPath(corners.tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
        grown = clipper.Execute(distance)
        if len(grown) == 1:
            corners, side = ordered_corners(np.array(grown[0], np.float32).reshape(-1, 1, 2))
            if side >= LEAST_SIDE + 2:
                boxes.append(corners)
    return boxes


def main() -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(sys.argv[1])
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    MAPS.mkdir(exist_ok=True)
    wanted = {}
    for path in sorted(PAGES.glob("*.jpg"))[::3]:
        frame = cv2.imread(str(path))
        tensor = (rows.picture(frame, SIZE, SIZE).astype(np.float32) / 255 - mean) / deviation
        output = session.run(None, {session.get_inputs()[0].name: tensor.transpose(2, 0, 1)[None]})[0][0, 0]
        scaled = rows.scaling(frame, SIZE, SIZE)
        seen = np.ascontiguousarray(output[: scaled.used_height, : scaled.used_width])
        cv2.imwrite(str(MAPS / f"{path.stem}.png"), (levels(output).astype(int) + 128).astype(np.uint8))
        boxes = [np.round(box, 2).tolist() for box in paddle_boxes(seen)]
        wanted[path.stem] = {"frame": [*frame.shape[:2]], "boxes": boxes}
    (MAPS / "boxes.json").write_text(json.dumps(wanted).replace("]]], ", "]]],\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
