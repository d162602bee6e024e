"""The real values of a tensor's integers. The quantization room chooses them, lowering and the targets read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LOW, HIGH = -128, 127  # of int8


@dataclass(frozen=True, eq=False)
class Quantization:
    """The real values of a tensor's integers: scale * (integer - zero_point).

    scale: floats, [] if all channels share one, or [channels]; negative for an inverted channel. A float becomes [].
    zero_point: one for all channels, so that a border is one number.
    Raises ValueError for a scale of another kind or shape.
    """

    scale: np.ndarray
    zero_point: int

    def __init__(self, scale: np.ndarray | float, zero_point: int) -> None:
        array = np.asarray(scale)
        if array.dtype.kind != "f" or array.ndim > 1:
            raise ValueError("a scale is a float, or one for each channel")
        object.__setattr__(self, "scale", array)
        object.__setattr__(self, "zero_point", zero_point)

    @property
    def per_channel(self) -> bool:
        """Whether each channel has a scale of its own, even if all are equal."""
        return self.scale.ndim == 1

    @property
    def has_one_step(self) -> bool:
        """Whether all channels have equal scales. Tensors of a program are described only then."""
        return len(np.unique(self.scale)) == 1

    @property
    def step(self) -> float:
        """The scale of all channels. Raises ValueError if they differ."""
        if not self.has_one_step:
            raise ValueError("channels differ in scale")
        return float(self.scale.reshape(-1)[0])

    def __eq__(self, other: object) -> bool:
        """Whether the same integers have the same real values."""
        if not isinstance(other, Quantization):
            return NotImplemented
        return self.zero_point == other.zero_point and np.array_equal(self.scale, other.scale)

    __hash__ = None  # type: ignore[assignment]

    def round_trip(self, values: np.ndarray) -> np.ndarray:
        """`values`, channels first, rounded to int8's steps."""
        scale = self.scale[:, None] if self.per_channel else self.scale
        q = np.clip(np.rint(values / scale) + self.zero_point, LOW, HIGH)
        return (q - self.zero_point) * scale
