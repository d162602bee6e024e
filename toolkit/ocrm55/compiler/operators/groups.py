"""Convolutions in groups as those that kernels compute: with zeros for other groups' channels, or around a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ocrm55.compiler.operators.float32 import DepthwiseConv2d

LARGEST_KERNEL, LARGEST_STRIDE = 5, 2  # of a depthwise convolution


def is_computed(groups: int, channels: int, outputs: int, kernel: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether kernels compute a convolution with these groups as it is: a plain or a depthwise one."""
    fits = max(kernel) <= LARGEST_KERNEL and max(strides) <= LARGEST_STRIDE
    return groups == 1 or (groups == channels == outputs and fits)


def widened(spec: DepthwiseConv2d, weights: np.ndarray) -> tuple[DepthwiseConv2d, np.ndarray]:
    """A depthwise convolution with a window of 3x3 or 5x5: zeros below and on the right of smaller ones."""
    size = 3 if max(spec.kernel) <= 3 else LARGEST_KERNEL
    rows, columns = (size - each for each in spec.kernel)
    top, left, bottom, right = spec.pads
    wide = replace(spec, kernel=(size, size), pads=(top, left, bottom + rows, right + columns))
    return wide, np.pad(weights, ((0, 0), (0, 0), (0, rows), (0, columns)))


def dense(weights: np.ndarray, groups: int) -> np.ndarray:
    """Weights [outputs, channels of a group, height, width] as [outputs, channels, height, width]."""
    outputs, each = weights.shape[:2]
    whole = np.zeros((outputs, each * groups, *weights.shape[2:]), weights.dtype)
    for group in range(groups):
        rows = slice(group * (outputs // groups), (group + 1) * (outputs // groups))
        whole[rows, group * each : (group + 1) * each] = weights[rows]
    return whole
