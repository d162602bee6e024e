"""Multipliers and shifts as in TFLite: scale = multiplier * 2 ** (shift - 31), multiplier in 2^30 .. 2^31 - 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrm55.errors import UnsupportedError

Int32 = npt.NDArray[np.int32]
ADD_SHIFT = 20  # both sides of an addition are shifted left by these bits before they are scaled, as in TFLite
DIFFERENCE_BITS = 5  # integer bits of the argument of exp in TFLite's softmax


def multiplier_and_shift(scales: npt.ArrayLike) -> tuple[Int32, Int32]:
    """The fixed-point form of positive scales; one below 2^-32 becomes 0."""
    fraction, exponent = np.frexp(np.atleast_1d(np.asarray(scales, np.float64)))
    multiplier = np.floor(fraction * 2.0**31 + 0.5)
    carried = multiplier == 2.0**31
    multiplier = np.where(carried, 2.0**30, multiplier)
    exponent = exponent + carried
    vanishes = exponent < -31
    if (exponent > 30).any():
        raise UnsupportedError(
            "a factor between scales exceeds 2^30, for which CMSIS-NN has no shift.", ["--kernels m55"]
        )
    return np.where(vanishes, 0, multiplier).astype(np.int32), np.where(vanishes, 0, exponent).astype(np.int32)


@dataclass(frozen=True)
class Factor:
    """One scale in fixed point."""

    multiplier: int
    shift: int

    @staticmethod
    def of(scale: float) -> Factor:
        multiplier, shift = multiplier_and_shift(scale)
        return Factor(int(multiplier[0]), int(shift[0]))


@dataclass(frozen=True)
class Addition:
    """The factors that bring two int8 tensors to one scale, and the sum to its own."""

    a: Factor
    b: Factor
    y: Factor


def addition(step_a: float, step_b: float, step_y: float) -> Addition:
    """TFLite's preparation of ADD: both sides over twice the larger step."""
    twice = 2 * max(step_a, step_b)
    steps: Sequence[float] = (step_a / twice, step_b / twice, twice / (2.0**ADD_SHIFT * step_y))
    return Addition(*(Factor.of(step) for step in steps))


@dataclass(frozen=True)
class Exponent:
    """The factors from differences of int8 to the argument of exp. least: smaller differences are ignored."""

    factor: Factor
    least: int


def exponent(step: float) -> Exponent:
    """TFLite's preparation of SOFTMAX, beta 1."""
    factor = Factor.of(min(step * 2.0 ** (31 - DIFFERENCE_BITS), 2.0**31 - 1))
    radius = ((1 << DIFFERENCE_BITS) - 1) * 2.0 ** (31 - DIFFERENCE_BITS) / 2.0**factor.shift
    return Exponent(factor, -int(np.floor(radius)))
