"""Turn sums into an activation's output: by limits, by hard-swish, or by tables, with one scale or one per channel."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from ocrm55.compiler.lowering.int8.builder import TRIES, step_of
from ocrm55.compiler.operators.activations import real_function, sigmoid
from ocrm55.compiler.operators.float32 import Activation, Conv2d, DepthwiseConv2d
from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError

TABLE_SHIFT = 3  # 8192 entries: they give an activation's argument to a thirtieth of the output's step
# With fewer products for an output than this, computing hard-swish costs more than the sum itself. A look-up in a table
# of the channel's own costs half. CHANNEL_TABLE_BYTES limits the tables of all channels together.
FEW_PRODUCTS = 32
CHANNEL_TABLE_BYTES = 64 * 1024
SWISH_TABLE_BYTES = 128 * 1024  # if a scale for each channel leaves no other way
FUNCTION_TABLES_BYTES = 32 * 1024  # the same, of any other function


def epilogue_of(
    activation: Activation, step: np.ndarray, quantised: Quantization | None, channels: int
) -> tuple[Epilogue, dict[str, np.ndarray]]:
    """The epilogue for sums whose steps are worth `step`, and its arrays with a value for each channel."""
    if quantised is None:
        if activation.kind != "none":
            raise UnsupportedError(f"no kernel gives {activation.kind} as float32.", TRIES)
        return Epilogue("real", channels), {"scale": step.astype(np.float32)}
    out, zero = quantised.scale.astype(np.float64), quantised.zero_point
    kind = activation.kind
    by_itself = {"hard_swish": activation.offset == 0, "hard_sigmoid": activation.gain == 1}
    if activation.is_affine and not by_itself.get(kind, False):
        return _table(activation, step, quantised, channels)
    if kind in ("none", "relu"):
        low, high = (-128, 127) if kind == "none" else _positive(out, zero)
        return Epilogue("clamp", channels, zero, low, high), {"scale": (step / out).astype(np.float32)}
    if kind == "hard_swish":
        gain = (activation.gain / (6 * out)).astype(np.float32)
        return Epilogue("hard_swish", channels, zero), {"scale": step.astype(np.float32), "gain": gain}
    if kind == "hard_sigmoid":
        return _hard_sigmoid(activation, step, quantised, channels)
    return _table(activation, step, quantised, channels)


def _positive(out: np.ndarray, zero: int) -> tuple[int, int]:
    """The integers of what is not below 0: behind a factor below 0 they lie below the zero point."""
    if (out > 0).all():
        return zero, 127
    if (out < 0).all():
        return -128, zero
    raise UnsupportedError("a factor by channel behind a ReLU has both signs.", TRIES)


def _hard_sigmoid(
    activation: Activation, step: np.ndarray, quantised: Quantization, channels: int
) -> tuple[Epilogue, dict[str, np.ndarray]]:
    """clip(alpha * x + beta, 0, 1) + offset: a requantisation within limits if beta and offset are whole numbers of
    steps, or a table.
    """
    out = step_of(quantised, "hard-sigmoid")
    middle, offset = (activation.beta + activation.offset) / out, activation.offset / out
    if any(abs(each - round(each)) > 1e-3 for each in (middle, offset)):
        return _table(activation, step, quantised, channels)
    ends = (min(max(quantised.zero_point + round(offset + top), -128), 127) for top in (0, 1 / out))
    low, high = sorted(ends)
    epilogue = Epilogue("clamp", channels, quantised.zero_point + round(middle), low, high)
    return epilogue, {"scale": (step / out * activation.alpha).astype(np.float32)}


def _table(
    activation: Activation, step: np.ndarray, quantised: Quantization, channels: int
) -> tuple[Epilogue, dict[str, np.ndarray]]:
    """Any other function, by a table over the sum as int16.

    Beyond the largest output, and below -10, where sigmoid and swish are at most 5e-4, the argument may saturate. Where
    an entry would then be more than a step of the output, it saturates where the output no longer changes.
    """
    out, function = step_of(quantised, "an activation by table"), real_function(activation)
    ends = [(q - quantised.zero_point) * out for q in (-128, 127)]
    highest = max((end - activation.offset) / activation.gain * 1.02 + 0.5 for end in ends)
    reach = max(highest, 10.0)
    if reach / 32768 * (1 << TABLE_SHIFT) > out:
        below = np.linspace(-10, 0, 4001)
        found = tables.quantise(function(below), out, quantised.zero_point)
        reach = max(highest, float(-below[found != found[0]].min(initial=0.0)))
    unit = reach / 32768
    table = tables.table16(function, unit, TABLE_SHIFT, out, quantised.zero_point)
    epilogue = Epilogue("table16", channels, quantised.zero_point, table_shift=TABLE_SHIFT)
    return epilogue, {"scale": (step / unit).astype(np.float32), "table": table}


def prefers_tables(spec: Conv2d, quantised: Quantization) -> bool:
    """Whether hard-swish takes a table for each channel: after few products, and if the tables are exact enough.

    If a channel hardly leaves zero, a step of the output is less than an entry of its table.
    """
    few = not isinstance(spec, DepthwiseConv2d) and spec.channels * prod(spec.kernel) <= FEW_PRODUCTS
    if not few or spec.activation.kind != "hard_swish" or spec.activation.is_affine:
        return False
    low, high, shift = _reach_of_tables(spec.activation, quantised, spec.outputs)
    return bool(((high - low) / 65536 * (1 << shift) <= np.abs(quantised.scale)).all())


def needs_tables(spec: Conv2d, quantised: Quantization) -> bool:
    """Whether a function that needs a table gets a scale of its own for each channel."""
    by_channel = not quantised.has_one_step
    is_swish = spec.activation.kind == "swish" and not spec.activation.is_affine
    return by_channel and (is_swish or spec.activation.kind == "table")


def _reach_of_tables(
    activation: Activation, quantised: Quantization, channels: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """The start and end of each channel's table, and the bits that its index leaves out.

    The int16 range covers the relevant values. It begins at -3, because hard-swish is 0 below, or where swish comes
    within a quarter of a step of 0. It ends where the output ends.
    """
    out = np.abs(quantised.scale.astype(np.float64))
    # An inverted channel has a negative scale.
    ends = np.where(quantised.scale < 0, quantised.zero_point + 128, 127 - quantised.zero_point)
    most = np.maximum(ends * out, 0.1)
    if activation.kind == "swish":  # at least x - 0.279; below its minimum, at -1.28, it returns towards 0
        falling = np.arange(-1.28, -10, -0.01)
        low = np.interp(-out / 4, falling * sigmoid(falling), falling)
        high, room = most + 0.3, SWISH_TABLE_BYTES
    else:  # x (x + 3) / 6 below 3, x above
        low, room = np.full(channels, -3.0), CHANNEL_TABLE_BYTES
        high = np.where(most < 3, (np.sqrt(9 + 24 * most) - 3) / 2, most)
    return low, high, max(int(np.ceil(np.log2(65536 * channels / room))), 2)


def channel_tables(
    activation: Activation, step: np.ndarray, quantised: Quantization, reach: np.ndarray
) -> tuple[Epilogue, dict[str, np.ndarray], np.ndarray]:
    """An activation by a table for each channel, and the amount by which the sums are lowered.

    reach: the largest magnitude of each channel's sums.
    """
    out, channels = quantised.scale.astype(np.float64), len(reach)
    if activation.kind == "table":
        low, high, shift = _spans(real_function(activation), quantised, reach)
    else:
        low, high, shift = _reach_of_tables(activation, quantised, channels)
    centre = np.rint((high + low) / 2 / step)
    unit = (high - low) / 65536
    table = tables.channel_tables16(real_function(activation), unit, shift, out, quantised.zero_point, centre * step)
    stride = 1 << (16 - shift)
    epilogue = Epilogue("table16", channels, quantised.zero_point, table_shift=shift, table_stride=stride)
    return epilogue, {"scale": (step / unit).astype(np.float32), "table": table}, centre.astype(np.int64)


def _spans(
    function: Callable[[np.ndarray], np.ndarray], quantised: Quantization, reach: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """As _reach_of_tables, for any function: where a channel's output changes."""

    def span(step: float, far: float) -> tuple[float, float]:
        return _span(lambda x: tables.quantise(function(x), step, quantised.zero_point), max(far, 1e-6))

    low, high = np.transpose([span(float(step), float(far)) for step, far in zip(quantised.scale, reach, strict=True)])
    return low, high, max(int(np.ceil(np.log2(65536 * len(reach) / FUNCTION_TABLES_BYTES))), TABLE_SHIFT)


