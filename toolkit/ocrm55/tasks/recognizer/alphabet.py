"""Cut a recognizer to the characters that are wanted: its last layer then has weights for no others.

PP-OCRv6 tiny knows 6,906 classes, and their weights are half of the network. What is left reads as before: the
probability of what was cut is shared by what is kept.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from ocrm55 import temporary
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.compiler.onnx_graph.graph import attributes
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.export import onnx_model
from ocrm55.export.paddle_folder import SETTINGS, new_folder
from ocrm55.inference import OnnxNetwork, softmax
from ocrm55.tasks.recognizer import onnx_file
from ocrm55.tasks.recognizer.charset import read_dictionary
from ocrm55.tasks.recognizer.model import ONNX, RecognizerFolder

ASCII = frozenset(string.printable.strip() + " ")
# Marks of print in Latin letters beyond Latin-1: the euro, dashes, quotation marks, daggers, dots, per mille, minus.
_MARKS = "\u20ac\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e\u2020\u2021\u2022\u2026\u2030\u2039\u203a\u2122\u2212"
LAST_LATIN = 0x24F  # the end of Latin Extended-B
TOLERANCE = 1e-3  # as onnx_model.TOLERANCE
_MOVES = ("Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Softmax", "LogSoftmax")
_TRIES = ["--characters ascii, latin or a file with one character a line"]


def wanted(words: str, known: Sequence[str]) -> set[str]:
    """The characters of a model's dictionary that a user asks for: by `ascii`, `latin` or the name of a file.

    Raises InputError for a file with characters that the model does not know, or for words that are neither.
    """
    if words.lower() == "ascii":
        return {each for each in known if each in ASCII}
    if words.lower() == "latin":
        return {each for each in known if all(ord(c) <= LAST_LATIN or c in _MARKS for c in each)}
    if not Path(words).exists():
        raise InputError(f"`{words[:80]}` is no set of characters and no file.", _TRIES)
    listed = read_dictionary(Path(words))
    unknown = [each for each in listed if each not in known]
    if unknown:
        raise InputError(
            f"{words} names {len(unknown)} characters that the model does not know, such as {unknown[0]}.",
            ["leave them out"],
        )
    return set(listed)


def cut(folder: RecognizerFolder, words: str, destination: Path) -> RecognizerFolder:
    """Write a recognizer with fewer characters as a folder with an ONNX file, whole or not at all.

    words: see `wanted`. Raises InputError as it does, UnsupportedError for a network whose last layer is not found.
    """
    has_space = len(folder.charset) == len(folder.dictionary) + 2
    chosen = wanted(words, folder.dictionary)
    kept = [0, *(place for place, each in enumerate(folder.dictionary, 1) if each in chosen)]
    if len(kept) == 1:
        raise InputError(f"the model knows none of the characters of {words[:80]}.", _TRIES)
    characters = [folder.charset[place] for place in kept[1:]]
    kept += [len(folder.charset) - 1] if has_space else []
    whole = entrance.read(folder.program) if folder.is_onnx else onnx_model.converted(folder.program, folder.parameters)
    smaller = _without_others(whole, len(folder.charset), kept)
    _compare(whole, smaller, kept, (1, *folder.input_shape), gives_logits=folder.gives_logits)
    text = onnx_file.settings_with(folder.settings, {}, characters, None)
    with new_folder(destination, RecognizerFolder) as staging:
        onnx.save(smaller, str(staging / ONNX))
        (staging / SETTINGS).write_text(text, encoding="utf-8")
    return RecognizerFolder(destination)


def _without_others(model: onnx.ModelProto, classes: int, kept: Sequence[int]) -> onnx.ModelProto:
    """A model whose last layer computes the kept classes only."""
    new = onnx.ModelProto()
    new.CopyFrom(model)
    graph = new.graph
    writers = {name: node for node in graph.node for name in node.output}
    node = writers.get(graph.output[0].name)
    constants = _constants(graph)
    axis = None
    while node is not None and axis is None:
        axis = _axis_of_classes(node, constants, classes)
        node = node if axis is not None else _before(node, constants, classes, kept, writers)
    if node is None or axis is None:
        raise UnsupportedError(
            f"the layer that computes the {classes:,} classes is not found: the classes cannot be cut.",
            ["leave --characters out"],
        )
    _take(constants[node.input[1]], kept, axis)
    for name in node.input[2:]:
        _take(constants[name], kept, 0)
    del graph.value_info[:]
    for output in graph.output:
        output.type.tensor_type.shape.dim[-1].dim_value = len(kept)
    return new


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """All constants that one operator reads, as they stand in the graph."""
    found = {each.name: each for each in graph.initializer}
    found |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    readers = [name for node in graph.node for name in node.input]
    return {name: tensor for name, tensor in found.items() if readers.count(name) == 1}


def _axis_of_classes(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto], classes: int) -> int | None:
    """The axis of the classes in the weights of the layer that computes them; None for another operator."""
    if node.op_type not in ("MatMul", "Gemm", "Conv") or any(name not in constants for name in node.input[1:]):
        return None
    rows_first = node.op_type == "Conv" or attributes(node).get("transB", 0)
    axis = 0 if rows_first else len(constants[node.input[1]].dims) - 1
    return axis if constants[node.input[1]].dims[axis] == classes else None


def _before(
    node: onnx.NodeProto,
    constants: dict[str, onnx.TensorProto],
    classes: int,
    kept: Sequence[int],
    writers: dict[str, onnx.NodeProto],
) -> onnx.NodeProto | None:
    """The operator before a bias, a softmax or a move, whose constants are cut; None for other operators."""
    computed = [name for name in node.input if name in writers and writers[name].op_type != "Constant"]
    if len(computed) != 1 or node.op_type not in (*_MOVES, "Add"):
        return None
    named = [constants[name] for name in node.input if name in constants]
    if node.op_type == "Reshape" and named:
        sizes = numpy_helper.to_array(named[0])
        named[0].CopyFrom(numpy_helper.from_array(np.where(sizes == classes, len(kept), sizes), named[0].name))
    elif node.op_type == "Add":
        if len(named) != 1 or named[0].dims[-1:] != [classes]:
            return None
        _take(named[0], kept, len(named[0].dims) - 1)
    return writers[computed[0]]


def _take(tensor: onnx.TensorProto, kept: Sequence[int], axis: int) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.take(numpy_helper.to_array(tensor), kept, axis), tensor.name))


def _compare(
    whole: onnx.ModelProto, smaller: onnx.ModelProto, kept: Sequence[int], shape: Sequence[int], *, gives_logits: bool
) -> None:
    """Check on one image of noise that what is kept has the same probabilities, shared out anew."""
    outputs = []
    with temporary.folder() as folder:
        for model in (whole, smaller):
            onnx.save(model, str(folder / ONNX))
            outputs.append(OnnxNetwork(folder / ONNX).run(onnx_model.noise(shape)))
    wanted_, found = outputs[0][..., list(kept)], outputs[1]
    if gives_logits:
        wanted_, found = softmax(wanted_), softmax(found)
    else:
        wanted_ = wanted_ / np.maximum(wanted_.sum(axis=-1, keepdims=True), 1e-30)
    difference = float(np.abs(found - wanted_).max()) if found.shape == wanted_.shape else float("inf")
    if not difference <= TOLERANCE:
        raise UnsupportedError(
            f"without the other classes the model gives other probabilities, by {difference:.2e}.",
            ["leave --characters out"],
        )
