"""Prints what the NPU does, an operation a line, to compare two runs."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from ocrm55 import console
from ocrm55.npu_model.commands import Command


def show(command: Command, name: str, values: NDArray[np.int64] | None) -> None:
    """Print an operation: offset in the stream, name and, except for a copy, the map that it wrote.

    The checksum is of the map's values as 32-bit words, row by row, whatever their layout in memory.
    """
    line = f"{command.offset:#08x} {name}"
    if values is not None:
        shape = " x ".join(map(str, values.shape))
        checksum = zlib.crc32(values.astype("<i4").tobytes())
        line += f": {shape}, {values.min()} to {values.max()}, crc32 {checksum:08x}"
    console.result(line)
