"""The host's integer reference: runs a lowered int8 Program in numpy, to the last bit what the target must compute.

It follows ocrm55_kernels.h one float32 operation at a time and knows nothing of tiles, packing or vectors. Integer sums
are made by floating-point matrix products where those are exact: products of int8 are below 2^14, so float32 holds the
sum of up to 1024 of them and float64 any sum that fits int32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ocrm55.compiler.codegen.driver import pixel_values
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
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.targets.m55 import packing
from ocrm55.errors import UnsupportedError

EXACT_IN_FLOAT32 = 1024  # products of two int8
F = np.float32


@dataclass
class IntegerReference:
    """Runs an int8 Program. tensors: after `run`, every tensor of the network by its name."""

    program: Program
    tensors: dict[str, np.ndarray] = field(default_factory=dict)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels uint8 [height, width, 3] in BGR -> probabilities float32 [steps, classes]."""
        return self.run(self.input_of(pixels))

    def input_of(self, pixels: np.ndarray) -> np.ndarray:
        """The input tensor that the firmware makes of an image: int8 [1, height, width, channels]."""
        values, padding, _ = pixel_values(self.program.input)
        image = np.full(self.program.input.shape, padding, np.int8)
        image[0, :, : pixels.shape[1]] = values[pixels]
        return image

    def run(self, image: np.ndarray) -> np.ndarray:
        """The network's output for its int8 input tensor."""
        self.tensors = {t.name: t.data for t in self.program.tensors.values() if t.data is not None}
        self.tensors[self.program.input.name] = image
        for operator in self.program.operators:
            self.step(operator)
        shape = self.program.output.shape
        return self.tensors[self.program.output.name].reshape(shape[-2:])

    def compute(self, operator: Operator) -> Callable[..., np.ndarray] | None:
        """What computes an operator from its spec and its inputs."""
        return _COMPUTE.get(type(operator.spec))

    def step(self, operator: Operator) -> np.ndarray:
        """Compute one operator from `tensors`, add its output there and return it."""
        compute = self.compute(operator)
        if compute is None:
            raise UnsupportedError(f"the integer reference does not know {operator.kind}.")
        result = compute(operator.spec, *(self.tensors[name] for name in operator.inputs))
        tensor = self.program.tensors[operator.outputs[0]]
        result = result.reshape(tensor.shape)
        self.tensors[tensor.name] = result
        if tensor.view_of is not None:  # a part of a wider tensor: columns view_offset.. of its rows
            whole = self.program.tensors[tensor.view_of]
            stored = self.tensors.setdefault(whole.name, np.zeros(whole.shape, whole.dtype))
            channels = tensor.shape[-1]
            stored.reshape(-1, whole.shape[-1])[:, tensor.view_offset : tensor.view_offset + channels] = result.reshape(
                -1, channels
            )
        return result


def rounded(v: np.ndarray, zero_point: int, low: int = -128, high: int = 127) -> np.ndarray:
    """To nearest, ties to even, within low..high."""
    return np.clip(np.clip(np.rint(v), -32768, 32767).astype(np.int32) + zero_point, low, high).astype(np.int8)


