"""int4 weights: rounding that keeps a layer's sums, and which layers have them for the loss that is named."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest

from ocrm55.compiler.quantization import calibration, int4, int4_rounding
from ocrm55.compiler.quantization.int4_rounding import LEAST, MOST, Inputs
from ocrm55.tasks.recognizer.task import Merit
from tests.unit.compiler.graphs import folded, quantised_for_a_library
from tests.unit.compiler.onnx_networks import network


def related(count: int, samples: int, seed: int = 0) -> np.ndarray:
    """Values [samples, count] of inputs that vary together, around a mean that is not 0."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, 5)) @ rng.normal(size=(5, count)) + 0.3 * rng.normal(size=(samples, count)) + 1


def seen(values: np.ndarray, taps: np.ndarray | None = None) -> Inputs:
    taps = np.ones(values.shape[1], bool) if taps is None else taps
    used = values[:, taps]
    return Inputs(taps, used.mean(axis=0), np.cov(used, rowvar=False, bias=True))


def nearest(weights: np.ndarray, values: np.ndarray) -> float:
    """Variance of the error of sums, when each weight goes to the nearest step of the best single range."""
    errors = []
    for share in int4_rounding.SHARES:
        scale = share * np.abs(weights).max(axis=1, keepdims=True) / 7
        lost = weights - np.clip(np.rint(weights / scale), -8, 7) * scale
        errors.append((values @ lost.T).var(axis=0))
    return float(np.min(errors, axis=0).sum())


def test_sums_lose_less_than_by_rounding_to_the_nearest():
    values, weights = related(96, 400), np.random.default_rng(1).normal(size=(10, 96, 1, 1))
    found = int4_rounding.rounded(weights, 0, seen(values), lambda scale: scale)
    assert found.values.shape == weights.shape and found.values.dtype == np.int8
    assert found.values.min() >= -8 and found.values.max() <= 7
    lost = (weights - found.real(0)).reshape(10, -1)
    variance = float((values @ lost.T).var(axis=0).sum())
    assert variance < 0.5 * nearest(weights.reshape(10, -1), values)
    signal = float((values @ weights.reshape(10, -1).T).var(axis=0).sum())
    assert found.snr == pytest.approx(10 * np.log10(signal / variance), abs=0.05)
    np.testing.assert_allclose(found.lost, lost @ values.mean(axis=0), atol=1e-5)


def test_outputs_may_be_the_last_axis():
    values, weights = related(24, 200), np.random.default_rng(2).normal(size=(24, 6))
    last = int4_rounding.rounded(weights, 1, seen(values), lambda scale: scale)
    first = int4_rounding.rounded(weights.T, 0, seen(values), lambda scale: scale)
    assert (last.values == first.values.T).all() and (last.scale == first.scale).all()


def test_scales_are_those_that_fit():
    """Whoever asks for powers of two gets them."""
    values, weights = related(24, 200), np.random.default_rng(3).normal(size=(5, 24, 1, 1))
    found = int4_rounding.rounded(weights, 0, seen(values), lambda scale: np.exp2(np.ceil(np.log2(scale))))
    assert (np.log2(found.scale) % 1 == 0).all()


def test_weights_that_meet_nothing_but_borders_are_zero():
    taps = np.tile([False, True, False], 8)
    values, weights = related(24, 200), np.random.default_rng(4).normal(size=(5, 8, 3, 1))
    found = int4_rounding.rounded(weights, 0, seen(values, taps), lambda scale: scale)
    assert not found.values[:, :, [0, 2]].any() and found.values[:, :, 1].any()
    kept = int4_rounding.rounded(weights, 0, seen(values, taps), lambda scale: scale, keeps_borders=True)
    nearest = np.clip(np.rint(weights / kept.scale[:, None, None, None]), LEAST, MOST)
    assert np.array_equal(kept.values[:, :, [0, 2]], nearest[:, :, [0, 2]])
    assert np.array_equal(kept.values[:, :, 1], found.values[:, :, 1])


def test_inputs_that_never_vary_do_no_harm():
    values, weights = related(24, 200), np.random.default_rng(5).normal(size=(5, 24, 1, 1))
    values[:, 3:9] = 0
    found = int4_rounding.rounded(weights, 0, seen(values), lambda scale: scale)
    assert np.isfinite(found.snr) and found.snr > 15


def test_a_covariance_that_rounding_spoilt_does_no_harm():
    """float32 sums of large values may leave a matrix with negative eigenvalues."""
    values, weights = related(24, 200), np.random.default_rng(5).normal(size=(5, 24, 1, 1))
    known = seen(values)
    spoilt = Inputs(known.taps, known.mean, known.covariance - 0.9 * known.covariance.max() * np.eye(24))
    found = int4_rounding.rounded(weights, 0, spoilt, lambda scale: scale)
    assert np.abs(found.values).max() == 7 or np.abs(found.values).max() == 8


