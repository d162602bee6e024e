"""The Cortex-M55's own kernels: takes every int8 operator, and the float32 ones that stand between them.

Each operator becomes a small C function that fills in the kernel's structure, so that model.c stays a list of calls and
every number of a layer stands in one place. Weights are packed into the order that the kernel reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8 import (
    AveragePool,
    ChannelMultiply,
    Convolution,
    CopyRows,
    Depthwise,
    Dequantize,
    Epilogue,
    ExtendColumns,
    Lookup,
    MaxPool,
    NormalisedRows,
    Pointwise,
    Product,
    Quantize,
    Repeat,
    SoftmaxInt8,
    SoftmaxRows,
    Sum,
    SumInt8,
)
from ocrm55.compiler.operators.program import Function, Operator, Program, Tensor, Workspace, identifier
from ocrm55.compiler.targets.base import Target
from ocrm55.compiler.targets.c.expressions import C_TYPES, float_literal
from ocrm55.compiler.targets.m55 import packing
from ocrm55.compiler.targets.m55.workspace import workspace_bytes
from ocrm55.errors import Ocrm55Error

HEADER = '"ocrm55_kernels.h"'
_SCRATCH = "(float *)(void *)workspace"
TILES = ("tile_core", "tile_run", "tile_channel")  # what the convolutions share


@dataclass(frozen=True)
class _Call:
    """Body of an operator's C function. weights: what it reads besides inputs, by parameter name, in order."""

    body: Sequence[str]
    weights: dict[str, np.ndarray]


class M55Target(Target):
    """Operators as calls of firmware/kernels."""

    name = "m55"

    def refusal(self, operator: Operator, program: Program) -> str | None:
        spec = operator.spec
        if type(spec) not in _KERNELS:
            return f"has no kernel for {operator.kind}"
        if isinstance(spec, Depthwise) and spec.kernel not in ((3, 3), (5, 5)):
            return f"has depthwise kernels of 3x3 and 5x5, not {spec.kernel[0]}x{spec.kernel[1]}"
        if isinstance(spec, Depthwise) and (max(spec.strides) > 2 or spec.epilogue.activation == "real"):
            return "has depthwise kernels with strides 1 and 2 and int8 results"
        return None

    def emit(self, operator: Operator, program: Program) -> None:
        call = _KERNELS[type(operator.spec)].call(operator.spec, _constants(operator, program))
        inputs = [name for name in operator.inputs if program.tensors[name].role != "weight"]
        packed = [_add(program, operator, what, data) for what, data in call.weights.items()]
        operator.arguments = [*inputs, *packed, *operator.outputs]
        size = workspace_bytes(operator.spec)
        operator.workspaces = [Workspace("workspace", "uint8", size)] if size else []
        operator.in_place = inputs[:1] if _may_run_in_place(operator.spec) else []
        operator.function = _function(operator, program, call, inputs)

    def kernel_sources(self, program: Program) -> list[str]:
        used = {type(o.spec) for o in program.calls if o.target == self.name}
        return sorted({source for kind in used for source in _KERNELS[kind].sources})


def _may_run_in_place(spec: Spec) -> bool:
    """Whether the output may take over the input's bytes. It pays where the classes are many."""
    return isinstance(spec, _IN_PLACE) or (isinstance(spec, SoftmaxRows) and not spec.quantised)


def _constants(operator: Operator, program: Program) -> list[np.ndarray]:
    """The operator's weights in the order of its inputs."""
    found = [program.tensors[name] for name in operator.inputs]
    return [tensor.data for tensor in found if tensor.role == "weight" and tensor.data is not None]


def _add(program: Program, operator: Operator, what: str, data: np.ndarray) -> str:
    data = np.ascontiguousarray(data)
    name = f"{operator.layer}_{what}_packed"
    return program.add(Tensor(name, data.shape, str(data.dtype), "weight", operator.layer, data)).name


