"""Convolutions in groups and the plain ones that compute the same."""

from __future__ import annotations

import numpy as np
import pytest

from ocrm55.compiler.operators.groups import dense, is_computed
from tests.unit.compiler.onnx_networks import network, reference

RNG = np.random.default_rng(1)


def convolved(weights: np.ndarray, pads: tuple[int, ...], groups: int, size: list[int]) -> np.ndarray:
    given = {"group": groups, "pads": list(pads), "kernel_shape": list(weights.shape[2:])}
    model = network([1, 6, 7, 9], [("Conv", ["x", "w"], "y", given)], {"w": weights}, [1, len(weights), *size])
    return reference(model, np.random.default_rng(2).normal(size=(1, 6, 7, 9)))


@pytest.mark.parametrize(("groups", "outputs"), [(2, 4), (3, 6), (6, 12)])
def test_dense_weights_give_the_same(groups: int, outputs: int) -> None:
    weights = RNG.normal(size=(outputs, 6 // groups, 3, 3)).astype(np.float32)
    whole = dense(weights, groups)
    assert whole.shape == (outputs, 6, 3, 3)
    pads, size = (1, 1, 1, 1), [7, 9]
    np.testing.assert_allclose(convolved(whole, pads, 1, size), convolved(weights, pads, groups, size), atol=1e-5)


def test_what_kernels_compute() -> None:
    assert is_computed(1, 8, 3)
    assert is_computed(8, 8, 8)
    assert not is_computed(8, 8, 16)
    assert not is_computed(4, 8, 8)
