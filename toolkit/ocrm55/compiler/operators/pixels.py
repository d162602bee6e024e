"""The table from the bytes of a picture to the input tensor of a program; the target and the host read the same one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ocrm55.compiler.operators.program import Tensor
from ocrm55.normalisation import Normalisation


@dataclass(frozen=True)
class PixelTable:
    """The value of every byte in the input tensor, [channels, 256]; the value behind a picture's end; both in words."""

    values: np.ndarray
    padding: np.generic
    meaning: str


def pixel_table(tensor: Tensor, normalisation: Normalisation) -> PixelTable:
    """The table of an input tensor. The values are the host's own and cannot differ from it."""
    values, border = normalisation.values, np.array([normalisation.border], np.float32)
    if tensor.quantization is None:
        return PixelTable(values, border[0], normalisation.meaning)
    scale, zero_point = np.float32(tensor.quantization.step), tensor.quantization.zero_point
    limits = np.iinfo(tensor.dtype)

    def integers(real: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # what is too large saturates
            return np.clip(np.rint(real / scale) + zero_point, limits.min, limits.max).astype(tensor.dtype)

    meaning = f"{normalisation.meaning[:-1]}, over {scale:.9g}, plus {zero_point}."
    return PixelTable(integers(values), integers(border)[0], meaning)
