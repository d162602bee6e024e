"""Scales of a tensor's channels; quantisation chooses them and lowering reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LOW, HIGH = -128, 127  # of int8


@dataclass(frozen=True)
class Scales:
    """The real values of a tensor's integers: scale * (integer - zero_point).

    scale: float32, [] if all channels share one, or [channels]; negative for an inverted channel.
    zero_point: one for all channels, so that a border is one number. A tensor of a program has one scale for all:
    `program.Quantization`.
    """

    scale: np.ndarray
    zero_point: int

    @property
    def per_channel(self) -> bool:
        """Whether each channel has a scale of its own, even if all are equal."""
        return self.scale.ndim == 1

    @property
    def has_one_step(self) -> bool:
        """Whether all channels have equal scales."""
        return len(np.unique(self.scale)) == 1

    @property
    def step(self) -> float:
        """The scale of all channels. Raises ValueError if they differ."""
        if not self.has_one_step:
            raise ValueError("channels differ in scale")
        return float(self.scale.reshape(-1)[0])

    def equals(self, other: Scales) -> bool:
        """Whether the same integers have the same real values."""
        return self.zero_point == other.zero_point and np.array_equal(self.scale, other.scale)

    def round_trip(self, values: np.ndarray) -> np.ndarray:
        """`values`, channels first, rounded to int8's steps."""
        scale = self.scale[:, None] if self.per_channel else self.scale
        q = np.clip(np.rint(values / scale) + self.zero_point, LOW, HIGH)
        return (q - self.zero_point) * scale
