"""Extract the recognizer's trainable weights from an inference model, by the network's own names.

An inference model has lost the names of the layers and keeps only the order of its operators. The network has the same
order, and every shape must fit. Batch norms must be separate operators.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from ocrm55.compiler.onnx_graph import entrance
from ocrm55.errors import InputError
from ocrm55.export.onnx_model import TOLERANCE, converted, noise
from ocrm55.tasks.recognizer.image import HEIGHT, WIDTH
from ocrm55.tasks.recognizer.inference import OnnxRecognizer
from ocrm55.tasks.recognizer.layout import layout
from ocrm55.tasks.recognizer.model import RecognizerFolder

SMALLEST = 8  # numbers of a weight; constants with fewer are the operators' own


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The weights of an ONNX file or a Paddle inference model folder, by the names of a training checkpoint.

    Raises InputError when it is not the English PP-OCRv3 recognizer, or when its batch norms were folded into the
    convolutions, which cannot be undone.
    """
    found, wanted = _in_order(_model(path)), layout()
    if not any(op == "BatchNormalization" for op, _ in found):
        raise InputError(
            f"{path} has no batch norms: they were folded into its convolutions, or it is of another network.",
            ["name the model as paddle2onnx writes it, not optimised since"],
        )
    if len(found) != len(wanted):
        raise InputError(
            f"{path} has {len(found)} weights where the English PP-OCRv3 recognizer has {len(wanted)}.",
            ["name a conversion of en_PP-OCRv3_rec"],
        )
    weights = {}
    for (op, value), (name, shape) in zip(found, wanted.items(), strict=True):
        if list(value.shape) != shape and not (len(shape) == 1 and value.size == shape[0]):
            raise InputError(
                f"{path}: a weight of a {op} has the shape {list(value.shape)}, {name} has {shape}.",
                ["name a conversion of en_PP-OCRv3_rec"],
            )
        weights[name] = value.reshape(shape).astype(np.float32)
    return weights


def check_weights(path: Path, network) -> None:  # type: ignore[no-untyped-def]  # a class of Paddle's
    """Compare a network with the ONNX file of its weights. Raises InputError when their outputs differ.

    The input is noise, float32 [1, 3, 48, 320]. PaddleOCR's own model differs by 2e-4.
    """
    import paddle

    tensor = noise((1, 3, HEIGHT, WIDTH))
    ours = network(paddle.to_tensor(tensor)).numpy()
    difference = float(np.abs(OnnxRecognizer(path).probabilities(tensor) - ours).max())
    if not difference <= TOLERANCE:
        raise InputError(
            f"{path} and the English PP-OCRv3 recognizer with its weights give different outputs, by {difference:.2e}.",
            ["name a conversion of en_PP-OCRv3_rec"],
        )


def _model(path: Path) -> onnx.ModelProto:
    if path.is_dir():
        model = RecognizerFolder(path)
        return converted(model.program, model.parameters)
    return entrance.read(path)


def _in_order(model: onnx.ModelProto) -> list[tuple[str, np.ndarray]]:
    """Each weight with its operator's type, in the order in which the operators read them."""
    constants = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants.update((node.output[0], each.t) for each in node.attribute if each.name == "value")
    found = []
    for node in model.graph.node:
        for name in node.input:
            if name in constants and constants[name].data_type == onnx.TensorProto.FLOAT:
                value = numpy_helper.to_array(constants[name])
                if value.size >= SMALLEST:
                    found.append((node.op_type, value))
    return found
