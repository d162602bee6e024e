"""The value of an operator of which all inputs are constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from ocrm55.compiler.onnx_graph import inference
from ocrm55.compiler.onnx_graph.bounds import MOST_COMPUTED
from ocrm55.errors import InputError, UnsupportedError, first_line


def evaluate(node: onnx.NodeProto, inputs: dict[str, np.ndarray], model: onnx.ModelProto) -> Sequence[np.ndarray]:
    """Compute one operator on constants with ONNX's reference implementation.

    Raises InputError for constants that the operator cannot take.
    """
    if (held := _held(node, inputs)) is not None:
        return [held]
    if node.op_type == "Concat":  # Paddle 2 has no tensors without an axis: its scalars have one element
        inputs = {name: np.atleast_1d(value) for name, value in inputs.items()}
    layer = f"{node.op_type} of layer {node.name or node.output[0]}"
    if (values := inference.values_of(node, inputs, model)) > MOST_COMPUTED:
        raise UnsupportedError(
            f"{layer} makes {values:,} values of constants; {MOST_COMPUTED:,} are the most.", ["export the model again"]
        )
    unknown = onnx.TypeProto()
    graph = onnx.helper.make_graph(
        [node],
        "constant",
        [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in inputs.items()
        ],
        [onnx.helper.make_value_info(name, unknown) for name in node.output],
    )
    single = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    try:
        return [np.asarray(value) for value in ReferenceEvaluator(single).run(None, inputs)]
    except Exception as trouble:  # numpy and the reference implementation each raise their own
        raise InputError(
            f"{layer} cannot be computed: {first_line(trouble)}.", ["export or copy the model again"]
        ) from trouble


def _held(node: onnx.NodeProto, inputs: dict[str, np.ndarray]) -> np.ndarray | None:
    """The value of a Constant or an Identity, of which converted models have hundreds; None for all else."""
    if node.op_type == "Identity" and len(inputs) == 1:
        return next(iter(inputs.values()))
    given = node.attribute[0] if node.op_type == "Constant" and len(node.attribute) == 1 else None
    if given is None or given.name != "value" or not given.HasField("t"):
        return None
    with suppress(Exception):  # of another size than it says, or of no known type: refused where it is computed
        return numpy_helper.to_array(given.t) if math.prod(given.t.dims) <= MOST_COMPUTED else None
    return None
