"""A frame as a detector's input: firmware/tasks/page/rows.c. A frame is uint8, BGR [h, w, 3] or grey [h, w]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ocrm55.tasks.page.options import DEFAULTS, Options


@dataclass(frozen=True)
class Scaling:
    """How a frame lies in an input of [height, width]: at its top left; the rest is padding."""

    width: int
    height: int
    used_width: int
    used_height: int
    step: int  # pixels of the frame for one of the input, in 1/65536


def scaling(frame: np.ndarray, width: int, height: int) -> Scaling:
    """The largest scale at which the frame fits."""
    rows, columns = frame.shape[:2]
    step = max(-(-columns * 65536 // width), -(-rows * 65536 // height))
    used = [(side * 65536 + step // 2) // step for side in (columns, rows)]
    return Scaling(width, height, min(max(used[0], 1), width), min(max(used[1], 1), height), step)


def picture(frame: np.ndarray, width: int, height: int, options: Options = DEFAULTS) -> np.ndarray:
    """The input's pixels: uint8 [height, width, 3], BGR."""
    scaled = scaling(frame, width, height)
    out = np.empty((height, width, 3), np.uint8)
    out[:] = np.array(options.padding, np.uint8)
    x = np.arange(scaled.used_width, dtype=np.int64) * scaled.step + ((scaled.step - 65536) >> 1)
    y = np.arange(scaled.used_height, dtype=np.int64) * scaled.step + ((scaled.step - 65536) >> 1)
    out[: scaled.used_height, : scaled.used_width] = sampled(frame, x[None, :], y[:, None])
    return out


def sampled(frame: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The frame at places in 1/65536 pixel, between its pixels by 256ths: uint8 of their shape, and BGR.

    Outside, the frame's nearest pixel counts.
    """
    bottom, right = frame.shape[0] - 1, frame.shape[1] - 1
    left, upper = x >> 16, y >> 16
    columns = [np.clip(left, 0, right), np.clip(left + 1, 0, right)]
    rows = [np.clip(upper, 0, bottom), np.clip(upper + 1, 0, bottom)]
    fx, fy = x >> 8 & 255, y >> 8 & 255
    if frame.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    a, b, c, d = (frame[row, column].astype(np.int32) for row in rows for column in columns)
    top, bottom_value = a * 256 + (b - a) * fx, c * 256 + (d - c) * fx
    mixed = ((top * 256 + (bottom_value - top) * fy + 32768) >> 16).astype(np.uint8)
    return mixed if frame.ndim == 3 else np.repeat(mixed[..., None], 3, axis=-1)
