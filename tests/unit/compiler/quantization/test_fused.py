"""Scales, zero points and equalisation, on tensors and networks that are small enough to think through."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import calibration, ranges
from ocrm55.compiler.quantization.calibration import BINS, Histogram
from ocrm55.compiler.quantization.equalise import best_factor, equalise, factor_of, turn
from ocrm55.compiler.quantization.fused import QuantizeOptions, quantised_tensors
from ocrm55.compiler.quantization.qdq import quantise_weights
from ocrm55.compiler.quantization.weight_grid import on_grid, weights_of
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests.unit.compiler.graphs import folded, quantised
from tests.unit.compiler.onnx_networks import network, reference

RNG = np.random.default_rng(0)


def histogram(values: np.ndarray) -> Histogram:
    """Of values [channels, any]."""
    low, high = values.min(axis=1), values.max(axis=1)
    counts = [np.histogram(v, BINS, (a, b))[0] for v, a, b in zip(values, low, high, strict=True)]
    return Histogram(low, high, np.array(counts), 1)


def test_a_range_has_an_exact_zero_and_covers_both_ends():
    found = ranges.of_range(-0.3, 4.0)
    assert found.round_trip(np.zeros(1))[0] == 0
    ends = found.round_trip(np.array([-0.3, 4.0]))
    assert np.abs(ends - [-0.3, 4.0]).max() <= found.scale


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_ranges_of_a_plain_tensor_lose_little(method):
    values = RNG.uniform(-1, 3, (4, 20000))
    found = ranges.per_tensor(histogram(values), method)
    assert np.sqrt(np.square(found.round_trip(values) - values).mean()) < 4 / 255


def test_least_error_clips_an_outlier():
    values = np.concatenate([RNG.uniform(-1, 1, (1, 10**6)), [[3.5]]], axis=1)
    assert (
        ranges.per_tensor(histogram(values), "mse").scale < ranges.per_tensor(histogram(values), "minmax").scale / 1.5
    )


def test_every_channel_gets_a_scale_and_all_one_zero_point():
    values = np.stack([RNG.uniform(-0.375, high, 5000) for high in (0.5, 2.0, 9.0)])
    found = ranges.per_channel(histogram(values))
    assert found.scale.shape == (3,)
    assert (np.diff(found.scale) > 0).all()
    errors = np.abs(found.round_trip(values) - values)
    assert (np.quantile(errors, 0.9, axis=1) <= found.scale).all()


def test_a_channel_that_stays_below_zero_keeps_its_values():
    """Hard-swish gives nothing below -0.375: PaddleOCR's first layer has such a channel, and one word in five hangs on
    it."""
    values = np.stack([RNG.uniform(-0.375, 0.004, 5000), *RNG.uniform(-0.375, 4.0, (6, 5000))])
    found = ranges.per_channel(histogram(values))
    errors = found.round_trip(values) - values
    assert (np.square(errors).mean(axis=1) < 1e-3 * values.var(axis=1)).all()


def test_products_have_no_zero_point_and_a_scale_for_each_group():
    values = RNG.normal(0, 1, (4, 1000)) * np.array([[1], [1], [8], [8]])
    found = ranges.symmetric(histogram(values), [np.array([0, 1]), np.array([2, 3])])
    assert found.zero_point == 0
    assert found.scale[0] == found.scale[1] < found.scale[2] == found.scale[3]


def test_weights_are_symmetric_and_use_their_range():
    weights = RNG.normal(size=(5, 3, 3, 3)).astype(np.float32)
    q, scale = quantise_weights(weights, 0)
    assert (np.abs(q.reshape(5, -1)).max(axis=1) == 127).all()
    assert np.abs(q * scale[:, None, None, None] - weights).max() <= scale.max() / 2 * 1.0001


def squeezed(channels: int = 8) -> tuple:
    """Depthwise, squeeze-and-excite, pointwise: as in the recognizer. Channels differ in loudness."""
    loud = np.logspace(-1, 1, channels).astype(np.float32)
    weights = {
        "d": (RNG.normal(size=(channels, 1, 3, 3)) * loud[:, None, None, None]).astype(np.float32),
        "db": np.zeros(channels, np.float32),
        "s1": RNG.normal(size=(2, channels, 1, 1)).astype(np.float32) / 9,
        "s1b": np.zeros(2, np.float32),
        "s2": RNG.normal(size=(channels, 2, 1, 1)).astype(np.float32),
        "s2b": np.zeros(channels, np.float32),
        "p": RNG.normal(size=(4, channels, 1, 1)).astype(np.float32) / loud[None, :, None, None],
        "pb": np.zeros(4, np.float32),
    }
    nodes = [
        ("Conv", ["x", "d", "db"], "a", {"group": channels, "pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}),
        ("HardSwish", ["a"], "h", {}),
        ("GlobalAveragePool", ["h"], "g", {}),
        ("Conv", ["g", "s1", "s1b"], "c", {"kernel_shape": [1, 1]}),
        ("Relu", ["c"], "r", {}),
        ("Conv", ["r", "s2", "s2b"], "e", {"kernel_shape": [1, 1]}),
        ("HardSigmoid", ["e"], "k", {"alpha": 1 / 6, "beta": 0.5}),
        ("Mul", ["h", "k"], "m", {}),
        ("Conv", ["m", "p", "pb"], "y", {"kernel_shape": [1, 1]}),
    ]
    return network([1, channels, 8, 12], nodes, weights, [1, 4, 8, 12]), channels


def collected(model) -> tuple:
    graph = folded(model)
    inputs = [RNG.uniform(-1, 1, (1, 8, 8, 12)).astype(np.float32) for _ in range(4)]
    return graph, calibration.collect(graph, quantised_tensors(graph), inputs), inputs


def test_equalisation_changes_nothing_but_the_ranges():
    graph, histograms, inputs = collected(squeezed()[0])
    before = reference(graph.model(), inputs[0])
    after = equalise(graph, histograms)
    np.testing.assert_allclose(reference(graph.model(), inputs[0]), before, rtol=1e-4, atol=1e-4)
    assert {"h.equalised", "g.equalised", "m.equalised"} <= after.keys()
    assert "h" not in after
    spread = histograms["m"].high.max() / np.median(histograms["m"].high)
    assert after["m.equalised"].high.max() / np.median(after["m.equalised"].high) < spread / 2


def error_of(model: onnx.ModelProto, inputs: list[np.ndarray], options: QuantizeOptions) -> float:
    """Mean square error of the quantised network's output."""
    found = reference(quantised(model, inputs, options).model(), inputs[0])
    return float(np.square(found - reference(model, inputs[0])).mean())