def small_network() -> onnx.ModelProto:
    """A window of 3x3 over one row, a window of 1x1, and a product."""
    rng = np.random.default_rng(7)
    weights = {
        "w": rng.normal(size=(8, 4, 3, 3)).astype(np.float32) / 3,
        "b": rng.normal(size=8).astype(np.float32),
        "v": rng.normal(size=(6, 8, 1, 1)).astype(np.float32) / 3,
        "c": rng.normal(size=6).astype(np.float32),
        "m": rng.normal(size=(6, 5)).astype(np.float32),
        "d": rng.normal(size=5).astype(np.float32),
        "axis": np.asarray([2], np.int64),
    }
    nodes = [
        ("Conv", ["x", "w", "b"], "conv", {"pads": [1, 1, 1, 1]}),
        ("HardSwish", ["conv"], "active", {}),
        ("Conv", ["active", "v", "c"], "point", {}),
        ("Relu", ["point"], "relu", {}),
        ("Squeeze", ["relu", "axis"], "row", {}),
        ("Transpose", ["row"], "steps", {"perm": [0, 2, 1]}),
        ("MatMul", ["steps", "m"], "product", {}),
        ("Add", ["product", "d"], "sum", {}),
        ("Softmax", ["sum"], "y", {"axis": 2}),
    ]
    return network((1, 4, 1, 9), nodes, weights, (1, 9, 5))


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    return list(np.random.default_rng(8).normal(size=(12, 1, 4, 1, 9)).astype(np.float32))


def test_statistics_are_those_of_what_weights_are_multiplied_with(images):
    """Against the columns that a convolution's definition asks for, written out pixel by pixel."""
    graph = folded(small_network())
    found = int4_rounding.inputs_of(graph, ["w", "v", "m"], images)
    rows = []
    for picture in images:
        padded = np.pad(picture[0], ((0, 0), (0, 0), (1, 1)))
        rows += [padded[:, 0, x : x + 3].reshape(-1) for x in range(9)]
    assert found["w"].taps.reshape(4, 3, 3).tolist() == [[[False] * 3, [True] * 3, [False] * 3]] * 4
    np.testing.assert_allclose(found["w"].mean, np.mean(rows, axis=0), atol=1e-5)
    np.testing.assert_allclose(found["w"].covariance, np.cov(rows, rowvar=False, bias=True), atol=1e-4)
    steps = np.concatenate([values["steps"][0] for values in calibration.runs(graph.model(), ["steps"], images)])
    np.testing.assert_allclose(found["m"].covariance, np.cov(steps, rowvar=False, bias=True), atol=1e-4)
    assert found["v"].taps.all() and found["v"].covariance.shape == (8, 8)


@pytest.mark.parametrize(("max_drop", "taken"), [(1.0, 3), (0.0, None), (-1.0, 0)])
def test_layers_are_taken_up_to_the_drop_that_is_named(max_drop, taken, images):
    graph = quantised_for_a_library(small_network(), images, weights="int4", max_drop=max_drop, merit=Merit())
    found, constants = int4.Int4.of(graph.model()), graph.constants
    assert found is not None and len(found.layers) == 3 and found.images == 12
    assert found.bytes_int8 == 8 * 4 * 3 + 6 * 8 + 6 * 5 and found.other_bytes == 0
    assert found.saved == sum(layer.weights // 2 for layer in found.layers if layer.taken)
    assert taken is None or sum(layer.taken for layer in found.layers) == taken
    assert found.sure[1] >= found.sure[0] - max_drop or not found.saved
    for layer in found.layers:
        live = constants[f"{layer.name}.int"]
        assert (live.max() <= 7 and live.min() >= -8) == layer.taken
        assert layer.divergence >= 0 and layer.snr > 10


def test_the_least_harmful_for_their_size_come_first(images):
    quantised = quantised_for_a_library(small_network(), images, weights="int4", max_drop=1.0, merit=Merit()).model()
    found = int4.Int4.of(quantised)
    assert found is not None
    layers = {layer.name: layer for layer in found.layers}
    asked: list[list[str]] = []

    def network_with(names):
        asked.append(sorted(names))
        return quantised

    networks = int4.Networks(quantised, network_with, lambda name: quantised)
    int4.choose(networks, list(layers.values()), 0, images, Merit(), -1.0)
    assert asked[0] == [] and asked[1] == sorted(layers)
    assert all(set(fewer) < set(more) for more, fewer in pairwise(asked[1:]))
