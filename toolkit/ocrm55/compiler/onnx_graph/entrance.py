"""The entrance for ONNX files: a stranger's model is read, bounded and checked before anything computes with it.

TVM trusts a model. It accepts an index behind the end of a tensor, a window that never moves, or a batch norm in
training mode. Its C then reads outside of the tensor or gives other numbers. Such a model is refused here, with the
names of the operator and the layer.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, TypeProto, helper, numpy_helper

from ocrm55.compiler.onnx_graph import opsets
from ocrm55.compiler.onnx_graph.graph import attributes
from ocrm55.compiler.onnx_graph.graph import windows as graph_windows
from ocrm55.errors import InputError, UnsupportedError

MOST_BYTES = 1 << 30  # of a model with its weights
MOST_NODES = 5000
MOST_OPERATORS = 1000  # that compute something; each costs milliseconds
MOST_VALUES = 1 << 28  # of one tensor
LONGEST_NAME = 512
NEWEST_OPSET = onnx.defs.onnx_opset_version()
LARGEST_SCALE = 1e30  # so that products of two and their quotients stay numbers
_AROUND = ("Constant", "Identity", "QuantizeLinear", "DequantizeLinear")
_STANDARD = ("", "ai.onnx")
_QUANTISED = (TensorProto.INT8, TensorProto.UINT8)
_NUMBERS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.UINT8)
_TYPES = (*_NUMBERS, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL)
_AGAIN = ["export or copy the model again"]
_OTHER = ["replace the operator in the model"]


def read(path: Path) -> onnx.ModelProto:
    """Read an ONNX file with its external data, which must lie in the file's own folder. Older opsets become newer.

    Raises InputError for a file that is no valid model, UnsupportedError for an operator that would be computed
    wrongly.
    """
    model = _parsed(path)
    try:
        _check(path, model)
        return opsets.upgraded(model)
    except onnx.shape_inference.InferenceError as trouble:
        raise InputError(f"{path} is not a valid ONNX model: {_reason(trouble)}.", _AGAIN) from trouble
    except UnicodeDecodeError as trouble:
        raise InputError(f"{path} is not a valid ONNX model: a name in it is no UTF-8.", _AGAIN) from trouble


def _check(path: Path, model: onnx.ModelProto) -> None:
    """Take the external data in, and check the model; raises as `read` does."""
    if not all(isinstance(name, str) for name in _names(model)):  # protobuf gives others as bytes
        raise InputError(f"{path} is not a valid ONNX model: a name in it is no UTF-8.", _AGAIN)
    for tensor in _tensors(model):
        _load_external(tensor, path)
    _check_size(path, model)
    for node in model.graph.node:
        if node.op_type == "Constant" and node.domain in _STANDARD:
            _plain_constant(node)
    _check_weights(path, model)
    for node in model.graph.node:
        check_node(node, model)
    _check_windows(model)
    try:
        onnx.checker.check_model(model)
    except Exception as trouble:  # the checker, written in C++, raises classes of its own
        raise InputError(f"{path} is not a valid ONNX model: {_reason(trouble)}.", _AGAIN) from trouble


def _reason(trouble: Exception) -> str:
    text = str(trouble).strip()
    return text.splitlines()[0].rstrip(".")[:300] if text else type(trouble).__name__


def _parsed(path: Path) -> onnx.ModelProto:
    try:
        if not path.is_file():
            what = "it is not a regular file" if path.exists() else "there is no such file"
            raise InputError(f"{path} is not a valid ONNX model: {what}.", ["name an ONNX file"])
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes; {MOST_BYTES:,} is the most.")
        model = onnx.ModelProto()
        model.ParseFromString(path.read_bytes())
    except OSError as trouble:
        raise InputError(f"{path} cannot be read: {trouble.strerror}.") from trouble
    except DecodeError as trouble:
        raise InputError(f"{path} is not a valid ONNX model: it is damaged or cut short.", _AGAIN) from trouble
    if not model.graph.node:
        raise InputError(f"{path} is not a valid ONNX model: it has no operators.", _AGAIN)
    return model


def _names(model: onnx.ModelProto) -> Iterator[object]:
    """All names in a model."""
    graph = model.graph
    yield from (graph.name, model.producer_name, model.domain)
    yield from (each.domain for each in model.opset_import)
    yield from (each.name for each in (*graph.input, *graph.output, *graph.value_info))
    yield from (each.name for each in _tensors(model))
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """All constants of the graph: initialisers, and the tensors in attributes."""
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


# --- external data ---------------------------------------------------------------------------------------------------


def _load_external(tensor: TensorProto, path: Path) -> None:
    """Take a tensor's bytes from the file that it names. Raises InputError for one outside of the model's folder."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return
    named = {each.key: each.value for each in tensor.external_data}
    folder = path.resolve().parent
    what = f"{path}: the external data of {tensor.name[:80]}"
    tries = ["copy the data file into the model's folder", "save the model with its data inside"]
    try:
        file = Path(os.path.realpath(folder / named.get("location", "")))  # resolve() raises for a loop of links
        if not file.is_relative_to(folder) or not named.get("location"):
            raise InputError(f"{what} lies outside of the model's folder.", tries)
        if not file.is_file() or file.stat().st_nlink > 1:
            raise InputError(f"{what} is not a regular file with one name.", tries)
        offset, size = _whole(named.get("offset", "0")), file.stat().st_size
        length = _whole(named["length"]) if named.get("length") else size - offset
        if offset < 0 or length < 0 or offset + length > min(size, MOST_BYTES):
            raise InputError(f"{what} is cut short: {file.name} has {size:,} bytes.", _AGAIN)
        with file.open("rb") as opened:
            opened.seek(offset)
            tensor.raw_data = opened.read(length)
    except (OSError, ValueError) as trouble:  # a name with a zero byte, a loop of links
        reason = getattr(trouble, "strerror", None) or "its name is no file's"
        raise InputError(f"{what} cannot be read: {reason}.", tries) from trouble
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


