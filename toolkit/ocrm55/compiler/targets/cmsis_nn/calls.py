"""The C of each call of CMSIS-NN: its structures filled in, its weights in its order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ocrm55.compiler.c_language.literals import C_TYPES
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.operators.int8.elementwise import ChannelMultiply, SumInt8
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.operators.int8.rows import SoftmaxInt8
from ocrm55.compiler.targets.cmsis_nn import buffers, int4
from ocrm55.compiler.targets.cmsis_nn.fixed_point import ADD_SHIFT, Factor, addition, exponent, multiplier_and_shift
from ocrm55.compiler.targets.cmsis_nn.products import Operand, layout

ALIGN = 16


@dataclass(frozen=True)
class Call:
    """Body of an operator's C function. weights: what it reads besides its inputs, by parameter name, in order."""

    body: Sequence[str]
    weights: dict[str, np.ndarray]
    workspace: int = 0


def c_type(data: np.ndarray) -> str:
    return C_TYPES[str(data.dtype)]


def _dims(name: str, n: int, h: int, w: int, c: int) -> str:
    return f"const cmsis_nn_dims {name} = {{.n = {n}, .h = {h}, .w = {w}, .c = {c}}};"


def _context(size: int, name: str = "workspace") -> str:
    """`name` may be constant: the library only reads the sums that it is handed."""
    return f"const cmsis_nn_context context = {{{f'(void *){name}' if size else '0'}, {size}}};"


def _checked(function: str, *arguments: str) -> list[str]:
    """Arguments that the library refuses are a bug of the compiler's: a trap stops the program with its address."""
    lines = [f"if ({function}({', '.join(arguments)})"]
    return [f"{lines[0]} != ARM_CMSIS_NN_SUCCESS) {{", "    __builtin_trap();", "}"]


def _limits(low: int, high: int) -> str:
    return f".activation = {{.min = {low}, .max = {high}}}"


def _quantisation() -> str:
    """The library takes pointers to int32 that it does not write."""
    return "const cmsis_nn_per_channel_quant_params scale = {(int32_t *)multiplier, (int32_t *)shift};"


def _fixed(scale: np.ndarray) -> dict[str, np.ndarray]:
    multiplier, shift = multiplier_and_shift(scale)
    return {"multiplier": multiplier, "shift": shift}


