"""The real values of integers: one scale for all channels, or one for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ocrm55.compiler.operators.quantization import Quantization

SCALES = np.array([0.5, 0.25], np.float32)


def test_one_scale_for_all_channels() -> None:
    shared = Quantization(0.5, -3)
    assert (shared.step, shared.per_channel, shared.has_one_step) == (0.5, False, True)
    assert shared == Quantization(np.float32(0.5), -3)
    assert shared != Quantization(0.5, 3)
    np.testing.assert_array_equal(shared.round_trip(np.array([[0.6, 100.0]])), [[0.5, 65.0]])


def test_a_scale_for_each_channel() -> None:
    own = Quantization(SCALES, 0)
    assert own.per_channel
    assert not own.has_one_step
    np.testing.assert_array_equal(own.round_trip(np.array([[0.4], [0.4]])), [[0.5], [0.5]])
    with pytest.raises(ValueError, match="differ in scale"):
        _ = own.step


def test_equal_scales_are_one_step_but_another_quantization() -> None:
    equal = Quantization(np.full(2, 0.5, np.float32), -3)
    assert (equal.step, equal.per_channel) == (0.5, True)
    assert equal != Quantization(0.5, -3)


@pytest.mark.parametrize("scale", ["a word", 1, None, [[0.5]], [0.5, [0.25]]])
def test_a_scale_is_a_float_or_a_row_of_them(scale: Any) -> None:
    with pytest.raises(ValueError):
        Quantization(scale, 0)
