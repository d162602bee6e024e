"""From what values a tensor takes to its scale and zero point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ocrm55.compiler.calibration import Histogram

LOW, HIGH = -128, 127
SMALLEST_SCALE = 1e-8
Method = Literal["minmax", "percentile", "mse"]


@dataclass(frozen=True)
class Quantisation:
    """value = scale * (q - zero_point). scale: float32, one or one a channel. zero_point: one for all channels."""

    scale: np.ndarray
    zero_point: int

    @property
    def per_channel(histogram: Histogram) -> Quantisation:
    """A scale for every channel, from its largest value, and one zero point for all: padding is one number then.

    The zero point is the one with the least error relative to the channels' own spread, so that quiet channels count.
    A channel whose values are mostly below 0 is clipped there: covering both ends for it was measured to be worse.
    """
    centres, weights = histogram.centres, histogram.counts / np.maximum(histogram.counts.sum(1, keepdims=True), 1)
    spread = (weights * centres**2).sum(1) - (weights * centres).sum(1) ** 2
    spread += 1e-2 * spread.mean() + 1e-12
    candidates = []
    for zero_point in range(-124, -40, 4):
        scale = np.maximum(histogram.high, 1e-3) / (HIGH - zero_point)
        candidates.append(Quantisation(scale.astype(np.float32), zero_point))
    errors = [((weights * np.square(c.round_trip(centres) - centres)).sum(1) / spread).sum() for c in candidates]
    return candidates[int(np.argmin(errors))]