def unfolded(spec: Convolution, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The bias without the input's zero point, which the library subtracts itself."""
    sums = weights.reshape(spec.outputs, -1).astype(np.int64).sum(1)
    return (bias.astype(np.int64) + spec.zero_point * sums).astype(np.int32)


def _geometry(spec: Convolution) -> list[str]:
    (stride_y, stride_x), (top, left), e = spec.strides, spec.pads, spec.epilogue
    return [
        f".input_offset = {-spec.zero_point}, .output_offset = {e.zero_point},",
        f".stride = {{.w = {stride_x}, .h = {stride_y}}}, .padding = {{.w = {left}, .h = {top}}},",
        f".dilation = {{.w = 1, .h = 1}}, {_limits(e.low, e.high)},",
    ]


def _convolution(spec: Convolution, constants: Sequence[np.ndarray]) -> Call:
    weights, bias, scale = constants
    few = int4.in_int4(spec, weights)
    if isinstance(spec, Pointwise) and not few and spec.output_height * spec.output_width == 1:
        return _fully_connected(spec, weights, bias, scale)
    return _general(spec, weights, bias, scale, few)


def _general(spec: Convolution, weights: np.ndarray, bias: np.ndarray, scale: np.ndarray, few: bool) -> Call:
    """Any convolution but a depthwise one: the library's wrapper chooses 1x1, 1xN or im2col. few: int4 weights."""
    size = int4.buffer_size(spec) if few else buffers.buffer_size(spec)
    height, width = spec.height, spec.width
    if isinstance(spec, Pointwise):  # rows that nobody reads are left out
        height, width = spec.output_height, spec.output_width
    body = [
        _context(size),
        "const cmsis_nn_conv_params parameters = {",
        *(f"    {line}" for line in _geometry(spec)),
        "};",
        _quantisation(),
        _dims("input", 1, height, width, spec.channels),
        _dims("filter", spec.outputs, *spec.kernel, spec.channels),
        _dims("biases", 1, 1, 1, spec.outputs),
        _dims("output", 1, spec.output_height, spec.output_width, spec.outputs),
        *_checked(
            int4.function(spec) if few else "arm_convolve_wrapper_s8",
            "&context, &parameters, &scale, &input, x, &filter, weights, &biases, bias, &output, y",
        ),
    ]
    ohwi = np.ascontiguousarray(weights.reshape(spec.outputs, spec.channels, *spec.kernel).transpose(0, 2, 3, 1))
    arrays = {"weights": int4.packed(ohwi) if few else ohwi, "bias": unfolded(spec, weights, bias), **_fixed(scale)}
    return Call(body, arrays, size)


def _fully_connected(spec: Convolution, weights: np.ndarray, bias: np.ndarray, scale: np.ndarray) -> Call:
    """One pixel. The context holds bias - zero point * sum of the weights, which is known at compile time."""
    e = spec.epilogue
    body = [
        _context(buffers.fully_connected(spec.outputs), "sums"),
        f"const cmsis_nn_fc_params parameters = {{.input_offset = {-spec.zero_point}, .filter_offset = 0,",
        f"    .output_offset = {e.zero_point}, {_limits(e.low, e.high)}}};",
        "const cmsis_nn_quant_params scale = {(int32_t *)multiplier, (int32_t *)shift, 1};",
        _dims("input", 1, 1, 1, spec.channels),
        _dims("filter", spec.channels, 1, 1, spec.outputs),
        _dims("biases", 1, 1, 1, spec.outputs),
        _dims("output", 1, 1, 1, spec.outputs),
        *_checked(
            "arm_fully_connected_wrapper_s8",
            "&context, &parameters, &scale, &input, x, &filter, weights, &biases, bias, &output, y",
        ),
    ]
    matrix = np.ascontiguousarray(weights.reshape(spec.outputs, spec.channels))
    arrays = {"weights": matrix, "bias": unfolded(spec, weights, bias), "sums": bias.astype(np.int32)}
    return Call(body, {**arrays, **_fixed(scale)})


def _depthwise(spec: Depthwise, constants: Sequence[np.ndarray]) -> Call:
    weights, bias, scale = constants
    size = buffers.buffer_size(spec)
    body = [
        _context(size),
        "const cmsis_nn_dw_conv_params parameters = {",
        *(f"    {line}" for line in [*_geometry(spec), ".ch_mult = 1,"]),
        "};",
        _quantisation(),
        _dims("input", 1, spec.height, spec.width, spec.channels),
        _dims("filter", 1, *spec.kernel, spec.channels),
        _dims("biases", 1, 1, 1, spec.channels),
        _dims("output", 1, spec.output_height, spec.output_width, spec.channels),
        *_checked(
            "arm_depthwise_conv_wrapper_s8",
            "&context, &parameters, &scale, &input, x, &filter, weights, &biases, bias, &output, y",
        ),
    ]
    hwc = np.ascontiguousarray(weights.reshape(spec.channels, *spec.kernel).transpose(1, 2, 0))
    return Call(body, {"weights": hwc, "bias": unfolded(spec, weights, bias), **_fixed(scale)}, size)


# --- products --------------------------------------------------------------------------------------------------------


class _Scratch:
    """Pieces of one workspace, each on a vector boundary."""

    def __init__(self) -> None:
        self.size = 0

    def piece(self, size: int) -> str:
        start = self.size
        self.size += -(-size // ALIGN) * ALIGN
        return f"workspace + {start}"


def _transposed(source: str, target: str, shape: Sequence[int], order: Sequence[int]) -> list[str]:
    after = [shape[axis] for axis in order]
    return [
        "{",
        f"    static const uint32_t order[] = {{{', '.join(map(str, order))}}};",
        "    const cmsis_nn_transpose_params parameters = {3, order};",
        f"    {_dims('before', shape[0], shape[1], shape[2], 1)}",
        f"    {_dims('after', after[0], after[1], after[2], 1)}",
        *(f"    {line}" for line in _checked("arm_transpose_s8", f"{source}, {target}, &before, &after, &parameters")),
        "}",
    ]


def _gathered(name: str, operand: Operand, scratch: _Scratch) -> list[str]:
    """Lines after which `dense_NAME` points at the operand in the library's order."""
    source, lines = f"{name} + {operand.offset}", []
    if operand.copy is not None:
        rows, count, stride = operand.copy
        lines.append(f"int8_t *slice_{name} = (int8_t *)({scratch.piece(operand.size)});")
        lines.append(f"ocrm55_copy_rows_s8({source}, {stride}, slice_{name}, {count}, {rows}, {count});")
        source = f"slice_{name}"
    if operand.order is not None:
        lines.append(f"int8_t *turned_{name} = (int8_t *)({scratch.piece(operand.size)});")
        lines += _transposed(source, f"turned_{name}", operand.shape, operand.order)
        source = f"turned_{name}"
    return [*lines, f"const int8_t *dense_{name} = {source};"]


def _product(spec: Product, constants: Sequence[np.ndarray]) -> Call:
    order, e, scratch = layout(spec), spec.epilogue, _Scratch()
    size = buffers.buffer_size(spec)
    sums = scratch.piece(size)
    scale = Factor.of(float(constants[0][0]))
    body = [*_gathered("a", order.a, scratch), *_gathered("b", order.b, scratch)]
    target = "y"
    if order.back is not None:
        body.append(f"int8_t *product = (int8_t *)({scratch.piece(spec.batches * spec.rows * spec.columns)});")
        target = "product"
    body += [
        f"const cmsis_nn_context context = {{{sums}, {size}}};",
        "const cmsis_nn_bmm_params parameters = {.adj_x = false, .adj_y = false, .fc_params = {",
        f"    .input_offset = {-spec.zero_a}, .filter_offset = 0, .output_offset = {e.zero_point},",
        f"    {_limits(e.low, e.high)}}}}};",
        f"const cmsis_nn_per_tensor_quant_params scale = {{{scale.multiplier}, {scale.shift}}};",
        _dims("left", 1, spec.batches, spec.rows, spec.depth),
        _dims("right", 1, spec.batches, spec.columns, spec.depth),
        _dims("output", 1, spec.batches, spec.rows, spec.columns),
        *_checked(
            "arm_batch_matmul_s8",
            f"&context, &parameters, &scale, &left, dense_a, &right, dense_b, &output, {target}",
        ),
    ]
    if order.back is not None:
        body += _transposed(target, "y", *order.back)
    return Call(body, {}, scratch.size)


# --- the rest --------------------------------------------------------------------------------------------------------


def _pool(spec: AveragePool | MaxPool, constants: Sequence[np.ndarray]) -> Call:
    function = "arm_max_pool_s8" if isinstance(spec, MaxPool) else "arm_avgpool_s8"
    top, left = spec.pads if isinstance(spec, MaxPool) else (0, 0)
    body = [
        _context(0),
        f"const cmsis_nn_pool_params parameters = {{.stride = {{.w = {spec.strides[1]}, .h = {spec.strides[0]}}},",
        f"    .padding = {{.w = {left}, .h = {top}}}, {_limits(-128, 127)}}};",
        _dims("input", 1, spec.height, spec.width, spec.channels),
        _dims("window", 1, *spec.kernel, 1),
        _dims("output", 1, spec.output_height, spec.output_width, spec.channels),
        *_checked(function, "&context, &parameters, &input, x, &window, &output, y"),
    ]
    return Call(body, {})


def _channel_multiply(spec: ChannelMultiply, constants: Sequence[np.ndarray]) -> Call:
    """The library multiplies arrays of one length: a call for each pixel."""
    scale = Factor.of(spec.gain)
    body = [
        f"for (int32_t row = 0; row < {spec.rows}; row++) {{",
        f"    arm_elementwise_mul_s8(a + row * {spec.count}, b, {-spec.zero_a}, {-spec.zero_b},",
        f"                           y + row * {spec.count}, {spec.zero_y}, {scale.multiplier}, {scale.shift},",
        f"                           -128, 127, {spec.count});",
        "}",
    ]
    return Call(body, {})


def _add(spec: SumInt8, constants: Sequence[np.ndarray]) -> Call:
    scale = addition(spec.step_a, spec.step_b, spec.step_y)
    body = [
        f"arm_elementwise_add_s8(a, b, {-spec.zero_a}, {scale.a.multiplier}, {scale.a.shift},",
        f"                       {-spec.zero_b}, {scale.b.multiplier}, {scale.b.shift}, {ADD_SHIFT},",
        f"                       y, {spec.zero_y}, {scale.y.multiplier}, {scale.y.shift}, -128, 127, {spec.count});",
    ]
    return Call(body, {})


def _softmax(spec: SoftmaxInt8, constants: Sequence[np.ndarray]) -> Call:
    scale = exponent(spec.step)
    arguments = f"{scale.factor.multiplier}, {scale.factor.shift}, {scale.least}"
    return Call([f"arm_softmax_s8(x, {spec.rows}, {spec.count}, {arguments}, y);"], {})


def _copy(spec: CopyRows, constants: Sequence[np.ndarray]) -> Call:
    """`y` points at the first element of this part, so the offset is 0."""
    return Call([f"arm_concatenation_s8_x(x, {spec.count}, {spec.rows}, 1, 1, y, {spec.stride}, 0);"], {})


CALLS: dict[type[Spec], Callable[[Any, Sequence[np.ndarray]], Call]] = {
    Pointwise: _convolution,
    Convolution: _convolution,
    Depthwise: _depthwise,
    Product: _product,
    AveragePool: _pool,
    MaxPool: _pool,
    ChannelMultiply: _channel_multiply,
    SumInt8: _add,
    SoftmaxInt8: _softmax,
    CopyRows: _copy,
}
