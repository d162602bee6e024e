"""Writes TFLite files of quantised networks, with the schema classes that Vela brings.

net = TFLiteWriter()
x = net.tensor("x", (1, 8, 8, 4), np.int8, 0.05, 3)
y = net.tensor("y", (1, 8, 8, 4), np.int8, 1 / 256, -128)
net.operator("LOGISTIC", [x], [y])
data = net.finish([x], [y])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ocrm55.errors import ToolchainError

_TYPES = {"float32": 0, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9}


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int
    data: NDArray[np.generic] | None


@dataclass(frozen=True)
class _Operator:
    name: str
    inputs: list[int]
    outputs: list[int]
    options: tuple[str, dict[str, Any]] | None


@dataclass
class TFLiteWriter:
    """Collects tensors and operators; `finish` writes the flatbuffer."""

    tensors: list[_Tensor] = field(default_factory=list)
    operators: list[_Operator] = field(default_factory=list)

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: DTypeLike,
        scale: float | NDArray[np.float32] = 0.0,
        zero_point: int = 0,
        *,
        data: NDArray[np.generic] | None = None,
        axis: int = 0,
    ) -> int:
        """Add a tensor and return its number; a scale of 0 means not quantised, several scales one a channel."""
        scales = np.atleast_1d(np.asarray(scale, np.float32))
        zeros = np.full(scales.shape, zero_point, np.int64)
        if not scales.any():
            scales, zeros = scales[:0], zeros[:0]
        self.tensors.append(_Tensor(name, tuple(shape), np.dtype(dtype), scales, zeros, axis, data))
        return len(self.tensors) - 1

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: str | None = None,
        **values: Any,
    ) -> None:
        """Add an operator; `options` names its options table, `values` the fields as the schema spells them."""
        self.operators.append(_Operator(name, list(inputs), list(outputs), (options, values) if options else None))

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file's bytes."""
        try:
            import flatbuffers
        except ImportError as missing:
            raise ToolchainError("flatbuffers is not installed.", ["pip install 'ocrm55[npu]'"]) from missing
        builder = flatbuffers.Builder(1 << 16)
        names = sorted({op.name for op in self.operators})
        buffers = [_buffer(builder, None)] + [_buffer(builder, one.data) for one in self.tensors]
        tensors = [_tensor(builder, one, i + 1) for i, one in enumerate(self.tensors)]
        operators = [_operator(builder, one, names.index(one.name)) for one in self.operators]
        codes = [_code(builder, name) for name in names]
        graph = _table(
            builder,
            "SubGraph",
            Tensors=_offsets(builder, tensors),
            Inputs=builder.CreateNumpyVector(np.asarray(inputs, np.int32)),
            Outputs=builder.CreateNumpyVector(np.asarray(outputs, np.int32)),
            Operators=_offsets(builder, operators),
            Name=builder.CreateString("main"),
        )
        model = _table(
            builder,
            "Model",
            Version=3,
            OperatorCodes=_offsets(builder, codes),
            Subgraphs=_offsets(builder, [graph]),
            Description=builder.CreateString("ocrm55"),
            Buffers=_offsets(builder, buffers),
        )
        builder.Finish(model, b"TFL3")
        return bytes(builder.Output())


def _schema(name: str) -> Any:
    try:
        return import_module(f"ethosu.vela.tflite.{name}")
    except ImportError as missing:
        raise ToolchainError(
            "TFLite files are written with ethos-u-vela's schema, which is not installed.",
            ["pip install 'ocrm55[npu]'"],
        ) from missing


def _table(builder: Any, name: str, **fields: Any) -> int:
    """Write one table; offsets of strings and vectors are among the fields already."""
    module = _schema(name)
    getattr(module, f"{name}Start")(builder)
    for key, value in fields.items():
        getattr(module, f"{name}Add{key}")(builder, value)
    return int(getattr(module, f"{name}End")(builder))


def _offsets(builder: Any, values: Sequence[int]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return int(builder.EndVector())


def _buffer(builder: Any, data: NDArray[np.generic] | None) -> int:
    if data is None:
        return _table(builder, "Buffer")
    raw = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
    builder.StartVector(1, raw.size, 16)
    builder.head -= raw.size
    builder.Bytes[builder.head : builder.head + raw.size] = raw.tobytes()
    return _table(builder, "Buffer", Data=builder.EndVector())


def _tensor(builder: Any, tensor: _Tensor, buffer: int) -> int:
    fields: dict[str, Any] = {}
    if tensor.scales.size:
        fields["Quantization"] = _table(
            builder,
            "QuantizationParameters",
            Scale=builder.CreateNumpyVector(tensor.scales),
            ZeroPoint=builder.CreateNumpyVector(tensor.zero_points),
            QuantizedDimension=tensor.axis,
        )
    return _table(
        builder,
        "Tensor",
        Shape=builder.CreateNumpyVector(np.asarray(tensor.shape, np.int32)),
        Type=_TYPES[tensor.dtype.name],
        Buffer=buffer,
        Name=builder.CreateString(tensor.name),
        **fields,
    )


def _operator(builder: Any, operator: _Operator, code: int) -> int:
    fields: dict[str, Any] = {}
    if operator.options:
        name, values = operator.options
        written = {
            key: builder.CreateNumpyVector(np.asarray(value, np.int32)) if isinstance(value, list | tuple) else value
            for key, value in values.items()
        }
        fields["BuiltinOptions"] = _table(builder, name, **written)
        fields["BuiltinOptionsType"] = getattr(_schema("BuiltinOptions").BuiltinOptions, name)
    return _table(
        builder,
        "Operator",
        OpcodeIndex=code,
        Inputs=builder.CreateNumpyVector(np.asarray(operator.inputs, np.int32)),
        Outputs=builder.CreateNumpyVector(np.asarray(operator.outputs, np.int32)),
        **fields,
    )


def _code(builder: Any, name: str) -> int:
    number = getattr(_schema("BuiltinOperator").BuiltinOperator, name)
    return _table(builder, "OperatorCode", DeprecatedBuiltinCode=min(number, 127), BuiltinCode=number, Version=1)
