"""Functions of one value in int8, however they are written: tables, against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.operators.int8.elementwise import Lookup
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.quantization import equalise, unfused
from ocrm55.compiler.reference.int8.network import IntegerReference
from tests.unit.compiler.graphs import quantised
from tests.unit.compiler.onnx_networks import network, reference

INT8 = CompileOptions(precision="int8")
ERF = [
    ("Div", ["c", "root"], "d", {}), ("Erf", ["d"], "e", {}), ("Add", ["e", "one"], "a", {}),
    ("Mul", ["c", "a"], "m", {}), ("Mul", ["m", "half"], "f", {}),
]  # fmt: skip
TANH = [
    ("Pow", ["c", "three"], "p", {}), ("Mul", ["p", "cube"], "q", {}), ("Add", ["c", "q"], "r", {}),
    ("Mul", ["r", "tilt"], "s", {}), ("Tanh", ["s"], "t", {}), ("Add", ["t", "one"], "a", {}),
    ("Mul", ["half", "c"], "h", {}), ("Mul", ["h", "a"], "f", {}),
]  # fmt: skip
MISH = [("Softplus", ["c"], "s", {}), ("Tanh", ["s"], "t", {}), ("Mul", ["c", "t"], "f", {})]
QUICK = [("Mul", ["c", "steep"], "m", {}), ("Sigmoid", ["m"], "s", {}), ("Mul", ["s", "c"], "f", {})]
ROOTS = [("Abs", ["c"], "a", {}), ("Sqrt", ["a"], "f", {})]
NUMBERS = {
    "root": np.sqrt(2), "one": 1, "half": 0.5, "three": 3, "cube": 0.044715, "tilt": np.sqrt(2 / np.pi), "steep": 1.702,
    "zero": 0, "six": 6, "slope": 0.2, "limit": 0.4,
}  # fmt: skip


def one(operator: str, *others: str, **attributes: object) -> list[tuple]:
    return [(operator, ["c", *others], "f", attributes)]


FUNCTIONS = {
    "gelu_erf": ERF, "gelu_tanh": TANH, "gelu": one("Gelu"), "gelu_approximate": one("Gelu", approximate="tanh"),
    "relu6": one("Clip", "zero", "six"), "clip_low": one("Clip", "zero"), "clip_high": one("Clip", "", "limit"),
    "leaky": one("LeakyRelu", alpha=0.1), "prelu": one("PRelu", "slope"), "elu": one("Elu", alpha=0.7),
    "selu": one("Selu"), "softplus": one("Softplus"), "softsign": one("Softsign"), "mish": MISH, "mish_18": one("Mish"),
    "tanh": one("Tanh"), "abs": one("Abs"), "root": ROOTS, "exp": one("Exp"), "max": one("Max", "limit"),
    "min": one("Min", "limit"), "quick_gelu": QUICK, "thresholded": one("ThresholdedRelu", alpha=0.3),
    "sine": one("Sin"), "square": [("Mul", ["c", "c"], "f", {})], "erf": one("Erf"),
}  # fmt: skip


def between_convolutions(nodes: list[tuple], *, read_twice: bool = False, uneven: bool = False) -> onnx.ModelProto:
    """A convolution, a function of its result, another convolution; read_twice: a third reads the result itself.

    uneven: some channels of the result are much louder than others, which the second convolution makes up for.
    """
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(scale=0.9, size=(8, 3, 3, 3)).astype(np.float32),
        "b": rng.normal(scale=0.5, size=8).astype(np.float32),
        "v": rng.normal(scale=0.3, size=(5, 8, 1, 1)).astype(np.float32),
    }
    if uneven:
        loud = np.geomspace(0.3, 40, 8)
        weights["w"] = (weights["w"] * loud[:, None, None, None]).astype(np.float32)
        weights["v"] = (weights["v"] / loud[:, None, None]).astype(np.float32)
    used = {name for node in nodes for name in node[1]}
    weights |= {name: np.asarray(value, np.float32) for name, value in NUMBERS.items() if name in used}
    network_nodes = [("Conv", ["x", "w", "b"], "c", {"pads": [1] * 4}), *nodes]
    if read_twice:
        weights["u"] = rng.normal(scale=0.3, size=(5, 8, 1, 1)).astype(np.float32)
        network_nodes += [("Conv", ["f", "v"], "g", {}), ("Conv", ["c", "u"], "k", {}), ("Add", ["g", "k"], "y", {})]
    else:
        network_nodes.append(("Conv", ["f", "v"], "y", {}))
    return network([1, 3, 6, 8], network_nodes, weights, [1, 5, 6, 8], opset=20)


def inputs() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [np.clip(rng.normal(scale=0.4, size=(1, 3, 6, 8)), -1, 1).astype(np.float32) for _ in range(6)]


def differences(model: onnx.ModelProto) -> tuple[np.ndarray, list[str]]:
    """Those between the integers' result and ONNX Runtime's of the same QDQ model, as shares of the largest value."""
    program = pipeline.to_program(model, INT8)
    known = program.input.quantization
    assert known is not None
    runner = IntegerReference(program)
    image = np.rint(inputs()[0] / known.step) + known.zero_point
    runner.run(np.clip(image, -128, 127).astype(np.int8).transpose(0, 2, 3, 1))
    expected = reference(model, inputs()[0])
    found = runner.tensors[program.output.name].reshape(expected.shape)
    return np.abs(found - expected) / np.abs(expected).max(), [operator.kind for operator in program.operators]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_fused_behind_a_convolution(name: str) -> None:
    model = quantised(between_convolutions(FUNCTIONS[name]), inputs()).model()
    found, kinds = differences(model)
    assert kinds.count(Lookup.kind) == 0
    assert found.max() < 0.02
    assert found.mean() < 0.002


@pytest.mark.parametrize("name", ["gelu_erf", "leaky", "quick_gelu", "elu", "mish"])
def test_uneven_channels_get_a_table_each(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet channel keeps its steps: the second convolution's sums lose less than with one scale."""
    original = between_convolutions(FUNCTIONS[name], uneven=True)
    model = quantised(original, inputs()).model()
    first, *_ = pipeline.to_program(model, INT8).operators
    assert first.spec.epilogue.table_stride > 0
    found, _ = differences(model)
    assert found.max() < 0.02
    assert found.mean() < 0.002
    monkeypatch.setattr(equalise, "MOST_WITH_TABLES", 0)
    wanted = [reference(original, each) for each in inputs()]
    alone = quantised(original, inputs()).model()
    errors = [
        np.mean([np.square(reference(m, x) - y).mean() for x, y in zip(inputs(), wanted, strict=True)])
        for m in (model, alone)
    ]
    assert errors[0] < 0.3 * errors[1]


