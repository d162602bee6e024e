"""Shape inference in bounded time.

ONNX finds the border of a window with `auto_pad` by counting along the axis, one by one: for a length of 2^62 that
takes years. The output's length alone has a formula, which ONNX uses where the border is written out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

_COUNTED = ("Conv", "MaxPool", "AveragePool", "LpPool")
_SAME = (b"SAME_UPPER", b"SAME_LOWER")


def infer_shapes(model: onnx.ModelProto, **how: Any) -> onnx.ModelProto:
    """The model with the shapes of its tensors, as onnx.shape_inference.infer_shapes finds them; `how` is passed on.

    Raises onnx.shape_inference.InferenceError for shapes that do not fit together.
    """
    kept = {place: list(node.attribute) for place, node in enumerate(model.graph.node) if _is_counted(node)}
    for place in kept:
        _write_out(model.graph.node[place])
    try:
        inferred = onnx.shape_inference.infer_shapes(model, **how)
    finally:
        _give_back(model, kept)
    _give_back(inferred, kept)
    return inferred


def _is_counted(node: onnx.NodeProto) -> bool:
    names = {each.name for each in node.attribute}
    same = any(each.name == "auto_pad" and each.s in _SAME for each in node.attribute)
    return node.op_type in _COUNTED and same and "kernel_shape" in names


def _write_out(node: onnx.NodeProto) -> None:
    """Give it a border of the window's reach: the length of its output is the input's by the stride, rounded up."""
    given = {each.name: each for each in node.attribute}
    kernel = list(given["kernel_shape"].ints)
    dilations = list(given["dilations"].ints) if "dilations" in given else [1] * len(kernel)
    reach = [(size - 1) * step for size, step in zip(kernel, dilations, strict=False)]
    others = [each for each in node.attribute if each.name not in ("auto_pad", "pads", "ceil_mode")]
    del node.attribute[:]
    node.attribute.extend([*others, helper.make_attribute("pads", [0] * len(reach) + reach)])


def _give_back(model: onnx.ModelProto, kept: dict[int, list[onnx.AttributeProto]]) -> None:
    for place, attributes in kept.items():
        del model.graph.node[place].attribute[:]
        model.graph.node[place].attribute.extend(attributes)


def values_of(node: onnx.NodeProto, inputs: Mapping[str, np.ndarray], model: onnx.ModelProto) -> int:
    """The number of values that an operator makes of constants, before it is computed; 0 where ONNX cannot say.

    model: the one whose operator sets hold.
    """
    small = {name: value for name, value in inputs.items() if value.size <= 1024}  # may be sizes
    graph = helper.make_graph(
        [node],
        "constant",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in inputs.items()
            if name not in small
        ],
        [helper.make_value_info(name, onnx.TypeProto()) for name in node.output],
        [numpy_helper.from_array(value, name) for name, value in small.items()],
    )
    single = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    inferred = infer_shapes(single, data_prop=True)
    return sum(math.prod(size.dim_value for size in each.type.tensor_type.shape.dim) for each in inferred.graph.output)
