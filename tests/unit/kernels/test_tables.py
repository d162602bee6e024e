"""What the compiler prepares for the kernels: tables, folded zero points, packed weights."""

from __future__ import annotations

import numpy as np
import pytest

from ocrm55.compiler.operators.int8 import tables
from ocrm55.compiler.targets.m55 import packing
from tests.unit.kernels.reference.rows import power_of


def hard_swish(v: np.ndarray) -> np.ndarray:
    return v * np.clip(v + 3, 0, 6) / 6


def test_wide_table_is_within_one_step_of_the_function() -> None:
    limit, step, zero = 9.0, 9.4 / 255, -118
    unit = limit / 32768
    real = np.linspace(-1.2 * limit, 1.2 * limit, 100001)
    table = tables.table16(hard_swish, unit, 4, step, zero)
    index = np.clip(np.rint(real / unit), -32768, 32767).astype(np.int64).astype(np.uint16) >> 4
    exact = np.clip(hard_swish(np.clip(real, -limit, limit)) / step + zero, -128, 127)
    assert np.abs(table[index] - exact).max() < 0.6  # 0.5 of rounding, the rest of the table's own step


def test_tables_of_channels_keep_their_own_steps_and_centres() -> None:
    limit, steps = 6.0, np.array([0.02, 0.04, 0.03])
    rows = tables.channel_tables16(hard_swish, limit / 32768, 5, steps, -118, 3.0)
    assert rows.shape == (4 * 2048,) and not rows[3 * 2048 :].any()
    for channel, step in enumerate(steps):
        real = np.linspace(-3, 9, 5001)  # what 12 / 65536 of a step and a centre of 3 reach
        index = np.clip(np.rint((real - 3) / (limit / 32768)), -32768, 32767).astype(np.int64).astype(np.uint16) >> 5
        exact = np.clip(hard_swish(real) / step - 118, -128, 127)
        assert np.abs(rows[channel * 2048 + index] - exact).max() < 0.5 + limit / 2048 * 1.5 / step


def test_narrow_table_is_the_rounded_function() -> None:
    table = tables.table8(hard_swish, 0.05, 3, 0.04, -7)
    for q in (-128, -1, 0, 3, 127):
        assert table[np.uint8(np.int8(q))] == np.clip(np.rint(hard_swish((q - 3) * 0.05) / 0.04) - 7, -128, 127)


def test_powers_of_softmax() -> None:
    powers = tables.softmax_powers(0.5)
    assert powers.dtype == np.float32 and powers[0] == 1
    assert powers[10] == np.float32(np.exp(-5.0))
    assert tables.softmax_powers(1.0)[200] == 0  # never a denormal number


def test_exponential_of_softmax_is_accurate() -> None:
    t = -np.linspace(0, 60, 20001).astype(np.float32)
    assert np.abs(power_of(t) / np.exp(t.astype(np.float64)) - 1).max() < 2e-7


def test_bias_with_zero_point_equals_centred_inputs() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.integers(-127, 128, (5, 40)).astype(np.int8), rng.integers(-128, 128, (7, 40)).astype(np.int8)
    folded = tables.fold_zero_point(w, np.arange(5), 9)
    assert np.array_equal(
        x.astype(int) @ w.T.astype(int) + folded, (x.astype(int) - 9) @ w.T.astype(int) + np.arange(5)
    )
    with pytest.raises(ValueError, match="int32"):
        tables.fold_zero_point(w, [2**31] * 5, 0)


def test_pointwise_stream_is_as_documented() -> None:
    w = np.arange(3 * 20).reshape(3, 20).astype(np.int8)
    stream = packing.pointwise(w, np.array([7, 8, 9], np.int32))
    assert len(stream) == 2 * (32 + 2 * 2 * 16)  # two pairs: bias, two blocks of 16 for two channels
    assert stream[:32].view("<i4").tolist() == [7] * 4 + [8] * 4
    assert np.array_equal(stream[32:48], w[0, :16]) and np.array_equal(stream[48:64], w[1, :16])
    assert stream[64:80].tolist() == [*w[0, 16:].tolist(), *[0] * 12]
    second = stream[96:]
    assert second[:32].view("<i4").tolist() == [9] * 4 + [0] * 4
    assert np.array_equal(second[32:48], w[2, :16]) and not second[48:64].any()


def test_deep_weights_are_split_into_chunks() -> None:
    stream = packing.pointwise(np.ones((4, 520), np.int8), np.zeros(4, np.int32))
    assert len(stream) == 2 * (32 + 32 * 32) + 2 * 32


def test_depthwise_taps_are_padded() -> None:
    assert packing.depthwise(np.ones((3, 1, 3, 3), np.int8)).shape == (3, 16)
    assert packing.depthwise(np.ones((3, 1, 5, 5), np.int8)).sum() == 75
    with pytest.raises(ValueError, match="3x3"):
        packing.depthwise(np.ones((3, 1, 7, 7), np.int8))