def _function(operator: Operator, program: Program, call: _Call, inputs: Sequence[str]) -> str:
    """Add the operator's C function to the program; returns its name."""
    letters = ["x"] if len(inputs) == 1 else ["a", "b"]
    shown = [(letter, program.tensors[name], "const ") for letter, name in zip(letters, inputs, strict=True)]
    parameters = [_parameter(*entry) for entry in shown]
    parameters += [f"const {C_TYPES[str(data.dtype)]} *{what}" for what, data in call.weights.items()]
    parameters.append(_parameter("y", program.tensors[operator.outputs[0]], ""))
    if operator.workspaces:
        parameters.append("uint8_t *workspace")
    name = identifier(f"{operator.layer}_{operator.kind}")
    prototype = f"void {name}({', '.join(parameters)})"
    source = "\n".join([f"{prototype} {{", *(f"    {line}" for line in call.body), "}", ""])
    known = program.functions.get(name)
    if known is not None and known.source != source:
        raise Ocrm55Error(f"two layers are called {operator.layer}")
    program.functions[name] = Function(name, source, prototype, (HEADER,))
    return name


def _parameter(letter: str, tensor: Tensor, const: str) -> str:
    shape = "x".join(str(extent) for extent in tensor.shape)
    return f"{const}{C_TYPES[tensor.dtype]} *{letter} /* {shape} */"


# --- one function a kind of operator ---------------------------------------------------------------------------------


def _epilogue(e: Epilogue) -> str:
    """The initialiser of a struct ocrm55_epilogue."""
    fields = [f".activation = OCRM55_{e.activation.upper()}", ".scale = scale"]
    if e.activation == "hard_swish":
        fields.append(".gain = gain")
    if e.activation == "table16":
        fields += [".table = table", f".table_shift = {e.table_shift}"]
        if e.table_stride:
            fields.append(f".table_stride = {e.table_stride}")
    elif e.activation != "real":
        fields += [f".zero_point = {e.zero_point}", f".low = {e.low}", f".high = {e.high}"]
    return f".epilogue = {{{', '.join(fields)}}},"


def _per_channel(e: Epilogue, channels: int, scale: np.ndarray, extra: np.ndarray | None) -> dict[str, np.ndarray]:
    """The arrays of an epilogue by the names that its C function gives them."""
    arrays: dict[str, np.ndarray] = {"scale": packing.scale(scale, channels)}
    if e.activation == "hard_swish" and extra is not None:
        arrays["gain"] = packing.scale(extra, channels)
    elif e.activation == "table16" and extra is not None:
        arrays["table"] = extra
    return arrays


def _structure(kind: str, fields: Sequence[str]) -> list[str]:
    return [f"const struct ocrm55_{kind} layer = {{", *(f"    {field}" for field in fields), "};"]


def _pointwise(spec: Pointwise, constants: Sequence[np.ndarray]) -> _Call:
    weights, bias, scale, *extra = constants
    fields = [
        f".channels_in = {spec.channels}, .channels_out = {spec.outputs}, .y_stride = {spec.epilogue.stride},",
        ".weights = weights,",
        _epilogue(spec.epilogue),
    ]
    pixels = spec.output_height * spec.output_width
    body = _structure("pointwise", fields)
    if spec.chunk:
        body += _chunks(spec, pixels)
    else:
        body.append(f"ocrm55_pointwise_s8(&layer, x, y, {pixels}, workspace);")
    arrays = _per_channel(spec.epilogue, spec.outputs, scale, extra[0] if extra else None)
    return _Call(body, {"weights": packing.pointwise(weights.reshape(spec.outputs, -1), bias), **arrays})


def _chunks(spec: Pointwise, pixels: int) -> list[str]:
    """Calls for some pixels after the others, so that y may lie over inputs that are not needed any more."""
    last = (pixels - 1) // spec.chunk * spec.chunk
    order = f"first = 0; first < {pixels}; first += {spec.chunk}"
    if spec.backwards:
        order = f"first = {last}; first >= 0; first -= {spec.chunk}"
    here = f"x + first * {spec.channels}, y + first * {spec.epilogue.stride}"
    count = str(spec.chunk)
    if pixels % spec.chunk:
        count = f"first < {last} ? {spec.chunk} : {pixels - last}"
    return [f"for (int32_t {order}) {{", f"    ocrm55_pointwise_s8(&layer, {here}, {count}, workspace);", "}"]


