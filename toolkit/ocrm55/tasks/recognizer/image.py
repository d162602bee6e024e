"""From the pixels of a picture to the network's input tensor, as PaddleOCR does it.

PaddleOCR scales to height 48 with the ratio kept, maps 0..255 to [-1, 1] and pads on the right with zeros.
Where PaddleOCR widens its input for a line longer than 320:48, the target's input has one fixed size and the line is
squeezed into it.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from ocrm55.normalisation import Normalisation
from ocrm55.pictures import read_image

HEIGHT = 48  # pixels
WIDTH = 320  # pixels
RECOGNIZERS = Normalisation()  # -1 .. 1: what PaddleOCR's RecResizeImg does


def resize(image: np.ndarray, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Scale BGR uint8 [h, w, 3] to `height`, keeping the ratio; a line longer than `width` is squeezed to it.

    Returns uint8 [height, w', 3] with 1 <= w' <= width.
    """
    rows, columns = image.shape[:2]
    wanted = min(width, math.ceil(height * (columns / float(rows))))
    return cv2.resize(image, (wanted, height), interpolation=cv2.INTER_LINEAR)


def normalise(pixels: np.ndarray, width: int = WIDTH, normalisation: Normalisation = RECOGNIZERS) -> np.ndarray:
    """Map uint8 [height, w, 3] BGR, w <= width, to float32 [1, 3, height, width], padded on the right with 0.

    By default ((p / 255) - 0.5) / 0.5, each step rounded to float32: PaddleOCR's operations in PaddleOCR's order, which
    the firmware repeats bit for bit.
    """
    return normalisation.tensor(pixels, len(pixels), width)


def to_tensor(path: Path, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Read an image file and prepare it: float32 [1, 3, height, width]. Raises InputError as read_image does."""
    return normalise(resize(read_image(path), height, width), width)
