"""Convolutions, and products with constant weights."""

from __future__ import annotations

import numpy as np

from ocrm55.bench.cases.drawn import REAL, SHALLOW, Drawn, Loops, Makers, activation_of
from ocrm55.bench.cases.node import Node
from ocrm55.bench.runner import Case
from ocrm55.compiler.targets.m55 import packing

# MACs that one pass of a marked loop makes.
LOOP_MACS = {
    "tile_core": 128,
    "depthwise_5x5_stride1": 200,
    "depthwise_5x5_stride2": 200,
    "depthwise_3x3_stride1": 72,
    "depthwise_3x3_stride2": 72,
}


def _convolution(node: Node, drawn: Drawn) -> Case:
    outputs, inputs, *kernel = node.weights
    activation = activation_of(node)
    if inputs == 1 and outputs > 1:
        return _depthwise(node, activation, drawn)
    if kernel == [1, 1] and node.strides == (1, 1):
        return _pointwise(node.input[2] * node.input[3], inputs, outputs, activation, drawn)
    return _conv(node, activation, drawn)


def _fully_connected(node: Node, drawn: Drawn) -> Case | None:
    if not node.weights:
        return None
    inputs, outputs = node.weights
    return _pointwise(node.input[1], inputs, outputs, activation_of(node), drawn)


def _pointwise(pixels: int, inputs: int, outputs: int, activation: int, drawn: Drawn) -> Case:
    integers, blobs = drawn.epilogue(outputs, activation, inputs)
    weights = packing.pointwise(drawn.int8(outputs, inputs), np.zeros(outputs, np.int32))
    return Case(
        "pointwise",
        [*integers, pixels, inputs, outputs, outputs],
        [drawn.int8(pixels, inputs), weights, *blobs],
        (pixels, outputs),
        np.float32 if activation == REAL else np.int8,
        f"{pixels} x {inputs} -> {outputs}",
        pixels * inputs * outputs,
    )


def _conv(node: Node, activation: int, drawn: Drawn) -> Case:
    outputs, inputs, kh, kw = node.weights
    (_, _, height, width), (_, _, high, wide) = node.input, node.output
    top, left = node.pads[:2]
    if height == 1:  # rows of the window that only ever meet the border
        kh, top = 1, 0
    integers, blobs = drawn.epilogue(outputs, activation, inputs * kh * kw)
    weights = packing.conv(drawn.int8(outputs, inputs, kh, kw), np.zeros(outputs, np.int32))
    shape = [inputs, height, width, outputs, high, wide, kh, kw, *node.strides, top, left, outputs, 3]
    return Case(
        "conv",
        [*integers, *shape],
        [drawn.int8(height, width, inputs), weights, *blobs],
        (high, wide, outputs),
        label=f"{height}x{width}x{inputs} -> {high}x{wide}x{outputs}, {kh}x{kw}",
        macs=high * wide * outputs * inputs * kh * kw,
    )


def _depthwise(node: Node, activation: int, drawn: Drawn) -> Case:
    channels, _, k, _ = node.weights
    (_, _, height, width), (_, _, high, wide) = node.input, node.output
    integers, blobs = drawn.epilogue(channels, activation, SHALLOW + 1)
    weights = packing.depthwise(drawn.int8(channels, 1, k, k))
    shape = [channels, height, width, high, wide, k, *node.strides, *node.pads[:2], 3, 0]
    return Case(
        "depthwise",
        [*integers, *shape],
        [drawn.int8(height, width, channels), weights, np.zeros(channels, np.int32), *blobs],
        (high, wide, channels),
        label=f"{height}x{width}x{channels} -> {high}x{wide}, {k}x{k}",
        macs=high * wide * channels * k * k,
    )


def _depthwise_loop(case: Case) -> str:
    kernel, stride = case.integers[11], case.integers[13]
    return f"depthwise_{kernel}x{kernel}_stride{stride}"


MAKERS: Makers = {"Conv": _convolution, "MatMul": _fully_connected}
LOOPS: Loops = {
    "pointwise": lambda case: "tile_core",
    "conv": lambda case: "tile_core",
    "depthwise": _depthwise_loop,
}