def _geometry(spec: Convolution) -> list[str]:
    """The fields that say where windows lie."""
    (stride_y, stride_x), (top, left) = spec.strides, spec.pads
    return [
        f".stride_y = {stride_y}, .stride_x = {stride_x}, .pad_top = {top}, .pad_left = {left},",
        f".zero_point_in = {spec.zero_point},",
    ]


def _convolution(spec: Convolution, constants: Sequence[np.ndarray]) -> _Call:
    weights, bias, scale, *extra = constants
    fields = [
        f".channels_in = {spec.channels}, .height = {spec.height}, .width = {spec.width},",
        f".channels_out = {spec.outputs}, .height_out = {spec.output_height}, .width_out = {spec.output_width},",
        f".kernel_height = {spec.kernel[0]}, .kernel_width = {spec.kernel[1]},",
        *_geometry(spec),
        f".y_stride = {spec.epilogue.stride},",
        ".weights = weights,",
        _epilogue(spec.epilogue),
    ]
    body = [*_structure("conv", fields), "ocrm55_conv_s8(&layer, x, y, workspace);"]
    arrays = _per_channel(spec.epilogue, spec.outputs, scale, extra[0] if extra else None)
    return _Call(body, {"weights": packing.conv(weights, bias), **arrays})


def _depthwise(spec: Depthwise, constants: Sequence[np.ndarray]) -> _Call:
    weights, bias, scale, *extra = constants
    fields = [
        f".channels = {spec.channels}, .height = {spec.height}, .width = {spec.width},",
        f".height_out = {spec.output_height}, .width_out = {spec.output_width}, .kernel = {spec.kernel[0]},",
        *_geometry(spec),
        ".weights = weights, .bias = bias,",
        _epilogue(spec.epilogue),
    ]
    body = [*_structure("depthwise", fields), "ocrm55_depthwise_s8(&layer, x, y, workspace);"]
    arrays = _per_channel(spec.epilogue, spec.outputs, scale, extra[0] if extra else None)
    return _Call(body, {"weights": packing.depthwise(weights), "bias": bias, **arrays})


def _product(spec: Product, constants: Sequence[np.ndarray]) -> _Call:
    fields = [
        f".batches = {spec.batches}, .rows = {spec.rows}, .columns = {spec.columns}, .depth = {spec.depth},",
        f".a_batch = {spec.a_batch}, .a_row = {spec.a_row},",
        f".b_batch = {spec.b_batch}, .b_column = {spec.b_column}, .b_depth = {spec.b_depth},",
        f".y_batch = {spec.y_batch}, .y_row = {spec.epilogue.stride},",
        f".zero_a = {spec.zero_a},",
        _epilogue(spec.epilogue),
    ]
    call = f"ocrm55_matmul_s8(&layer, a + {spec.offset_a}, b + {spec.offset_b}, y, workspace);"
    return _Call([*_structure("matmul", fields), call], _per_channel(spec.epilogue, spec.columns, constants[0], None))


def _average_pool(spec: AveragePool, constants: Sequence[np.ndarray]) -> _Call:
    fields = [
        f".channels = {spec.channels}, .height = {spec.height}, .width = {spec.width},",
        f".height_out = {spec.output_height}, .width_out = {spec.output_width},",
        f".kernel_height = {spec.kernel[0]}, .kernel_width = {spec.kernel[1]},",
        f".stride_y = {spec.strides[0]}, .stride_x = {spec.strides[1]}, .y_stride = {spec.channels},",
        f".zero_x = {spec.zero_x}, .zero_y = {spec.zero_y}, .gain = {float_literal(spec.gain)},",
    ]
    call = "ocrm55_average_pool_s8(&layer, x, y);"
    if spec.repeat is not None:
        call = f"ocrm55_average_pool_repeated_s8(&layer, x, y, {_repeat(spec.repeat)});"
    return _Call([*_structure("average_pool", fields), call], {})


