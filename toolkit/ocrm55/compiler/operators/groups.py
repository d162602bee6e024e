"""Convolutions in groups of several channels as plain ones: with zeros for the channels of the other groups."""

from __future__ import annotations

import numpy as np


def is_computed(groups: int, channels: int, outputs: int) -> bool:
    """Whether kernels compute a convolution with these groups as it is: a plain or a depthwise one."""
    return groups == 1 or groups == channels == outputs


def dense(weights: np.ndarray, groups: int) -> np.ndarray:
    """Weights [outputs, channels of a group, height, width] as [outputs, channels, height, width]."""
    outputs, each = weights.shape[:2]
    whole = np.zeros((outputs, each * groups, *weights.shape[2:]), weights.dtype)
    for group in range(groups):
        rows = slice(group * (outputs // groups), (group + 1) * (outputs // groups))
        whole[rows, group * each : (group + 1) * each] = weights[rows]
    return whole
