"""Turn QDQ networks with uint8 into equal ones with int8: every integer and its zero point move down by 128.

Quantisers offer both types. The real values are the same, and the kernels know only int8.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.errors import UnsupportedError

_SHIFT = 128


def to_int8(graph: Graph) -> None:
    """Edit a graph: int8 where it had uint8. A graph without uint8 stays as it is.

    Raises UnsupportedError for a scale or a zero point that is computed.
    """
    unsigned = {name for name, value in graph.constants.items() if value.dtype == np.uint8}
    for number, node in enumerate(graph.nodes):
        zero_point = node.input[2] if len(node.input) > 2 else ""
        if node.op_type == "QuantizeLinear":
            is_unsigned = zero_point in unsigned or not zero_point
        else:
            is_unsigned = bool(node.input) and node.input[0] in unsigned
        if is_unsigned and node.op_type != "DequantizeLinear":
            unsigned.update(node.output)  # also of what only moves elements
        if not is_unsigned or node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        source, scale, *_ = (str(name) for name in node.input)
        computed = next((name for name in (scale, zero_point) if name and name not in graph.constants), None)
        if computed is not None:
            raise UnsupportedError(
                f"operator {node.op_type} of layer {node.name or node.output[0]} cannot be compiled: {computed} is "
                "no constant.",
                ["quantise the model with constant scales and zero points"],
            )
        moved = f"{node.output[0]}.zero_point.{number}"
        graph.constants[moved] = _down(graph.constants.get(zero_point, np.zeros_like(graph.constants[scale], np.uint8)))
        if node.op_type == "DequantizeLinear" and source in graph.constants:
            graph.constants[f"{source}.int8"] = _down(graph.constants[source])
            source = f"{source}.int8"
        graph.read(node, (source, scale, moved))
        if attributes(node).get("output_dtype") == TensorProto.UINT8:
            graph.set_attribute(node, "output_dtype", TensorProto.INT8)


def _down(values: np.ndarray) -> np.ndarray:
    """int8 of uint8."""
    return (values.astype(np.int16) - _SHIFT).astype(np.int8)