def finish(sums: np.ndarray, epilogue: Epilogue, scale: np.ndarray, extra: np.ndarray | None) -> np.ndarray:
    """Sums [..., channels], exact integers, to outputs."""
    v = sums.astype(np.int64).astype(F) * scale
    if epilogue.activation == "real":
        return v
    if epilogue.activation == "table16":
        assert extra is not None
        index = np.clip(np.rint(v), -32768, 32767).astype(np.int16).view(np.uint16) >> epilogue.table_shift
        channels = np.arange(sums.shape[-1]) * epilogue.table_stride
        return extra[index + channels]
    if epilogue.activation == "hard_swish":
        assert extra is not None
        v = (v * np.minimum(np.maximum(v + F(3), F(0)), F(6))) * extra
    return rounded(v, epilogue.zero_point, epilogue.low, epilogue.high)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a [.., m, k] times b [.., k, n], both int8: exact sums."""
    exact: Any = np.float32 if a.shape[-1] <= EXACT_IN_FLOAT32 else np.float64
    return np.matmul(a.astype(exact), b.astype(exact))


def _pointwise(
    spec: Pointwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray, scale: np.ndarray, extra: np.ndarray | None = None
) -> np.ndarray:
    return finish(pointwise_sums(spec, x, w, bias), spec.epilogue, scale, extra)


def pointwise_sums(spec: Pointwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    pixels = spec.output_height * spec.output_width
    rows = x.reshape(-1, spec.channels)[:pixels]
    return _product(rows, w.reshape(spec.outputs, -1).T).astype(np.int64) + bias


def _sliding(image: np.ndarray, kernel: tuple[int, int]) -> np.ndarray:
    """All windows of an image [height, width, channels]: [.., .., channels, kernel height, kernel width]."""
    return np.lib.stride_tricks.sliding_window_view(image, kernel, axis=(0, 1))  # type: ignore[call-overload]


def _windows(spec: Convolution, x: np.ndarray) -> np.ndarray:
    """[output height, output width, channels, kernel height, kernel width]"""
    top, left = spec.pads
    bottom = max((spec.output_height - 1) * spec.strides[0] + spec.kernel[0] - top - spec.height, 0)
    right = max((spec.output_width - 1) * spec.strides[1] + spec.kernel[1] - left - spec.width, 0)
    image = x.reshape(spec.height, spec.width, spec.channels)
    padded = np.pad(image, ((top, bottom), (left, right), (0, 0)), constant_values=spec.zero_point)
    windows = _sliding(padded, spec.kernel)
    return windows[:: spec.strides[0], :: spec.strides[1]][: spec.output_height, : spec.output_width]


def _convolution(
    spec: Convolution,
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray,
    scale: np.ndarray,
    extra: np.ndarray | None = None,
) -> np.ndarray:
    return finish(convolution_sums(spec, x, w, bias), spec.epilogue, scale, extra)


def convolution_sums(spec: Convolution, x: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    columns = _windows(spec, x).reshape(spec.output_height * spec.output_width, -1)
    return _product(columns, w.reshape(spec.outputs, -1).T).astype(np.int64) + bias


def _depthwise(
    spec: Depthwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray, scale: np.ndarray, extra: np.ndarray | None = None
) -> np.ndarray:
    return finish(depthwise_sums(spec, x, w, bias), spec.epilogue, scale, extra)


def depthwise_sums(spec: Depthwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    windows = _windows(spec, x)
    sums = np.zeros(windows.shape[:3], F)
    for i in range(spec.kernel[0]):
        for j in range(spec.kernel[1]):
            sums += windows[:, :, :, i, j].astype(F) * w[:, 0, i, j].astype(F)
    return sums.astype(np.int64) + bias


def _matmul(spec: Product, a: np.ndarray, b: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return placed_product(spec, finish(product_sums(spec, a, b), spec.epilogue, scale, None))


def product_sums(spec: Product, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[batches, rows, columns]"""
    i, m, n, k = np.arange(spec.batches), np.arange(spec.rows), np.arange(spec.columns), np.arange(spec.depth)
    at = (i * spec.a_batch)[:, None, None] + (m * spec.a_row)[None, :, None] + k[None, None, :] + spec.offset_a
    bt = (i * spec.b_batch)[:, None, None] + (k * spec.b_depth)[None, :, None] + (n * spec.b_column)[None, None, :]
    left = a.reshape(-1)[at].astype(np.int32) - spec.zero_a
    right = b.reshape(-1)[bt + spec.offset_b].astype(np.int32)
    return np.matmul(left, right)


def placed_product(spec: Product, result: np.ndarray) -> np.ndarray:
    """The elements of a product [batches, rows, columns] in the order in which it is stored."""
    i, m, n = np.arange(spec.batches), np.arange(spec.rows), np.arange(spec.columns)
    y = np.empty(result.size, result.dtype)
    stride = spec.epilogue.stride
    y[(i * spec.y_batch)[:, None, None] + (m * stride)[None, :, None] + n[None, None, :]] = result
    return y


def _average_pool(spec: AveragePool, x: np.ndarray) -> np.ndarray:
    sums = pooled_sums(spec, x) - spec.kernel[0] * spec.kernel[1] * spec.zero_x
    if spec.repeat is not None:
        image = x.reshape(-1, spec.width, spec.channels)[: spec.height].astype(np.int32) - spec.zero_x
        first, last = spec.repeat.first, spec.repeat.first + spec.repeat.count
        sums = sums + spec.repeat.more * image[:, first:last].sum(axis=(0, 1))
    return rounded(sums.astype(F) * F(spec.gain), spec.zero_y)


def pooled_sums(spec: AveragePool, x: np.ndarray) -> np.ndarray:
    """Sums of the integers, zero point and all, over each window."""
    image = x.reshape(-1, spec.width, spec.channels)[: spec.height].astype(np.int32)
    windows = _sliding(image, spec.kernel)
    windows = windows[:: spec.strides[0], :: spec.strides[1]][: spec.output_height, : spec.output_width]
    return windows.sum(axis=(3, 4))


def _max_pool(spec: MaxPool, x: np.ndarray) -> np.ndarray:
    image = x.reshape(spec.height, spec.width, spec.channels)
    starts = [
        np.arange(n) * s - p
        for n, s, p in zip((spec.output_height, spec.output_width), spec.strides, spec.pads, strict=True)
    ]
    y = np.empty((spec.output_height, spec.output_width, spec.channels), np.int8)
    for row, top in enumerate(starts[0]):
        for column, left in enumerate(starts[1]):
            window = image[max(top, 0) : top + spec.kernel[0], max(left, 0) : left + spec.kernel[1]]
            y[row, column] = window.max(axis=(0, 1))
    return y


