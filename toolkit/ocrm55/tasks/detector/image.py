"""From a picture to the pixels of a detector's input."""

from __future__ import annotations

import cv2
import numpy as np

HEIGHT = WIDTH = 320  # pixels of the input, where the user asks for no others
STEP = 32  # pixels: the coarsest map is a thirty-second of the input
# BGR, of ImageNet: what stands below a picture that is too wide. Normalised, it is 0, as the border on the right.
EMPTY = (124, 116, 104)


def size_within(rows: int, columns: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of a picture scaled to the largest size within height x width."""
    if rows * width >= columns * height:
        return height, max(1, min(width, (2 * columns * height + rows) // (2 * rows)))
    return max(1, min(height, (2 * rows * width + columns) // (2 * columns))), width


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale BGR uint8 [h, w, 3] to height rows and at most width columns: its shape is kept, below it is EMPTY."""
    rows, columns = size_within(pixels.shape[0], pixels.shape[1], height, width)
    smaller = rows < pixels.shape[0]
    scaled = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    filled = np.empty((height, columns, 3), np.uint8)
    filled[:rows], filled[rows:] = scaled, EMPTY
    return filled
