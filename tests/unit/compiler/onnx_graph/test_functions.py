"""Groups of operators that are functions of one value."""

from __future__ import annotations

import numpy as np
import pytest

from ocrm55.compiler.onnx_graph import functions
from ocrm55.compiler.onnx_graph.graph import Graph
from tests.unit.compiler.onnx_networks import network


def found(nodes: list[tuple]) -> tuple[Graph, set[str]]:
    """The functions' results in a graph whose nodes read `x` and whose last one is a convolution."""
    weights = {"v": np.ones((3, 3, 1, 1), np.float32), "two": np.array(2, np.float32)}
    graph = Graph(network([1, 3, 4, 4], [*nodes, ("Conv", ["f", "v"], "y", {})], weights, [1, 3, 4, 4], opset=20))
    functions.find(graph)
    return graph, {each.result for each in graph.functions.values()}


KNOWN = [
    [("Relu", ["x"], "f", {})],
    [("HardSwish", ["x"], "f", {})],
    [("Sigmoid", ["x"], "f", {})],
    [("Sigmoid", ["x"], "s", {}), ("Mul", ["x", "s"], "f", {})],
    [("Sigmoid", ["x"], "s", {}), ("Mul", ["two", "s"], "m", {}), ("Add", ["m", "two"], "f", {})],
    [("Mul", ["x", "two"], "m", {}), ("Sub", ["m", "two"], "f", {})],
]


@pytest.mark.parametrize("nodes", KNOWN)
def test_activations_with_kernels_and_lines_are_left_out(nodes: list[tuple]) -> None:
    assert not found(nodes)[1]


def test_a_value_that_is_read_inside_ends_the_function() -> None:
    """A third operator reads the tensor between two functions: two tables, not one."""
    graph, results = found(
        [("Tanh", ["x"], "t", {}), ("Abs", ["t"], "a", {}), ("Conv", ["t", "v"], "z", {}), ("Mul", ["a", "z"], "f", {})]
    )
    assert results == {"t", "a"}
    assert graph.functions["a"].source == "t"


def test_the_largest_group_is_one_function() -> None:
    graph, results = found(
        [
            ("Relu", ["x"], "r", {}),
            ("Mul", ["r", "two"], "m", {}),
            ("Exp", ["m"], "e", {}),
            ("Sub", ["e", "x"], "f", {}),
        ]
    )
    assert results == {"f"}
    assert graph.functions["r"].source == "x"


def test_a_factor_for_each_channel_ends_the_function() -> None:
    weights = {"v": np.ones((3, 3, 1, 1), np.float32), "k": np.ones((3, 1, 1), np.float32)}
    nodes = [("Tanh", ["x"], "t", {}), ("Mul", ["t", "k"], "f", {}), ("Conv", ["f", "v"], "y", {})]
    graph = Graph(network([1, 3, 4, 4], nodes, weights, [1, 3, 4, 4]))
    functions.find(graph)
    assert {each.result for each in graph.functions.values()} == {"t"}


def test_a_curve_is_what_onnx_says() -> None:
    graph, _ = found([("Softplus", ["x"], "s", {}), ("Tanh", ["s"], "t", {}), ("Mul", ["x", "t"], "f", {})])
    x = np.linspace(-6, 6, 50)
    np.testing.assert_allclose(
        functions.curve(graph, graph.functions["f"])(x), x * np.tanh(np.log1p(np.exp(x))), atol=1e-5
    )


def test_a_long_chain_takes_no_time() -> None:
    nodes = [("Abs", [f"n{place}" if place else "x"], f"n{place + 1}", {}) for place in range(900)]
    graph, results = found([*nodes, ("Abs", ["n900"], "f", {})])
    assert "f" in results
    assert len(graph.functions["n1"].outputs) <= functions.MOST