# --- the model as a whole --------------------------------------------------------------------------------------------


def _check_size(path: Path, model: onnx.ModelProto) -> None:
    """Check bounds, and refuse features that the compiler does not know."""
    if len(model.graph.node) > MOST_NODES:
        raise UnsupportedError(f"{path} has {len(model.graph.node):,} operators; {MOST_NODES:,} is the most.", _OTHER)
    computing = sum(node.op_type not in _AROUND for node in model.graph.node)
    if computing > MOST_OPERATORS:
        raise UnsupportedError(f"{path} has {computing:,} operators; {MOST_OPERATORS:,} is the most.", _OTHER)
    opsets = [each.version for each in model.opset_import if each.domain in _STANDARD]
    if len(opsets) != 1 or not 1 <= opsets[0] <= NEWEST_OPSET:
        found = ", ".join(map(str, opsets)) or "none"
        raise UnsupportedError(
            f"{path} uses ONNX opset {found}; the newest that is known here is {NEWEST_OPSET}.", ["convert the model"]
        )
    if model.functions:
        raise UnsupportedError(f"{path} defines functions of its own, such as {model.functions[0].name[:80]}.", _OTHER)
    if model.graph.sparse_initializer:
        raise UnsupportedError(f"{path} has sparse weights.", ["save them dense"])
    names = [name for node in model.graph.node for name in (*node.output, node.name)]
    for name in (*names, *(each.name for each in (*model.graph.input, *model.graph.output))):
        if len(name) > LONGEST_NAME:
            raise InputError(f"{path} has a name of {len(name)} characters: {name[:40]}….", _AGAIN)


