"""Means and largest values over windows."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ocrm55.compiler.lowering.flat import Node, shape_of
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder, Writer, float32, step_of
from ocrm55.compiler.lowering.int8.state import Lowering, Visitor
from ocrm55.compiler.lowering.int8.values import Origin, Value, image_index
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError


def _mean(s: Lowering, node: Node) -> None:
    shape = shape_of(node.args[0])
    axes = sorted(int(a) % len(shape) for a in node.value.attrs.axis or range(len(shape)))  # none named: all
    if len(shape) != 4 or axes != [2, 3] or not node.value.attrs.keepdims:
        raise UnsupportedError(f"the mean of layer {s.function.layer(node)} is not over an image.", TRIES)
    _pool(s, node, (shape[2], shape[3]), (1, 1))


def _average_pool(s: Lowering, node: Node) -> None:
    attrs = node.value.attrs
    if any(int(p) for p in attrs.padding) or any(int(d) != 1 for d in attrs.dilation):
        raise UnsupportedError(f"pooling {s.function.layer(node)} pads its input.", TRIES)
    kernel, strides = attrs.pool_size, attrs.strides
    _pool(s, node, (int(kernel[0]), int(kernel[1])), (int(strides[0]), int(strides[1])))


def _max_pool(s: Lowering, node: Node) -> None:
    attrs, layer = node.value.attrs, s.function.layer(node)
    source = s.values[node.args[0].name]
    _, channels, height, width = shape_of(node.args[0])
    if any(int(d) != 1 for d in attrs.dilation) or attrs.layout != "NCHW":
        raise UnsupportedError(f"pooling {layer} is dilated.", TRIES)
    (kernel_height, kernel_width), (stride_y, stride_x), (top, left, *_) = (
        [int(value) for value in values] for values in (attrs.pool_size, attrs.strides, attrs.padding)
    )
    spec = MaxPool(
        channels, height, width, node.shape[2], node.shape[3], (kernel_height, kernel_width),
        (stride_y, stride_x), (top, left),
    )  # fmt: skip
    origin = Origin(node.shape[2] * node.shape[3], channels, layer)
    origin.write = max_pool_writer(s.build, origin, source, spec)
    s.bind(node, origin, image_index(node.shape[2], node.shape[3], channels))


def _pool(s: Lowering, node: Node, kernel: tuple[int, int], strides: tuple[int, int]) -> None:
    _, channels, height, width = node.shape
    origin = Origin(height * width, channels, s.function.layer(node))
    source = s.values[node.args[0].name]
    origin.write = pool_writer(s.build, origin, source, node.shape, kernel, strides)
    s.bind(node, origin, image_index(height, width, channels))


def pool_writer(
    build: Builder,
    origin: Origin,
    source: Value,
    shape: Sequence[int],
    kernel: tuple[int, int],
    strides_: tuple[int, int],
) -> Writer:
    """Average pooling without borders."""

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        image, read = build.integers(source, origin.layer)
        if quantised is None:
            raise UnsupportedError(f"pooling {origin.layer} gives float32.", TRIES)
        _, channels, height, width = source.index.shape
        gain = step_of(read, origin.layer) / (prod(kernel) * step_of(quantised, origin.layer))
        spec = AveragePool(
            channels, height, width, int(shape[2]), int(shape[3]), kernel, strides_, read.zero_point,
            quantised.zero_point, float32(gain),
        )  # fmt: skip
        output = build.tensor((1, int(shape[2]), int(shape[3]), channels), "int8", origin.layer)
        return build.operator(spec, [image], output, origin.layer)

    return write


def max_pool_writer(build: Builder, origin: Origin, source: Value, spec: MaxPool) -> Writer:
    """The largest of each window, in the input's quantisation."""

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        image, read = build.integers(source, origin.layer)
        if quantised is None or quantised != read:
            raise UnsupportedError(f"pooling {origin.layer} has an output scale that differs from its input's.", TRIES)
        shape = (1, spec.output_height, spec.output_width, spec.channels)
        return build.operator(spec, [image], build.tensor(shape, "int8", origin.layer), origin.layer)

    return write


VISITORS: dict[str, Visitor] = {
    "relax.mean": _mean,
    "relax.nn.avg_pool2d": _average_pool,
    "relax.nn.max_pool2d": _max_pool,
}