def _channel_multiply(spec: ChannelMultiply, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    left = a.reshape(spec.rows, spec.count).astype(np.int32) - spec.zero_a
    products = left * (b.reshape(1, spec.count).astype(np.int32) - spec.zero_b)
    return rounded(products.astype(F) * F(spec.gain), spec.zero_y)


def _layer_norm(spec: NormalisedRows, x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    v = x.reshape(spec.rows, spec.count)
    inverse = F(1) / F(spec.count)
    d = v - (row_sums(v) * inverse)[:, None]
    r = F(1) / np.sqrt(row_sums(d * d) * inverse + F(spec.epsilon))
    w = (d * r[:, None]) * gamma + beta
    return rounded(w * F(spec.gain), spec.zero_point) if spec.gain else w


def row_sums(v: np.ndarray) -> np.ndarray:
    """Sums over rows of float32 as the kernels make them: in four parts, i modulo 4, then (0 + 1) + (2 + 3)."""
    padded = np.pad(v, ((0, 0), (0, -v.shape[1] % 4))).reshape(len(v), -1, 4)
    parts = np.zeros((len(v), 4), F)
    for column in range(padded.shape[1]):
        parts += padded[:, column]
    return (parts[:, 0] + parts[:, 1]) + (parts[:, 2] + parts[:, 3])


def power(t: np.ndarray) -> np.ndarray:
    """exp(t) for t <= 0, by the polynomial of softmax.c."""
    t = np.maximum(t, F(-64))
    whole = np.rint(t * F(1.44269504088896341))
    r = (t - whole * F(0.693359375)) - whole * F(-2.12194440e-4)
    p = r * F(1.9875691500e-4) + F(1.3981999507e-3)
    for coefficient in (8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        p = p * r + F(coefficient)
    p = (p * (r * r) + r) + F(1)
    return (p.view(np.int32) + whole.astype(np.int32) * (1 << 23)).view(F)


def _softmax(spec: SoftmaxRows, x: np.ndarray) -> np.ndarray:
    v = x.reshape(spec.rows, spec.count)
    e = power(v - v.max(axis=1, keepdims=True))
    p = shares(e, spec.repeat)
    return rounded(p * F(256), -128) if spec.quantised else p


def shares(e: np.ndarray, repeat: Repeat | None) -> np.ndarray:
    """Each element's share of its row's sum; one that is repeated counts as often in both."""
    sums = row_sums(e)
    if repeat is not None:
        e, once = e.copy(), e[:, repeat.first]
        e[:, repeat.first] = once * F(1 + repeat.more)
        sums = sums + (e[:, repeat.first] - once)
    return e * (F(1) / sums)[:, None]


def _copy(spec: CopyRows, x: np.ndarray) -> np.ndarray:
    return x


def _extend(spec: ExtendColumns, x: np.ndarray, beyond: np.ndarray | None = None) -> np.ndarray:
    image = x.reshape(spec.height, spec.width, spec.channels)
    column = image[:, -1:] if beyond is None else beyond[:, None]
    return np.concatenate([image, column.repeat(spec.more, axis=1)], axis=1)


def _lookup(spec: Lookup, x: np.ndarray, table: np.ndarray) -> np.ndarray:
    return table[x.view(np.uint8)]


def _quantize(spec: Quantize, x: np.ndarray) -> np.ndarray:
    return rounded(x * F(spec.gain), spec.zero_point)


def _dequantize(spec: Dequantize, x: np.ndarray, *steps: np.ndarray) -> np.ndarray:
    whole = (x.astype(np.int32) - spec.zero_point).astype(F)
    return (whole.reshape(-1, spec.channels) * steps[0]).reshape(x.shape) if steps else whole * F(spec.step)


def _sum(spec: Sum, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.reshape(-1) + b.reshape(-1)


def _sum_int8(spec: SumInt8, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    left = (a.reshape(-1).astype(np.int32) - spec.zero_a).astype(F) * F(spec.step_a)
    right = (b.reshape(-1).astype(np.int32) - spec.zero_b).astype(F) * F(spec.step_b)
    return rounded((left + right) * F(1 / spec.step_y), spec.zero_y)


def _softmax_int8(spec: SoftmaxInt8, x: np.ndarray) -> np.ndarray:
    v = x.reshape(spec.rows, spec.count).astype(np.int32)
    e = packing.softmax_powers(spec.step)[v.max(axis=1, keepdims=True) - v]
    return rounded(shares(e, spec.repeat) * F(256), -128)


_COMPUTE: dict[type, Callable[..., np.ndarray]] = {
    Pointwise: _pointwise,
    Convolution: _convolution,
    Depthwise: _depthwise,
    Product: _matmul,
    AveragePool: _average_pool,
    MaxPool: _max_pool,
    ChannelMultiply: _channel_multiply,
    NormalisedRows: _layer_norm,
    SoftmaxRows: _softmax,
    CopyRows: _copy,
    ExtendColumns: _extend,
    Quantize: _quantize,
    Dequantize: _dequantize,
    Lookup: _lookup,
    Sum: _sum,
    SumInt8: _sum_int8,
    SoftmaxInt8: _softmax_int8,
}
