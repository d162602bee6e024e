"""Errors weighed by the weights that read them, against sums computed by ONNX Runtime."""

from __future__ import annotations

import numpy as np

from ocrm55.compiler.quantization import calibration, ranges
from ocrm55.compiler.quantization.sensitivity import squares_of_readers, weighed
from tests.unit.compiler.graphs import folded, quantised_for_a_library
from tests.unit.compiler.onnx_networks import network, reference

RNG = np.random.default_rng(3)


def loud_and_quiet():  # type: ignore[no-untyped-def]
    """Hard-swish of eight channels, one 30 times as loud as the rest and read by weights a 30th as large."""
    loud = np.array([30, 1, 1, 1, 1, 1, 1, 1], np.float32)
    weights = {
        "p": (RNG.normal(size=(8, 8, 1, 1)) * loud[:, None, None, None]).astype(np.float32),
        "pb": np.zeros(8, np.float32),
        "d": (RNG.normal(size=(8, 1, 3, 3)) / loud[:, None, None, None]).astype(np.float32),
        "db": np.zeros(8, np.float32),
    }
    nodes = [
        ("Conv", ["x", "p", "pb"], "a", {"kernel_shape": [1, 1]}),
        ("HardSwish", ["a"], "h", {}),
        ("Conv", ["h", "d", "db"], "y", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "group": 8}),
    ]
    return network([1, 8, 8, 12], nodes, weights, [1, 8, 8, 12]), weights


def test_squares_are_of_the_weights_behind_an_activation() -> None:
    model, weights = loud_and_quiet()
    graph = folded(model)
    wanted = np.square(weights["d"].astype(np.float64)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(squares_of_readers(graph, "h", 8), wanted)
    np.testing.assert_allclose(squares_of_readers(graph, "a", 8), wanted)
    wanted = np.square(weights["p"].astype(np.float64)).sum(axis=(0, 2, 3))
    np.testing.assert_allclose(squares_of_readers(graph, "x", 8), wanted)


def test_who_reads_otherwise_is_not_weighed() -> None:
    nodes = [("Conv", ["x", "w", "b"], "a", {"kernel_shape": [1, 1]}), ("Add", ["a", "a"], "y", {})]
    weights = {"w": RNG.normal(size=(4, 4, 1, 1)).astype(np.float32), "b": np.zeros(4, np.float32)}
    graph = folded(network([1, 4, 8, 12], nodes, weights, [1, 4, 8, 12]))
    assert squares_of_readers(graph, "a", 4) is None
    inputs = [RNG.uniform(-1, 1, (1, 4, 8, 12)).astype(np.float32) for _ in range(2)]
    histograms = calibration.collect(graph, ["a"], inputs)
    assert weighed(graph, histograms)["a"] is histograms["a"]


def test_a_shared_scale_is_finer_for_it_and_the_sums_are_nearer() -> None:
    model, _ = loud_and_quiet()
    graph = folded(model)
    inputs = [RNG.uniform(-1, 1, (1, 8, 8, 12)).astype(np.float32) for _ in range(8)]
    histograms = calibration.collect(graph, ["h"], inputs)
    plain, finer = (ranges.per_tensor(each["h"]) for each in (histograms, weighed(graph, histograms)))
    assert finer.scale < 0.7 * plain.scale
    wanted = reference(model, inputs[0])
    values = next(calibration.runs(model, ["h"], inputs[:1]))["h"]
    taps = graph.constants["d"]
    errors = []
    for chosen in (plain, finer):
        wrong = chosen.round_trip(values[0].reshape(8, -1)).reshape(values.shape) - values
        padded = np.pad(wrong[0], ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        errors.append(np.square((windows * taps[:, 0][:, None, None]).sum(axis=(3, 4))).mean())
    assert errors[1] < errors[0]
    quantised = quantised_for_a_library(model, inputs).model()
    assert np.square(reference(quantised, inputs[0]) - wanted).mean() < 0.02 * np.square(wanted).mean()
