"""The step after scaling: clipping, tables in SHRAM, and the built-in tanh and sigmoid."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrm55.errors import UnsupportedError
from ocrm55.npu_model.arithmetic import Values

TABLE_SLOT = 256  # bytes; eight slots in the last 2 KB of SHRAM

_CLIPS: dict[int, np.dtype[Any]] = {2: np.dtype(np.uint8), 3: np.dtype(np.int8), 5: np.dtype(np.int16)}


class Function(IntEnum):
    """ACTIVATION, bits 4..0."""

    NONE_OR_RELU = 0
    TANH = 3
    SIGMOID = 4
    TABLE_0 = 16


def clip_limits(clip: int, minimum: int, maximum: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The range to clip to: the registers' 16 bits, signed or not as the type is.

    A 32-bit OFM is wider than the registers: without a forced range it is only saturated (Vela leaves the limits of
    16 bits there, and Softmax' intermediate results exceed them).
    """
    forced = _CLIPS.get(clip, dtype)
    info = np.iinfo(forced)
    if forced.itemsize > 2:
        return int(info.min), int(info.max)
    low, high = (_signed16(v) if info.min < 0 else v for v in (minimum, maximum))
    return max(low, int(info.min)), min(high, int(info.max))


def look_up(values: Values, table: NDArray[np.uint8], limits: tuple[int, int], dtype: np.dtype[Any]) -> Values:
    """Table values for clipped values: 256 entries of the OFM's type for 8 bits, 512 of base and slope for 16."""
    if limits[1] - limits[0] < 256 and dtype.itemsize != 2:
        entries = table[: 256 * dtype.itemsize].view(dtype)
        # Entry 0 belongs to the smallest value of the 8-bit type, also for a signed one (judge).
        return entries[values & 0xFF if limits[0] >= 0 else values + 128].astype(np.int64)
    if dtype.itemsize != 2:
        raise UnsupportedError(f"A table for a {8 * dtype.itemsize}-bit OFM without a clip to 8 bits is not modelled.")
    entries = table[:2048].view(np.int16).reshape(512, 2).astype(np.int64)
    position = values - int(np.iinfo(dtype).min)
    base, slope = entries[position >> 7, 0], entries[position >> 7, 1]
    # 7 bits of interpolation, rounded half up, as TensorFlow Lite's generic 16-bit tables do (judge).
    interpolated: Values = base + ((slope * (position & 127) + 64) >> 7)
    return np.clip(interpolated, -32768, 32767)  # Vela's last slope may point outside


def _sigmoid_table() -> Values:
    """65536 * sigmoid(i / 24), raised by half the error of a straight line between two entries; the last is 65535.

    That rule gives the 256 entries behind TensorFlow Lite's 16-bit Logistic and Tanh, which the hardware follows.
    """
    place = np.arange(256)
    at, middle, after = (65536 / (1 + np.exp(-(place + step) / 24)) for step in (0, 0.5, 1))
    table = np.rint(at + (middle - (at + after) / 2) / 2).astype(np.int64)
    table[255] = 65535
    return table


_SIGMOID = _sigmoid_table()


def sigmoid(values: Values) -> Values:
    """0..32767 for an input whose scale is 1 / (3 * 4096), interpolated between the table's entries."""
    magnitude = np.abs(values)
    index = magnitude >> 9
    inner = np.minimum(index, 254)
    result = (_SIGMOID[inner] << 9) + (magnitude & 0x1FF) * (_SIGMOID[inner + 1] - _SIGMOID[inner])
    result = np.where(index >= 255, 0x7FFF << 10, result)
    result = np.where(values >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1)
    return result >> 10


def tanh(values: Values) -> Values:
    """-32768..32767 for the same input scale: 2 * sigmoid(2 x) - 1."""
    magnitude = np.abs(values)
    index = magnitude >> 8
    inner = np.minimum(index, 254)
    result = (_SIGMOID[inner] << 8) + (magnitude & 0xFF) * (_SIGMOID[inner + 1] - _SIGMOID[inner])
    result = np.where(index >= 255, 0xFFFF << 8, result)
    result = np.where(values >= 0, result - (1 << 23) + (1 << 7), -result + (1 << 23) + (1 << 7) - 1)
    return result >> 8


def _signed16(value: int) -> int:
    return value - 0x10000 if value >= 0x8000 else value
