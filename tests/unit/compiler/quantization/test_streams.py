"""Channels that are scaled along a stream of sums, gates and averages; weights that keep a layer's sums in int8."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import calibration, fused, int8_rounding, kinds, streams
from ocrm55.compiler.quantization.equalise import factor_of
from ocrm55.compiler.reference.int8.network import IntegerReference
from tests.unit.compiler.graphs import folded, quantised
from tests.unit.compiler.onnx_networks import network, reference

CHANNELS = 12


def block(*, ends: str = "point") -> onnx.ModelProto:
    """A layer that sees each channel alone, a gate, a residual sum, and layers that read them. Channels are loud and
    quiet; the layers behind even that out. ends: what reads the sum.
    """
    rng = np.random.default_rng(1)
    loud = np.geomspace(0.05, 4, CHANNELS)
    weights = {
        "w": rng.normal(size=(CHANNELS, 3, 1, 1)).astype(np.float32),
        "d": (rng.normal(size=(CHANNELS, 1, 3, 3)) * loud[:, None, None, None]).astype(np.float32),
        "s": rng.normal(scale=0.2, size=(CHANNELS, CHANNELS, 1, 1)).astype(np.float32),
        "p": (rng.normal(size=(CHANNELS, CHANNELS, 1, 1)) / loud[:, None, None]).astype(np.float32),
        "q": (rng.normal(size=(CHANNELS, CHANNELS, 1, 1)) * 0.3 * loud[:, None, None, None]).astype(np.float32),
        "e": (rng.normal(size=(CHANNELS, 1, 3, 3)) / loud[:, None, None, None]).astype(np.float32),
        "f": (rng.normal(size=(6, CHANNELS, 1, 1)) / loud[:, None, None]).astype(np.float32),
        "g": rng.normal(size=(6, CHANNELS, 1, 1)).astype(np.float32),
        "axis": np.asarray([2], np.int64),
    } | {f"b{n}": rng.normal(scale=0.1, size=CHANNELS).astype(np.float32) for n in "wdspqe"}
    around = {"pads": [1, 1, 1, 1], "group": CHANNELS}
    nodes = [
        ("Conv", ["x", "w", "bw"], "conv", {}),
        ("Conv", ["conv", "d", "bd"], "own", around),
        ("GlobalAveragePool", ["own"], "mean", {}),
        ("Conv", ["mean", "s", "bs"], "squeezed", {}),
        ("HardSigmoid", ["squeezed"], "gate", {"alpha": 1 / 6}),
        ("Mul", ["own", "gate"], "gated", {}),
        ("Conv", ["gated", "p", "bp"], "wide", {}),
        ("HardSwish", ["wide"], "active", {}),
        ("Conv", ["active", "q", "bq"], "narrow", {}),
        ("Add", ["gated", "narrow"], "sum", {}),
        *(
            [("Conv", ["sum", "f"], "last", {})]
            if ends == "point"
            else [("Conv", ["sum", "e", "be"], "next", around), ("Conv", ["next", "g"], "last", {})]
        ),
        ("GlobalAveragePool", ["last"], "y.before", {}),
        ("Squeeze", ["y.before", "axis"], "y", {}),
    ]
    return network((1, 3, 8, 16), nodes, weights, (1, 6, 1))


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return list(np.random.default_rng(2).uniform(-1, 1, (16, 1, 3, 8, 16)).astype(np.float32))


def noise(model: onnx.ModelProto, graph: Graph, pictures: list[np.ndarray]) -> float:
    """Of the last layer's sums, relative to them; ONNX Runtime runs both networks."""
    runs = [calibration.runs(each, ["last"], pictures) for each in (folded(model).model(), graph.model())]
    pairs = [(a["last"], b["last"]) for a, b in zip(*runs, strict=True)]
    return float(np.mean([np.square(b - a).mean() / np.square(a).mean() for a, b in pairs]))


def alike(graph: Graph, histograms: dict) -> dict:
    return dict(histograms)


@pytest.mark.parametrize("ends", ["point", "depthwise"])
def test_a_stream_is_scaled_and_loses_less(ends, pictures, monkeypatch):
    model = block(ends=ends)
    scaled = quantised(model, pictures)
    for name in ("own", "gated", "narrow", "sum", "mean"):
        factor = factor_of(scaled, f"{name}.equalised")
        assert factor.size == CHANNELS and factor.max() > 4 * factor.min(), name
        assert (factor == factor_of(scaled, "own.equalised")).all()
    monkeypatch.setattr(streams, "equalise", alike)
    assert noise(model, scaled, pictures) < 0.5 * noise(model, quantised(model, pictures), pictures)


def test_scaling_changes_no_value(pictures):
    graph = folded(block())
    before = graph.copy()
    names = fused.quantised_tensors(graph)
    found = streams.equalise(graph, calibration.collect(graph, names, pictures))
    assert "sum.equalised" in found and "sum" not in found
    wanted = reference(before.model(), pictures[0])
    np.testing.assert_allclose(reference(graph.model(), pictures[0]), wanted, rtol=1e-4, atol=1e-5)


def test_an_activation_on_one_side_leaves_the_stream_alone(pictures):
    """A factor behind hard-swish is none in front of it."""
    model = block()
    add = next(node for node in model.graph.node if node.op_type == "Add")
    add.input[1] = "active"
    graph = folded(model)
    found = streams.streams(graph, calibration.collect(graph, fused.quantised_tensors(graph), pictures))
    assert not any("sum" in stream.members for stream in found)


def test_its_program_has_the_bits_of_onnx_runtime(pictures):
    graph = quantised(block(ends="depthwise"), pictures)
    model = graph.model()
    program = pipeline.to_program(model, CompileOptions(precision="int8"))
    image = np.random.default_rng(3).integers(0, 256, (8, 16, 3), dtype=np.uint8)
    tensor = pipeline.normalisation_of(model).tensor(image, 8, 16)
    found = IntegerReference(program).probabilities(image).reshape(-1)
    np.testing.assert_allclose(found, reference(model, tensor).reshape(-1), atol=2e-2 * np.abs(found).max())


def test_sums_lose_less_by_rounding_weights_together(pictures, monkeypatch):
    model = block()
    together = noise(model, _weights_only(quantised(model, pictures)), pictures)
    monkeypatch.setattr(int8_rounding, "rounded", lambda *_: {})
    assert together < 0.6 * noise(model, _weights_only(quantised(model, pictures)), pictures)


def _weights_only(graph: Graph) -> Graph:
    """The network with its int8 weights and float activations."""
    for node in [each for each in graph.nodes if each.op_type == "QuantizeLinear"]:
        behind = next(each for each in graph.nodes if each.input[0] == node.output[0])
        graph.drop(behind, str(node.output[0]))
        graph.drop(node, str(node.input[0]))
    return graph


def test_weights_on_the_grid_stay(pictures):
    """What training rounded is not rounded anew: texts and scores of such a network stay."""
    graph = folded(block())
    for node in (each for each in graph.nodes if kinds.has_weights(graph, each)):
        values = graph.constants[node.input[1]]
        axes = tuple(range(1, values.ndim))
        scale = np.abs(values).max(axis=axes, keepdims=True) / 127
        graph.constants[node.input[1]] = (np.rint(values / scale) * scale).astype(np.float32)
    names = fused.quantised_tensors(graph)
    chosen = fused.choose(graph, calibration.collect(graph, names, pictures), fused.QuantizeOptions())
    assert int8_rounding.rounded(graph, chosen, pictures) == {}
    assert set(int8_rounding.rounded(folded(block()), chosen, pictures)) == {*"wdspqf"}
