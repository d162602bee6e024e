"""Borders are written out as ONNX Runtime finds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.compiler.onnx_graph.windows import write_borders_out
from ocrm55.errors import UnsupportedError
from tests.unit.compiler.onnx_networks import network, reference

X = np.random.default_rng(0).normal(size=(1, 2, 7, 10)).astype(np.float32)


def written_out(op: str, shape: list[int], given: dict[str, Any]) -> tuple[onnx.ModelProto, Graph]:
    weights = {"w": np.ones((3, 2, 3, 4), np.float32)} if op == "Conv" else {}
    model = network(list(X.shape), [(op, ["x", *weights], "y", given)], weights, shape)
    graph = Graph(model)
    write_borders_out(graph)
    return model, graph


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("op", ["Conv", "MaxPool", "AveragePool"])
@pytest.mark.parametrize("strides", [[1, 1], [2, 3]])
def test_auto_pad(auto: str, op: str, strides: list[int]) -> None:
    same = auto.startswith("SAME")
    size = [-(-n // s) if same else (n - k) // s + 1 for n, k, s in zip((7, 10), (3, 4), strides, strict=True)]
    given = {"auto_pad": auto, "kernel_shape": [3, 4], "strides": strides}
    model, graph = written_out(op, [1, 3 if op == "Conv" else 2, *size], given)
    assert "auto_pad" not in attributes(graph.nodes[0])
    np.testing.assert_allclose(reference(graph.model(), X), reference(model, X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1]])
def test_ceil_mode(op: str, pads: list[int]) -> None:
    size = [-(-(n + pads[a] + pads[a + 2] - 3) // 2) + 1 for a, n in enumerate((7, 10))]
    given = {"ceil_mode": 1, "kernel_shape": [3, 3], "strides": [2, 2], "pads": pads}
    model, graph = written_out(op, [1, 2, *size], given)
    assert "ceil_mode" not in attributes(graph.nodes[0])
    np.testing.assert_allclose(reference(graph.model(), X), reference(model, X), rtol=1e-5, atol=1e-6)


def test_a_counted_border_stays() -> None:
    given = {"ceil_mode": 1, "kernel_shape": [2, 3], "strides": [2, 2], "count_include_pad": 1}
    _, graph = written_out("AveragePool", [1, 2, 4, 5], given)
    assert attributes(graph.nodes[0])["ceil_mode"] == 1


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
def test_a_dilated_pool_with_the_border_that_it_needs_is_refused(op: str, ceil: int) -> None:
    """ONNX Runtime forgets the dilation, so that its output is smaller than ONNX says."""
    given = {"auto_pad": "SAME_UPPER", "kernel_shape": [3, 4], "dilations": [2, 1], "ceil_mode": ceil}
    graph = Graph(network(list(X.shape), [(op, ["x"], "y", given)], {}, list(X.shape), 19))
    with pytest.raises(UnsupportedError, match=r"pooling .* is dilated, and ONNX and ONNX Runtime disagree"):
        write_borders_out(graph)
