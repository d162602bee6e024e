"""Networks that end in an int8 tensor, for a task whose reader takes one.

In ONNX such a network ends with QuantizeLinear and DequantizeLinear, and its metadata notes that the reader wants the
integers. Without the note, lowering gives float32, as readers of other networks expect.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

KEY = "ocrm55.output"  # of an ONNX model's metadata
VALUE = "int8"


def end_in_int8(model: onnx.ModelProto, scale: float, zero_point: int) -> None:
    """Edit a QDQ model: its output becomes int8 with this scale and zero point, and then float32 again."""
    graph = model.graph
    (output,) = graph.output
    name, real = output.name, f"{output.name}.real"
    for node in graph.node:
        node.input[:] = [real if each == name else each for each in node.input]
        node.output[:] = [real if each == name else each for each in node.output]
    values = {"scale": np.float32(scale), "zero_point": np.int8(zero_point)}
    graph.initializer.extend(numpy_helper.from_array(np.asarray(v), f"{name}.{k}") for k, v in values.items())
    parameters = [f"{name}.{each}" for each in values]
    graph.node.extend(
        [
            helper.make_node("QuantizeLinear", [real, *parameters], [f"{name}.int8"], f"{name}.quantize"),
            helper.make_node("DequantizeLinear", [f"{name}.int8", *parameters], [name], f"{name}.dequantize"),
        ]
    )
    others = {each.key: each.value for each in model.metadata_props}
    helper.set_model_props(model, others | {KEY: VALUE})


def is_noted(model: onnx.ModelProto) -> bool:
    """Whether a model's reader wants the integers of its output."""
    return any((each.key, each.value) == (KEY, VALUE) for each in model.metadata_props)