def _check_weights(path: Path, model: onnx.ModelProto) -> None:
    """Check that each constant has the bytes that its shape and type need, and a type that the compiler knows."""
    total = 0
    for tensor in _tensors(model):
        what = f"{path}: the constant {tensor.name[:80] or 'of an operator'}"
        if tensor.data_type not in _TYPES:
            kind = type_name(tensor.data_type)
            raise UnsupportedError(f"{what} holds {kind}.", ["convert it to FLOAT"])
        if any(size < 0 for size in tensor.dims) or math.prod(tensor.dims) > MOST_VALUES:
            raise InputError(f"{what} has the shape {list(tensor.dims)!s:.80}.", _AGAIN)
        try:
            values = numpy_helper.to_array(tensor)
            total += values.nbytes
        except Exception as trouble:  # numpy and protobuf each raise their own
            raise InputError(f"{what} has not the bytes that its shape {list(tensor.dims)} needs.", _AGAIN) from trouble
        if total > MOST_BYTES:
            raise InputError(f"{path} has more than {MOST_BYTES:,} bytes of constants.")
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise InputError(f"{what} holds values that are no numbers (NaN).", _AGAIN)

    declared = {each.name: each.type.tensor_type for each in (*model.graph.input, *model.graph.value_info)}
    for tensor in model.graph.initializer:
        if tensor.name in declared and not _is_as_declared(tensor, declared[tensor.name]):
            raise InputError(
                f"{path}: the constant {tensor.name[:80]} has another shape or type than the one declared for it.",
                _AGAIN,
            )


def _is_as_declared(tensor: TensorProto, declared: TypeProto.Tensor) -> bool:
    """Whether a constant has the type and the sizes of its entry among the inputs; open sizes fit any."""
    if declared.elem_type not in (0, tensor.data_type):
        return False
    sizes = [size.dim_value if size.HasField("dim_value") else -1 for size in declared.shape.dim]
    if not declared.HasField("shape"):
        return True
    fit = (size in (-1, own) for size, own in zip(sizes, tensor.dims, strict=False))
    return len(sizes) == len(tensor.dims) and all(fit)


def _check_windows(model: onnx.ModelProto) -> None:
    """Check that the window of each convolution is known: ONNX crashes over weights that have other axes."""
    for node, shape in graph_windows(model.graph):
        if len(shape) < 3:
            raise _refused(node, "its weights are no constant with a window")


def type_name(kind: int) -> str:
    """ONNX's name of a type of numbers, or its number where it has none."""
    return TensorProto.DataType.Name(kind) if kind in TensorProto.DataType.values() else f"type {kind}"


def _plain_constant(node: onnx.NodeProto) -> None:
    """Turn a Constant with any form of attribute into one with a tensor."""
    values: dict[str, Any] = attributes(node)
    forms: dict[str, Callable[[Any], np.ndarray]] = {
        "value_float": lambda v: np.asarray(v, np.float32),
        "value_floats": lambda v: np.asarray(v, np.float32),
        "value_int": lambda v: np.asarray(v, np.int64),
        "value_ints": lambda v: np.asarray(v, np.int64),
    }
    (name, value), *others = [*values.items()] or [("", None)]
    if others or (name != "value" and name not in forms):
        raise _refused(node, f"its attributes are {', '.join(sorted(values)) or 'missing'}")
    if name in forms:
        tensor = numpy_helper.from_array(forms[name](value), node.output[0] if node.output else "")
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("value", tensor))


# --- operators -------------------------------------------------------------------------------------------------------


def _refused(node: onnx.NodeProto, why: str) -> UnsupportedError:
    layer = (node.name or next(iter(node.output), "") or "without a name")[:200]
    return UnsupportedError(f"operator {node.op_type} of layer {layer} cannot be compiled: {why}.", _OTHER)


def check_node(node: onnx.NodeProto, model: onnx.ModelProto) -> None:
    """Raise UnsupportedError for an operator that would be computed wrongly, or not at all."""
    if node.domain not in _STANDARD:
        raise _refused(node, f"it is of another operator set, {node.domain[:80]}")
    for attribute in node.attribute:
        if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            raise _refused(node, "it holds a graph of its own")
    _check_attributes(node, model)
    try:
        values = attributes(node)
    except Exception as trouble:  # attributes of unknown types
        raise _refused(node, f"an attribute is damaged ({_reason(trouble)})") from trouble
    for name, least in (("strides", 1), ("dilations", 1), ("kernel_shape", 1), ("pads", 0)):
        sizes = values.get(name, ())
        if not isinstance(sizes, list | tuple) or any(not least <= size < 1 << 16 for size in sizes):
            raise _refused(node, f"its {name} are {sizes!s:.80}")
    if not 1 <= values.get("group", 1) < 1 << 16:
        raise _refused(node, f"it has {values['group']} groups")
    if why := _WHY_NOT.get(node.op_type, lambda *_: None)(node, values, model):
        raise _refused(node, why)


