"""QDQ models with uint8 to the same ones with int8: every integer and its zero point move down by 128.

Quantisers offer both, and the real values are the same; the kernels know int8 alone.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

_SHIFT = 128


def to_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with int8 where it had uint8; a model without uint8 stays the same object."""
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    moved: dict[str, np.ndarray] = {}
    unsigned: set[str] = {name for name, value in constants.items() if value.dtype == np.uint8}
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for number, node in enumerate(changed.graph.node):
        zero_point = node.input[2] if len(node.input) > 2 else ""
        if node.op_type == "QuantizeLinear":
            is_unsigned = zero_point in unsigned or not zero_point
        else:
            is_unsigned = bool(node.input) and node.input[0] in unsigned
        if is_unsigned and node.op_type != "DequantizeLinear":
            unsigned.update(node.output)  # also of what only moves elements
        if not is_unsigned or node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        old = constants.get(zero_point, np.zeros_like(constants[node.input[1]], np.uint8))
        name = f"{node.output[0]}.zero_point.{number}"
        moved[name] = (old.astype(np.int16) - _SHIFT).astype(np.int8)
        del node.input[2:]
        node.input.append(name)
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            shifted = f"{node.input[0]}.int8"
            moved[shifted] = (constants[node.input[0]].astype(np.int16) - _SHIFT).astype(np.int8)
            node.input[0] = shifted
        for attribute in node.attribute:
            if attribute.name == "output_dtype" and attribute.i == TensorProto.UINT8:
                attribute.i = TensorProto.INT8
    if not moved:
        return model
    changed.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in moved.items())
    # Types that were inferred before are no longer true.
    kept = [each for each in changed.graph.value_info if each.type.tensor_type.elem_type != TensorProto.UINT8]
    del changed.graph.value_info[:]
    changed.graph.value_info.extend(kept)
    used = {name for node in changed.graph.node for name in node.input}
    weights = [each for each in changed.graph.initializer if each.name in used]
    del changed.graph.initializer[:]
    changed.graph.initializer.extend(weights)
    return changed