def test_equalisation_lowers_the_error_of_the_quantised_network():
    model, _ = squeezed()
    inputs = [RNG.uniform(-1, 1, (1, 8, 8, 12)).astype(np.float32) for _ in range(8)]
    errors = [error_of(model, inputs, chosen) for chosen in (QuantizeOptions(equalise=False), QuantizeOptions())]
    assert errors[1] < errors[0] / 2


def joined(channels: int = 8) -> onnx.ModelProto:
    """A loud image, averaged, beside a convolution of it that is not: as in the recognizer's neck."""
    loud = np.logspace(-1, 1.5, channels).astype(np.float32)
    weights = {
        "p": (RNG.normal(size=(channels, channels, 1, 1)) * loud[:, None, None, None]).astype(np.float32),
        "pb": np.zeros(channels, np.float32),
        "q": (RNG.normal(size=(4, channels, 1, 1)) / loud[None, :, None, None]).astype(np.float32),
        "qb": np.zeros(4, np.float32),
        "r": RNG.normal(size=(5, 4 + channels, 3, 3)).astype(np.float32),
        "rb": np.zeros(5, np.float32),
    }
    weights["r"][:, 4:] /= loud[None, :, None, None]
    nodes = [
        ("Conv", ["x", "p", "pb"], "a", {"kernel_shape": [1, 1]}),
        ("HardSwish", ["a"], "h", {}),
        ("AveragePool", ["h"], "m", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Conv", ["m", "q", "qb"], "b", {"kernel_shape": [1, 1]}),
        ("Sigmoid", ["b"], "s", {}),
        ("Mul", ["b", "s"], "w", {}),
        ("Concat", ["w", "m"], "c", {"axis": 1}),
        ("Conv", ["c", "r", "rb"], "y", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    ]
    return network([1, channels, 8, 12], nodes, weights, [1, 5, 4, 6])


def test_equalisation_reaches_through_pools_and_concatenations():
    """PaddleOCR's last backbone layer has channels 20 times as loud as most, which are then read beside others."""
    graph, histograms, inputs = collected(joined())
    before = reference(graph.model(), inputs[0])
    after = equalise(graph, histograms)
    np.testing.assert_allclose(reference(graph.model(), inputs[0]), before, rtol=1e-4, atol=1e-4)
    assert {"h.equalised", "m.equalised", "c.equalised", "w"} <= after.keys()
    np.testing.assert_array_equal(after["c.equalised"].high[:4], histograms["c"].high[:4])
    assert after["c.equalised"].high[4:].max() < histograms["c"].high[4:].max() / 2  # as wide as its neighbours now
    factor = factor_of(graph, "c.equalised").reshape(-1)
    assert (factor[:4] == 1).all()
    np.testing.assert_array_equal(factor[4:], factor_of(graph, "m.equalised").reshape(-1))


def test_equalisation_behind_a_concatenation_lowers_the_error():
    model = joined()
    inputs = [RNG.uniform(-1, 1, (1, 8, 8, 12)).astype(np.float32) for _ in range(8)]
    errors = [error_of(model, inputs, chosen) for chosen in (QuantizeOptions(equalise=False), QuantizeOptions())]
    assert errors[1] < errors[0] / 2


def test_a_sum_of_what_has_a_scale_a_channel_is_computed_in_float32():
    """A swish with an outlier, added to an image, then read by a convolution: no integer sum takes two scales."""
    loud = np.array([1, 1, 1, 30], np.float32)
    weights = {
        "p": (RNG.normal(size=(4, 3, 1, 1)) * loud[:, None, None, None]).astype(np.float32),
        "pb": np.zeros(4, np.float32),
        "q": (RNG.normal(size=(4, 3, 1, 1))).astype(np.float32),
        "qb": np.zeros(4, np.float32),
        "r": (RNG.normal(size=(4, 4, 1, 1)) / loud[None, :, None, None]).astype(np.float32),
        "rb": np.zeros(4, np.float32),
        "f": RNG.normal(size=(4, 5)).astype(np.float32),
        "g": np.zeros(5, np.float32),
    }
    kernel = {"kernel_shape": [1, 1]}
    nodes = [
        ("Conv", ["x", "p", "pb"], "a", kernel),
        ("Sigmoid", ["a"], "s", {}),
        ("Mul", ["a", "s"], "w", {}),
        ("Conv", ["x", "q", "qb"], "b", kernel),
        ("HardSwish", ["b"], "h", {}),
        ("Add", ["w", "h"], "c", {}),
        ("Conv", ["c", "r", "rb"], "d", kernel),
        ("HardSwish", ["d"], "e", {}),
        ("GlobalAveragePool", ["e"], "m", {}),
        ("Flatten", ["m"], "l", {"axis": 1}),
        ("MatMul", ["l", "f"], "n", {}),
        ("Add", ["n", "g"], "y", {}),
    ]
    model = network([1, 3, 48, 320], nodes, weights, [1, 5])
    inputs = [RNG.uniform(-1, 1, (1, 3, 48, 320)).astype(np.float32) for _ in range(2)]
    graph = quantised(model, inputs)
    assert graph.constants["w.scale"].shape == (4,)
    program = pipeline.to_program(graph.model(), CompileOptions(precision="int8"))
    kinds = [operator.spec.kind for operator in program.operators]
    assert kinds.count("dequantize") >= 1
    pixels = RNG.integers(0, 256, (48, 320, 3), dtype=np.uint8)
    ours = IntegerReference(program).probabilities(pixels)
    wanted = reference(graph.model(), image.normalise(pixels, 320))
    np.testing.assert_allclose(ours.reshape(-1), wanted.reshape(-1), atol=0.05 * np.abs(wanted).max())


def test_channels_below_zero_are_turned_over_in_front_of_depthwise_layers():
    """Three channels that reach 8 and three that hard-swish keeps between -0.375 and 0.01."""
    weights = {
        "p": np.concatenate([np.eye(3), np.eye(3)]).astype(np.float32).reshape(6, 3, 1, 1) * 8,
        "pb": np.array([0, 0, 0, -8.5, -8.5, -8.5], np.float32),
        "d": RNG.normal(size=(6, 1, 3, 3)).astype(np.float32),
        "db": np.zeros(6, np.float32),
    }
    weights["d"][3:] *= 20
    nodes = [
        ("Conv", ["x", "p", "pb"], "a", {"kernel_shape": [1, 1]}),
        ("HardSwish", ["a"], "h", {}),
        ("Conv", ["h", "d", "db"], "y", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "group": 6}),
    ]
    model = network([1, 3, 8, 12], nodes, weights, [1, 6, 8, 12])
    graph = folded(model)
    inputs = [RNG.uniform(-1, 1, (1, 3, 8, 12)).astype(np.float32) for _ in range(8)]
    histograms = calibration.collect(graph, quantised_tensors(graph), inputs)
    after = turn(graph, histograms)
    np.testing.assert_allclose(reference(graph.model(), inputs[0]), reference(model, inputs[0]), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(after["h.equalised"].low[3:], -histograms["h"].high[3:])
    np.testing.assert_array_equal(after["h.equalised"].counts[3:], histograms["h"].counts[3:, ::-1])
    steps = [ranges.per_channel(each).scale for each in (histograms["h"], after["h.equalised"])]
    assert (steps[1] < steps[0] * 0.8).all()
    errors = reference(quantised(model, inputs).model(), inputs[0]) - reference(model, inputs[0])
    assert np.square(errors).mean() < 1e-3 * np.square(reference(model, inputs[0])).mean()


def test_what_becomes_real_has_a_scale_a_channel():
    """In front of a layer norm, where PaddleOCR's network has one channel ten times as loud as the rest."""
    loud = np.array([1, 1, 1, 1, 1, 1, 1, 30], np.float32)
    weights = {
        "p": (RNG.normal(size=(8, 8, 1, 1)) * loud[:, None, None, None]).astype(np.float32),
        "pb": np.zeros(8, np.float32),
        "gamma": np.ones(8, np.float32),
        "beta": np.zeros(8, np.float32),
    }
    nodes = [
        ("Conv", ["x", "p", "pb"], "a", {"kernel_shape": [1, 1]}),
        ("Sigmoid", ["a"], "s", {}),
        ("Mul", ["a", "s"], "w", {}),
        ("Transpose", ["w"], "t", {"perm": [0, 2, 3, 1]}),
        ("LayerNormalization", ["t", "gamma", "beta"], "y", {"axis": -1}),
    ]
    model = network([1, 8, 8, 12], nodes, weights, [1, 8, 12, 8])
    inputs = [RNG.uniform(-1, 1, (1, 8, 8, 12)).astype(np.float32) for _ in range(8)]
    errors = [error_of(model, inputs, chosen) for chosen in (QuantizeOptions(channel_scales=False), QuantizeOptions())]
    assert quantised(model, inputs).constants["w.scale"].shape == (8,)
    assert errors[1] < errors[0] / 4


def test_even_channels_stay_as_they_are():
    even = histogram(np.tile(np.linspace(-1, 1, 999), (6, 1)))
    assert (best_factor(even, even, RNG.normal(size=(4, 6, 1, 1))) == 1).all()


def test_factors_are_powers_that_a_second_calibration_finds_again():
    loud = histogram(RNG.normal(size=(6, 4000)) * np.array([[1], [2], [4], [8], [16], [32]]))
    weights = RNG.normal(size=(4, 6, 1, 1))
    factor = best_factor(loud, loud, weights)
    assert np.ptp(factor) > 0
    np.testing.assert_allclose(np.log2(factor) * 2, np.rint(np.log2(factor) * 2), atol=1e-9)


def test_weights_on_the_grid_are_what_int8_makes_of_them():
    model, _ = squeezed()
    inputs = [RNG.uniform(-1, 1, (1, 8, 8, 12)).astype(np.float32) for _ in range(8)]
    rounded = Graph(model)
    on_grid(rounded, inputs)
    before, after = weights_of(folded(model)), weights_of(rounded)
    assert before.keys() == after.keys()
    assert any(not np.array_equal(before[name], after[name]) for name in before)
    plain, moved = (reference(each, inputs[0]) for each in (model, rounded.model()))
    assert np.abs(moved - plain).max() < 0.03 * np.abs(plain).max()
    again = rounded.copy()
    on_grid(again, inputs, 1)
    for name, weights in after.items():
        off = np.abs(weights_of(again)[name] - weights) > 1e-5 * np.abs(weights).max()
        assert off.mean() < 0.02, name


def test_the_bias_of_a_channel_without_weights_is_kept():
    """PaddleOCR's network has such channels: a bias in steps of weights that are next to nothing exceeds an int32."""
    weights = RNG.normal(size=(4, 3, 1, 1)).astype(np.float32)
    weights[1], weights[2] = 1e-12, 0
    bias = np.array([0.5, 3.0, -2.0, 1.0], np.float32)
    last = {"v": RNG.normal(size=(2, 4, 1, 1)).astype(np.float32), "c": np.zeros(2, np.float32)}
    nodes = [
        ("Conv", ["x", "w", "b"], "a", {"kernel_shape": [1, 1]}),
        ("HardSwish", ["a"], "h", {}),
        ("Conv", ["h", "v", "c"], "y", {"kernel_shape": [1, 1]}),
    ]
    model = network([1, 3, 8, 12], nodes, {"w": weights, "b": bias, **last}, [1, 2, 8, 12])
    inputs = [RNG.uniform(-1, 1, (1, 3, 8, 12)).astype(np.float32) for _ in range(8)]
    graph = quantised(model, inputs)
    assert np.abs(graph.constants["b.int"].astype(np.int64)).max() <= 2**30
    np.testing.assert_allclose(reference(graph.model(), inputs[0]), reference(model, inputs[0]), atol=0.1)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least"):
        calibration.images(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        calibration.images(tmp_path / "missing")


def test_the_bundled_images_are_there():
    assert len(calibration.images(RECOGNIZER.calibration)) >= 64