def _check_attributes(node: onnx.NodeProto, model: onnx.ModelProto) -> None:
    """Check that ONNX knows the operator and its attributes, and that they have its types."""
    opset = next(each.version for each in model.opset_import if each.domain in _STANDARD)
    try:
        known = onnx.defs.get_schema(node.op_type, opset, "").attributes
    except onnx.defs.SchemaError as trouble:
        raise _refused(node, f"ONNX opset {opset} does not have it") from trouble
    names = [attribute.name for attribute in node.attribute]
    for attribute in node.attribute:
        given = known.get(attribute.name)
        if given is None:
            raise _refused(node, f"ONNX opset {opset} does not give it {attribute.name[:80] or 'an attribute'}")
        if getattr(given.type, "value", 0) != attribute.type:
            raise _refused(node, f"its {attribute.name[:80]} is of another type")
        unlimited = node.op_type == "Clip"  # of opsets before 11
        numbers = (attribute.f, *attribute.floats)
        if any(math.isnan(number) or (math.isinf(number) and not unlimited) for number in numbers):
            raise _refused(node, f"its {attribute.name[:80]} is no finite number")
        if names.count(attribute.name) > 1:
            raise _refused(node, f"it has two values of {attribute.name[:80]}")


def _batch_norm(node: onnx.NodeProto, values: dict[str, Any], _model: onnx.ModelProto) -> str | None:
    return "it is in training mode" if values.get("training_mode", 0) or len(node.output) > 1 else None


def _pool(node: onnx.NodeProto, values: dict[str, Any], _model: onnx.ModelProto) -> str | None:
    """windows.py rounds sizes up for the pools that it knows; TVM gives other numbers."""
    if values.get("ceil_mode", 0) and (node.op_type == "LpPool" or values.get("count_include_pad", 0)):
        return "its size is rounded up (ceil_mode) over a border that is counted"
    return None


def _cast(_node: onnx.NodeProto, values: dict[str, Any], _model: onnx.ModelProto) -> str | None:
    kind = values.get("to", 0)
    return None if kind in _TYPES else f"it casts to {type_name(kind)}"


def _always(why: str) -> Callable[..., str | None]:
    return lambda *_: why


def _quantise(node: onnx.NodeProto, values: dict[str, Any], model: onnx.ModelProto) -> str | None:
    """Kernels compute with int8 and uint8 and one scale a tensor or a channel."""
    if values.get("block_size", 0):
        return "it has a scale a block"
    kind = values.get("output_dtype", 0)
    if node.op_type == "QuantizeLinear" and kind and kind not in _QUANTISED:
        return f"it quantises to {type_name(kind)}; int8 and uint8 are computed"
    for tensor in (each for each in _tensors(model) if each.name in node.input[1:2]):
        scale = numpy_helper.to_array(tensor)
        if scale.dtype.kind == "f" and not ((scale > 0) & (scale < LARGEST_SCALE)).all():
            return f"its scale {tensor.name[:80]} is not above 0 and below {LARGEST_SCALE:g}"
    named = [name for name in node.input[2:3] if name]
    if node.op_type == "DequantizeLinear":
        named += node.input[:1]
    for tensor in (each for each in _tensors(model) if each.name in named):
        allowed = (*_QUANTISED, TensorProto.INT32) if node.op_type == "DequantizeLinear" else _QUANTISED
        if tensor.data_type not in allowed:
            return f"it quantises to {type_name(tensor.data_type)}; int8 and uint8 are computed"
    return None


_WHY_NOT: dict[str, Callable[[onnx.NodeProto, dict[str, Any], onnx.ModelProto], str | None]] = {
    "BatchNormalization": _batch_norm,
    "LpPool": _pool,
    "AveragePool": _pool,
    "Cast": _cast,
    "ReduceLogSumExp": _always("TVM gives other numbers than ONNX"),
    "QuantizeLinear": _quantise,
    "DequantizeLinear": _quantise,
}
