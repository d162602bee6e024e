"""The figures of `ocrm55 quantize-report` on a network that is small enough to know them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from ocrm55.evaluation import quantization_error
from tests.unit.compiler.graphs import folded, quantised

RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def networks():
    """Two pointwise convolutions with hard-swish between them: float and int8, and pictures for both."""
    weights = {"w": RNG.normal(size=(8, 3, 1, 1)), "v": RNG.normal(size=(5, 8, 1, 1))}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "first", kernel_shape=[1, 1]),
        helper.make_node("HardSwish", ["a"], ["h"], "first/hardswish"),
        helper.make_node("Conv", ["h", "v"], ["y"], "second", kernel_shape=[1, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5, 4, 6])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    inputs = [RNG.uniform(-1, 1, (1, 3, 4, 6)).astype(np.float32) for _ in range(8)]
    return folded(model), quantised(model, inputs), inputs


def test_every_quantised_tensor_has_a_row(networks):
    rows = quantization_error.tensor_errors(*networks)
    assert [row.tensor.removesuffix(".equalised") for row in rows] == ["x", "h"]
    assert [row.layer for row in rows] == ["input", "first"]


def test_errors_add_up_from_tensor_to_tensor(networks):
    image, hidden = quantization_error.tensor_errors(*networks)
    assert image.alone == pytest.approx(image.together)
    assert 30 < hidden.together <= hidden.alone + 0.5
    assert all(40 < row.alone < 55 or row is hidden for row in (image, hidden))
    assert 0 <= hidden.saturated < 0.1


def test_the_files_say_what_the_tables_do(networks, tmp_path):
    rows = quantization_error.tensor_errors(*networks)
    sets = [quantization_error.Agreement("words", 4, 3, 2, 3)]
    quantization_error.write(tmp_path, rows, sets)
    values = json.loads((tmp_path / "quantization.json").read_text())
    assert [t["tensor"] for t in values["tensors"]] == [row.tensor for row in rows]
    assert values["texts"] == [{"name": "words", "count": 4, "float_exact": 3, "int8_exact": 2, "same": 3}]
    assert (tmp_path / "quantization.svg").read_text().count("<rect") >= 2 * len(rows)


def test_tables_are_printed(networks, capsys):
    quantization_error.show(
        quantization_error.tensor_errors(*networks), [quantization_error.Agreement("words", 4, 3, 2, 3)]
    )
    printed = capsys.readouterr().out
    assert "-25.00 points" in printed
    assert "75.00%" in printed