def function_table(
    activation: Activation, step: np.ndarray, quantised: Quantization, reach: float
) -> tuple[Epilogue, dict[str, np.ndarray], np.ndarray]:
    """Any function by one table over the sums, which are at most `reach`; and the amount by which they are lowered.

    The table spans the arguments between which the output changes. Beyond these the argument may saturate.
    """
    out, function = step_of(quantised, "an activation by table"), real_function(activation)
    low, high = _span(lambda x: tables.quantise(function(x), out, quantised.zero_point), max(reach, 1e-6))
    middle, unit = (low + high) / 2, (high - low) / 65536
    centre = np.rint(middle / step)
    table = tables.table16(function, unit, TABLE_SHIFT, out, quantised.zero_point, middle)
    epilogue = Epilogue("table16", len(step), quantised.zero_point, table_shift=TABLE_SHIFT)
    return epilogue, {"scale": (step / unit).astype(np.float32), "table": table}, centre.astype(np.int64)


def _span(function: Callable[[np.ndarray], np.ndarray], reach: float) -> tuple[float, float]:
    """The arguments within -reach .. reach below and above which a function gives one integer.

    Their middle is 0 if the function jumps at 0, as a sign does: the sum 0 is frequent, and is exact only without a
    centre to lower it by.
    """
    far = np.geomspace(reach * 2.0**-24, reach, 4096)
    x = np.concatenate([-far[::-1], [0.0], far])
    changes = np.flatnonzero(np.diff(function(x)))
    if not len(changes):
        return -reach, reach
    low, high = float(x[changes[0]]), float(x[changes[-1] + 1])
    room = (high - low) * 0.01 + reach * 2.0**-24
    low, high = low - room, high + room
    around = function(np.array([-far[0], 0.0, far[0]])).astype(np.int32)
    if np.abs(np.diff(around)).max() > 1:
        high = max(high, -low)
        low = -high
    return low, high