def _max_pool(spec: MaxPool, constants: Sequence[np.ndarray]) -> _Call:
    fields = [
        f".channels = {spec.channels}, .height = {spec.height}, .width = {spec.width},",
        f".height_out = {spec.output_height}, .width_out = {spec.output_width},",
        f".kernel_height = {spec.kernel[0]}, .kernel_width = {spec.kernel[1]},",
        f".stride_y = {spec.strides[0]}, .stride_x = {spec.strides[1]},",
        f".pad_top = {spec.pads[0]}, .pad_left = {spec.pads[1]},",
    ]
    return _Call([*_structure("max_pool", fields), "ocrm55_max_pool_s8(&layer, x, y);"], {})


def _channel_multiply(spec: ChannelMultiply, constants: Sequence[np.ndarray]) -> _Call:
    fields = [
        f".rows = {spec.rows}, .count = {spec.count}, .b_rows = 0,",
        f".zero_a = {spec.zero_a}, .zero_b = {spec.zero_b}, .zero_y = {spec.zero_y},",
        f".gain = {float_literal(spec.gain)},",
    ]
    return _Call([*_structure("multiply", fields), "ocrm55_multiply_s8(&layer, a, b, y);"], {})


def _layer_norm(spec: NormalisedRows, constants: Sequence[np.ndarray]) -> _Call:
    fields = [
        f".rows = {spec.rows}, .count = {spec.count}, .epsilon = {float_literal(spec.epsilon)},",
        ".gamma = gamma, .beta = beta,",
    ]
    if spec.gain:
        fields.append(f".zero_y = {spec.zero_point}, .gain_y = {float_literal(spec.gain)},")
    kind = "f32_s8" if spec.gain else "f32_f32"
    call = f"ocrm55_layer_norm_{kind}(&layer, x, y, (float *)(void *)workspace);"
    return _Call([*_structure("layer_norm", fields), call], {"gamma": constants[0], "beta": constants[1]})


def _softmax(spec: SoftmaxRows, constants: Sequence[np.ndarray]) -> _Call:
    if spec.quantised and spec.repeat is not None:
        call = f"ocrm55_softmax_repeated_f32_s8(x, y, {spec.rows}, {spec.count}, {_once(spec.repeat)}, {_SCRATCH});"
        return _Call([call], {})
    if spec.quantised:
        return _Call([f"ocrm55_softmax_f32_s8(x, y, {spec.rows}, {spec.count}, (float *)(void *)workspace);"], {})
    return _Call([f"ocrm55_softmax_f32_f32(x, y, {spec.rows}, {spec.count});"], {})


def _repeat(repeat: Repeat) -> str:
    return f"{repeat.first}, {repeat.count}, {repeat.more}"


def _once(repeat: Repeat) -> str:
    """Of a row: which element, and for how many it stands."""
    return f"{repeat.first}, {float_literal(float(1 + repeat.more))}"


def _copy(spec: CopyRows, constants: Sequence[np.ndarray]) -> _Call:
    return _Call([f"ocrm55_copy_rows_s8(x, {spec.count}, y, {spec.stride}, {spec.rows}, {spec.count});"], {})


def _extend(spec: ExtendColumns, constants: Sequence[np.ndarray]) -> _Call:
    size = f"{spec.height}, {spec.width}, {spec.channels}, {spec.more}"
    beyond = "beyond" if constants else "NULL"
    return _Call([f"ocrm55_extend_columns_s8(x, y, {size}, {beyond});"], {"beyond": constants[0]} if constants else {})


def _quantize(spec: Quantize, constants: Sequence[np.ndarray]) -> _Call:
    return _Call([f"ocrm55_quantize_s8(x, {float_literal(spec.gain)}, {spec.zero_point}, y, {spec.count});"], {})


