"""Read the model of a command line as ONNX with static shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from ocrm55.compiler.onnx_graph import entrance, inference
from ocrm55.compiler.onnx_graph.graph import inputs_of
from ocrm55.errors import InputError, UnsupportedError

_PROGRAMS = (".json", ".pdmodel")  # of Paddle 3, of Paddle 2


def load(file: Path, kind: str, shapes: Mapping[str, Sequence[int]]) -> onnx.ModelProto:
    """Read a model and give its inputs the shapes.

    kind: `paddle` or `onnx`. Raises InputError for a file that is no such model or for a shape that does not fit it.
    """
    if not file.exists():
        raise InputError(f"there is no model {file}.")
    if kind == "paddle":
        return _paddle(file, shapes)
    if file.is_dir():
        raise InputError(f"{file} is a folder, not an ONNX file.")
    return with_shapes(entrance.read(file), shapes)


def precision(model: onnx.ModelProto) -> str:
    """`int8` for a model with QuantizeLinear and DequantizeLinear, `float32` for every other."""
    quantised = any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node)
    return "int8" if quantised else "float32"


def with_shapes(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> onnx.ModelProto:
    """An ONNX model whose inputs have these static shapes, and whose outputs have the shapes that follow."""
    inputs = {each.name: each for each in inputs_of(model.graph)}
    for name, shape in shapes.items():
        if name not in inputs:
            names = ", ".join(f"`{each}`" for each in inputs)
            raise InputError(f"--input-shapes: the model has no input `{name}`; its inputs are {names}.")
        dimensions = inputs[name].type.tensor_type.shape.dim
        fits = len(dimensions) == len(shape) and all(
            not each.HasField("dim_value") or each.dim_value in (size, -1, 0)
            for each, size in zip(dimensions, shape, strict=False)
        )
        if not fits:
            has = ",".join(str(each.dim_value or each.dim_param or "?") for each in dimensions)
            wanted = ",".join(str(size) for size in shape)
            raise InputError(f"--input-shapes: `{name}` has the shape [{has}], which [{wanted}] does not fit.")
    open_inputs = [name for name, each in inputs.items() if name not in shapes and not _is_static(each)]
    if open_inputs:
        raise InputError(
            f"the input `{open_inputs[0]}` leaves its shape open.", [f'--input-shapes "{open_inputs[0]}:[1,3,48,320]"']
        )
    if not shapes and all(_is_static(each) for each in model.graph.output):
        return model
    return _fixed(model, shapes)


def _fixed(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int]]) -> onnx.ModelProto:
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for each in fixed.graph.input:
        if each.name in shapes:
            _set(each, shapes[each.name])
    del fixed.graph.value_info[:]
    for each, shape in zip(fixed.graph.output, _output_shapes(fixed), strict=True):
        _set(each, shape)
    return inference.infer_shapes(fixed, data_prop=True)


def _output_shapes(model: onnx.ModelProto) -> list[tuple[int, ...]]:
    """Shapes of the outputs, computed by ONNX Runtime, because shape inference alone stops at many Reshapes."""
    import onnxruntime

    for each in model.graph.output:
        each.type.tensor_type.ClearField("shape")
    constants = {each.name for each in model.graph.initializer}
    feeds = {}
    for each in model.graph.input:
        if each.name not in constants:
            shape = [size.dim_value for size in each.type.tensor_type.shape.dim]
            feeds[each.name] = np.zeros(shape, onnx.helper.tensor_dtype_to_np_dtype(each.type.tensor_type.elem_type))
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
        )
        return [np.asarray(value).shape for value in session.run(None, feeds)]
    except Exception as trouble:  # ONNX Runtime raises classes of its own
        reason = str(trouble).strip().splitlines()[0]
        raise InputError(f"--input-shapes: the model does not run with these shapes: {reason}") from trouble


def _set(value: onnx.ValueInfoProto, shape: Sequence[int]) -> None:
    kind = value.type.tensor_type.elem_type
    value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, kind, list(shape)))


def _is_static(value: onnx.ValueInfoProto) -> bool:
    shape = value.type.tensor_type.shape
    return value.type.tensor_type.HasField("shape") and all(each.dim_value > 0 for each in shape.dim)


def _paddle(file: Path, shapes: Mapping[str, Sequence[int]]) -> onnx.ModelProto:
    from ocrm55.export.onnx_model import static_graph

    program = _program(file)
    parameters = program.with_suffix(".pdiparams")
    for path in (program, parameters):
        if not path.is_file() or path.stat().st_size == 0:
            raise InputError(
                f"the Paddle model {file} has no {path.name}.", ["name inference.json or inference.pdmodel"]
            )
    named: dict[str | None, Sequence[int]] = {}
    named.update(shapes.items())
    model = static_graph(program, parameters, named)
    open_inputs = [each.name for each in model.graph.input if not _is_static(each)]
    if open_inputs:
        raise InputError(
            f"the input `{open_inputs[0]}` leaves its shape open.", [f'--input-shapes "{open_inputs[0]}:[1,3,48,320]"']
        )
    if not all(_is_static(each) for each in model.graph.output):
        raise UnsupportedError(f"the shape of {program.name}'s output is not known before it runs.")
    return model


def _program(file: Path) -> Path:
    """The program file for a folder, a program or its parameters."""
    if file.is_dir():
        found = [path for suffix in _PROGRAMS for path in sorted(file.glob(f"*{suffix}"))]
        if not found:
            raise InputError(f"{file} holds no Paddle model.", ["name inference.json or inference.pdmodel"])
        return found[0]
    if file.suffix in _PROGRAMS:
        return file
    for suffix in _PROGRAMS:
        if file.with_suffix(suffix).is_file():
            return file.with_suffix(suffix)
    raise InputError(f"{file} is no program of Paddle.", ["name inference.json or inference.pdmodel"])
