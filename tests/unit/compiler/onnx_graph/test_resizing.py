"""Resizes are written out as ONNX Runtime computes them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest

from ocrm55.compiler.onnx_graph import resizing
from ocrm55.compiler.onnx_graph.graph import Graph
from tests.unit.compiler.onnx_networks import network, reference

SHAPES = [(1, 2, 5, 7), (1, 3, 1, 9), (1, 2, 13, 37), (1, 4, 6), (3, 7), (1, 2, 3, 4, 5)]
FACTORS = [(1.5, 1.5), (0.5, 1.5), (0.5, 0.5), (0.7, 1.3), (1, 1.25), (2.5, 4), (1 / 3, 2 / 3), (1.1, 0.9), (3, 2)]
WAYS = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"]
MODES: dict[str, dict[str, Any]] = {
    **{f"nearest {way}": {"nearest_mode": way} for way in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")},
    "linear": {"mode": "linear"},
    "cubic": {"mode": "cubic"},
    "cubic inside": {"mode": "cubic", "exclude_outside": 1},
    "cubic of another slope": {"mode": "cubic", "cubic_coeff_a": -0.5},
}


def resized(shape: tuple[int, ...], factors: tuple[float, ...], by: str, **given: Any) -> onnx.ModelProto | None:
    """A network that resizes the last axes `by` scales or sizes; None where nothing would be left."""
    scales = np.float32([1] * (len(shape) - len(factors)) + [*factors])
    output = [int(size * scale) for size, scale in zip(np.float32(shape), scales, strict=True)]
    if min(output) < 1:
        return None
    constants = {"c": scales} if by == "scales" else {"c": np.array(output)}
    inputs = ["x", "", "c"] if by == "scales" else ["x", "", "", "c"]
    return network(list(shape), [("Resize", inputs, "y", given)], constants, output, 19)


def written_out(model: onnx.ModelProto) -> tuple[str, Graph]:
    """Why not, and the graph, whose nodes have names of their own, as ONNX Runtime wants them."""
    graph = Graph(model)
    why = resizing.write_out(graph, graph.nodes[0])
    for number, node in enumerate(graph.nodes):
        node.name = str(number)
    return why, graph


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", MODES)
def test_every_form_has_onnx_runtimes_numbers(mode: str, way: str) -> None:
    given = {"coordinate_transformation_mode": way, **MODES[mode]}
    random, compared = np.random.default_rng(0), 0
    for shape, factors, by in [*product(SHAPES, FACTORS, ("scales", "sizes"))][:: 3 if mode == "linear" else 7]:
        model, tensor = resized(shape, factors, by, **given), random.normal(size=shape).astype(np.float32)
        if model is None or ("cubic" in mode and len(shape) not in (2, 4)):
            continue
        why, graph = written_out(model)
        assert why == ""
        if all(node.op_type != "Resize" for node in graph.nodes):
            found, wanted = reference(graph.model(), tensor), reference(model, tensor)
            np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5, err_msg=f"{shape} {factors} {by}")
            compared += 1
    assert compared >= 4


@pytest.mark.parametrize(
    ("size", "outputs", "way", "rounding"),
    [
        (14, 8, "asymmetric", "round_prefer_ceil"),
        (26, 8, "asymmetric", "round_prefer_ceil"),
        (45, 18, "asymmetric", "round_prefer_floor"),
        (9, 39, "half_pixel", "floor"),
    ],
)
def test_a_place_that_is_nearly_a_half_is_one(size: int, outputs: int, way: str, rounding: str) -> None:
    """Float32 makes 3.4999998 of the half at 3.5."""
    given = {"coordinate_transformation_mode": way, "nearest_mode": rounding}
    inputs, sizes = ["x", "", "", "c"], np.array([1, 1, 1, outputs])
    model = network([1, 1, 1, size], [("Resize", inputs, "y", given)], {"c": sizes}, [1, 1, 1, outputs])
    tensor = np.arange(size, dtype=np.float32).reshape(1, 1, 1, size)
    np.testing.assert_array_equal(reference(written_out(model)[1].model(), tensor), reference(model, tensor))


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_a_ratio_that_is_kept(policy: str) -> None:
    given = {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy}
    output = [1, 2, 8, 11] if policy == "not_larger" else [1, 2, 12, 17]
    sizes = np.array([8, 17])
    model = network([1, 2, 5, 7], [("Resize", ["x", "", "", "c"], "y", given)], {"c": sizes}, output, 19)
    tensor = np.random.default_rng(0).normal(size=(1, 2, 5, 7)).astype(np.float32)
    found, wanted = reference(written_out(model)[1].model(), tensor), reference(model, tensor)
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)


def test_what_others_compute_right_stays() -> None:
    """Kernels read each pixel several times for whole factors; TVM interpolates in one loop."""
    for factors, given in (((2, 3), {}), ((2.0, 1.5), {"mode": "linear"}), ((0.5, 2), {"mode": "cubic"})):
        model = resized((1, 3, 4, 6), factors, "scales", **given)
        assert model is not None
        assert [node.op_type for node in written_out(model)[1].nodes] == ["Resize"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"coordinate_transformation_mode": "tf_crop_and_resize"}, "it resizes by tf_crop_and_resize"),
        ({"mode": "linear", "antialias": 1}, "it makes an image smaller with antialias"),
    ],
)
def test_what_is_refused(given: dict[str, Any], why: str) -> None:
    model = resized((1, 3, 4, 6), (0.5, 2), "scales", **given)
    assert model is not None
    assert written_out(model)[0] == why