@pytest.mark.parametrize("name", ["gelu_erf", "leaky", "relu6", "quick_gelu", "square"])
def test_a_result_that_is_read_twice_is_looked_up(name: str) -> None:
    model = quantised(between_convolutions(FUNCTIONS[name], read_twice=True), inputs()).model()
    found, kinds = differences(model)
    assert kinds.count(Lookup.kind) == 1
    assert found.max() < 0.02


@pytest.mark.parametrize("name", ["gelu_erf", "gelu_tanh", "relu6", "tanh"])
def test_libraries_without_tables_look_it_up(name: str) -> None:
    graph = Graph(between_convolutions(FUNCTIONS[name]))
    unfused.quantize(graph, inputs(), halves_down=False)
    found, kinds = differences(graph.model())
    assert kinds.count(Lookup.kind) == 1
    assert found.max() < 0.02


@pytest.mark.parametrize("name", FUNCTIONS)
def test_quantisation_loses_little(name: str) -> None:
    """Against the float network: the ranges are those of the function's result."""
    original = between_convolutions(FUNCTIONS[name])
    model = quantised(original, inputs()).model()
    errors = [reference(model, each) - reference(original, each) for each in inputs()]
    largest = max(np.abs(reference(original, each)).max() for each in inputs())
    assert np.abs(errors).mean() < 0.01 * largest


@pytest.mark.parametrize("name", ["gelu_erf", "gelu", "relu6", "clip_low", "max", "leaky", "prelu", "elu", "mish"])
def test_float32_equals_onnx_runtime(name: str, check: Callable[..., object]) -> None:
    check(between_convolutions(FUNCTIONS[name]))
