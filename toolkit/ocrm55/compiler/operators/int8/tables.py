"""Tables and constants that are part of an operator's meaning, for every target. Packing for a kernel belongs to its
target. The input's zero point is already folded into the int32 biases (`fold_zero_point`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


def fold_zero_point(weights: Int8, bias: npt.ArrayLike, zero_point: int) -> Int32:
    """bias - zero_point * sum(w): the bias for a kernel that multiplies x itself and pads with the zero point."""
    sums = weights.reshape(weights.shape[0], -1).astype(np.int64).sum(1)
    folded = np.asarray(bias, np.int64) - zero_point * sums
    if np.abs(folded).max(initial=0) > 2**31 - 1:
        raise ValueError("a bias exceeds int32")
    return folded.astype(np.int32)


def pad_channels(values: npt.NDArray, multiple: int = 4) -> npt.NDArray:
    """Zeros behind the last channel, up to a multiple."""
    return np.pad(values, [(0, -len(values) % multiple)] + [(0, 0)] * (values.ndim - 1))


def softmax_powers(step: float) -> Float32:
    """exp(-d * step) for d = 0 .. 255, for softmax of int8; tiny values become 0."""
    powers = np.exp(-np.arange(256) * np.float64(np.float32(step)))
    return np.where(powers < 1e-28, 0, powers).astype(np.float32)


def table8(
    function: Callable[[npt.NDArray], npt.NDArray], scale_in: float, zero_in: int, scale_out: float, zero_out: int
) -> Int8:
    """256 entries: quantise(function(dequantise(q))), indexed by q in two's complement."""
    q = np.arange(256).astype(np.uint8).view(np.int8).astype(np.float64)
    return quantise(function((q - zero_in) * scale_in), scale_out, zero_out)


def table16(
    function: Callable[[npt.NDArray], npt.NDArray],
    unit: float,
    shift: int,
    scale_out: float,
    zero_out: int,
    centre: float = 0.0,
) -> Int8:
    """1 << (16 - shift) entries for TABLE16: a sum becomes int16 in steps of `unit`, its upper bits index the table.

    Each entry is the function at the middle of the steps that share it. `centre`: the argument of a sum of 0, after the
    bias was lowered by it. So a function that is flat on one side spends no entries there.

    If a centre of 0 leaves the argument 0 exact, its entry is the function at 0 where the function jumps there: a blank
    picture gives many such sums.
    """
    index = np.arange(1 << (16 - shift))
    signed = np.where(index < len(index) // 2, index, index - len(index)).astype(np.float64)
    middle = signed * (1 << shift) + ((1 << shift) - 1) / 2
    table = quantise(function(middle * unit + centre), scale_out, zero_out)
    if centre == 0:
        at_zero = quantise(function(np.zeros(1)), scale_out, zero_out)
        if abs(int(at_zero[0]) - int(table[0])) > 1:
            table[0] = at_zero[0]
    return table


def channel_tables16(
    function: Callable[[npt.NDArray], npt.NDArray],
    units: npt.ArrayLike,
    shift: int,
    scales_out: npt.ArrayLike,
    zero_out: int,
    centres: npt.ArrayLike = 0.0,
) -> Int8:
    """A TABLE16 for each channel, one after the other, padded to 4 channels; table_stride is the length of one."""
    units, scales_out, centres = np.broadcast_arrays(units, scales_out, centres)
    each = zip(units.tolist(), scales_out.tolist(), centres.tolist(), strict=True)
    tables = [table16(function, unit, shift, step, zero_out, centre) for unit, step, centre in each]
    return pad_channels(np.stack(tables)).reshape(-1)


def quantise(values: npt.NDArray, step: float, zero_point: int) -> Int8:
    """Real numbers as int8 of one scale."""
    return np.clip(np.rint(values / step) + zero_point, -128, 127).astype(np.int8)
