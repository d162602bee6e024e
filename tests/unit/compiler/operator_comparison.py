"""The integer reference's operators, one by one, against ONNX Runtime on the QDQ model that they were lowered from."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from ocrm55.compiler.operators.int8.convolution import Convolution
from ocrm55.compiler.operators.int8.rows import SoftmaxRows
from ocrm55.compiler.operators.program import Operator
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.tasks.recognizer import image


def qdq_values(model: onnx.ModelProto, tensor: np.ndarray) -> dict[str, np.ndarray]:
    """Every int8 tensor of a QDQ model for one input, from ONNX Runtime without its optimisations."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    names = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    watched.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.INT8, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = session.run(names, {session.get_inputs()[0].name: tensor})
    return {name.removesuffix(".int8"): value for name, value in zip(names, values, strict=True)}


def in_our_order(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An image from NCHW to NHWC; everything else lies alike."""
    both_images = value.ndim == 4 and len(shape) == 4
    return (value.transpose(0, 2, 3, 1) if both_images else value).reshape(shape)


def largest_share(operator: Operator, count: int) -> float:
    """How many outputs may be one step off: those by table know their argument to a fraction of a step only.

    The fewer entries, the coarser: with 1024 of them the layer in front of the attention has 7.5 to 8.3 %, by weights.
    """
    epilogue = operator.spec.epilogue if isinstance(operator.spec, Convolution) else None
    if epilogue is None or epilogue.activation != "table16":
        return 0.002 + 2 / count
    entries = 1 << (16 - epilogue.table_shift)
    return (0.1 if entries <= 1024 else 0.08) + 2 / count


def compare(reference: IntegerReference, model: onnx.ModelProto, pixels: np.ndarray) -> int:
    """Compute every operator from ONNX Runtime's inputs to it; assert that it is a step off at most, and seldom.

    Returns how many operators could be compared: those whose inputs and output the QDQ model has as well.
    """
    program = reference.program
    values = qdq_values(model, image.normalise(pixels, program.input_size[2]))
    known = {
        name: in_our_order(values[source], program.tensors[name].shape)
        for name, source in program.sources.items()
        if program.tensors[name].view_of is None and values[source].size == program.tensors[name].size
    }
    compared = 0
    reference.probabilities(pixels)
    for operator in program.operators:
        inputs = [name for name in operator.inputs if program.tensors[name].role != "weight"]
        output = operator.outputs[0]
        if output not in known or not all(name in known for name in inputs) or isinstance(operator.spec, SoftmaxRows):
            continue
        reference.tensors.update({name: known[name] for name in inputs})
        found = reference.step(operator).astype(np.int32)
        off = np.abs(found.reshape(-1) - known[output].reshape(-1))
        assert off.max() <= 1, (operator.layer, off.max())
        assert (off > 0).mean() <= largest_share(operator, off.size), (operator.layer, (off > 0).mean())
        compared += 1
    return compared