def _dequantize(spec: Dequantize, constants: Sequence[np.ndarray]) -> _Call:
    if spec.channels:
        call = f"ocrm55_dequantize_channels_s8(x, steps, {spec.channels}, {spec.zero_point}, y, {spec.count});"
        return _Call([call], {"steps": constants[0]})
    return _Call([f"ocrm55_dequantize_s8(x, {float_literal(spec.step)}, {spec.zero_point}, y, {spec.count});"], {})


def _lookup(spec: Lookup, constants: Sequence[np.ndarray]) -> _Call:
    return _Call([f"ocrm55_lookup_s8(table, x, y, {spec.count});"], {"table": constants[0]})


def _sum(spec: Sum, constants: Sequence[np.ndarray]) -> _Call:
    return _Call([f"ocrm55_add_f32(a, b, y, {spec.count});"], {})


def _sum_int8(spec: SumInt8, constants: Sequence[np.ndarray]) -> _Call:
    """Both sides as float32, one behind the other in the workspace."""
    n = spec.count
    body = [
        f"float *left = (float *)(void *)workspace, *right = left + {_half(spec)};",
        f"ocrm55_dequantize_s8(a, {float_literal(spec.step_a)}, {spec.zero_a}, left, {n});",
        f"ocrm55_dequantize_s8(b, {float_literal(spec.step_b)}, {spec.zero_b}, right, {n});",
        f"ocrm55_add_f32(left, right, left, {n});",
        f"ocrm55_quantize_s8(left, {float_literal(_gain(spec))}, {spec.zero_y}, y, {n});",
    ]
    return _Call(body, {})


def _gain(spec: SumInt8) -> float:
    return float(np.float32(1 / spec.step_y))


def _half(spec: SumInt8) -> int:
    return -(-spec.count // 4) * 4


def _softmax_int8(spec: SoftmaxInt8, constants: Sequence[np.ndarray]) -> _Call:
    call = f"ocrm55_softmax_s8_s8(powers, x, y, {spec.rows}, {spec.count}, (float *)(void *)workspace);"
    if spec.repeat is not None:
        numbers = f"{spec.rows}, {spec.count}, {_once(spec.repeat)}"
        call = f"ocrm55_softmax_repeated_s8_s8(powers, x, y, {numbers}, {_SCRATCH});"
    return _Call([call], {"powers": packing.softmax_powers(spec.step)})


@dataclass(frozen=True)
class _Kernel:
    """How an operator is called, and the files of firmware/kernels that it takes, without `.c`."""

    call: Callable[[Any, Sequence[np.ndarray]], _Call]
    sources: tuple[str, ...]


_IN_PLACE = (Depthwise, ChannelMultiply, Lookup, Sum)
_KERNELS: dict[type[Spec], _Kernel] = {
    Pointwise: _Kernel(_pointwise, ("pointwise", *TILES)),
    Convolution: _Kernel(_convolution, ("conv", *TILES)),
    Depthwise: _Kernel(_depthwise, ("depthwise", *TILES)),
    Product: _Kernel(_product, ("matmul", *TILES)),
    AveragePool: _Kernel(_average_pool, ("average_pool", "quantize")),
    MaxPool: _Kernel(_max_pool, ("max_pool",)),
    ChannelMultiply: _Kernel(_channel_multiply, ("multiply", "quantize")),
    NormalisedRows: _Kernel(_layer_norm, ("layer_norm", "quantize")),
    SoftmaxRows: _Kernel(_softmax, ("softmax", "quantize")),
    CopyRows: _Kernel(_copy, ("copy",)),
    ExtendColumns: _Kernel(_extend, ("copy",)),
    Quantize: _Kernel(_quantize, ("quantize",)),
    Dequantize: _Kernel(_dequantize, ("quantize",)),
    Lookup: _Kernel(_lookup, ("lookup",)),
    Sum: _Kernel(_sum, ("add",)),
    SumInt8: _Kernel(_sum_int8, ("add", "quantize")),
    SoftmaxInt8: _Kernel(_softmax_int8, ("softmax", "quantize")),
}
