"""Shapes as ONNX infers them, also where it would take years."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from ocrm55.compiler.onnx_graph import inference


def network(kind: str, length: int, **attributes: Any) -> onnx.ModelProto:
    """One window along the last axis of [1, 2, 3, length]."""
    weights = [onnx.numpy_helper.from_array(np.zeros((4, 2, 1, attributes["kernel_shape"][1]), np.float32), "w")]
    reads = ["x", "w"] if kind == "Conv" else ["x"]
    graph = helper.make_graph(
        [helper.make_node(kind, reads, ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 3, length])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        weights[: len(reads) - 1],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def shape(model: onnx.ModelProto) -> list[int]:
    return [each.dim_value for each in model.graph.output[0].type.tensor_type.shape.dim]


@given(
    st.sampled_from(["Conv", "MaxPool", "AveragePool", "LpPool"]),
    st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]),
    st.integers(9, 60), st.integers(1, 4), st.integers(1, 4), st.integers(1, 2),
)  # fmt: skip
def test_the_same_shapes_as_onnx(
    kind: str, auto_pad: str, length: int, window: int, stride: int, dilation: int
) -> None:
    attributes: dict[str, Any] = {"auto_pad": auto_pad, "kernel_shape": [1, window], "strides": [1, stride]}
    if kind in ("Conv", "MaxPool"):
        attributes["dilations"] = [1, dilation]
    model = network(kind, length, **attributes)
    before = model.SerializeToString()
    found = inference.infer_shapes(model, strict_mode=True)
    assert found.SerializeToString() == onnx.shape_inference.infer_shapes(model, strict_mode=True).SerializeToString()
    assert model.SerializeToString() == before


@pytest.mark.parametrize("kind", ["Conv", "MaxPool", "AveragePool"])
def test_a_length_that_onnx_counts_for_years(kind: str) -> None:
    model = network(kind, 1 << 62, auto_pad="SAME_UPPER", kernel_shape=[1, 3], strides=[1, 2])
    assert shape(inference.infer_shapes(model, strict_mode=True))[3] == 1 << 61
