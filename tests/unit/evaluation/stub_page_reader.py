"""A reader of pages for tests that needs no model: every white rectangle is a line that says its height."""

from dataclasses import dataclass

import cv2
import numpy as np

from ocrm55.evaluation.page_metrics import Found


@dataclass(frozen=True)
class StubPageReader:
    def open(self) -> "StubPageReader":
        return self

    def read(self, pixels: np.ndarray) -> tuple[list[Found], float]:
        contours, _ = cv2.findContours((pixels[:, :, 0] > 127).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        found = []
        for x, y, width, height in map(cv2.boundingRect, contours):
            corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], np.float32)
            found.append(Found(corners, f"{height} high", 0.5))
        return found, 0.5

    def close(self) -> None:
        """Nothing to remove."""
