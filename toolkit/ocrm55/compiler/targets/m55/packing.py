"""int8 weights in the order in which the kernels of firmware/kernels read them.

Weights come in ONNX's order (OIHW, depthwise with I = 1). Biases are int32 with the input's zero point folded in.
Scales are float32 for each output channel. ocrm55_kernels.h describes beside each structure the order that its kernel
reads.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ocrm55.compiler.operators.int8.tables import Float32, Int8, Int32, pad_channels

BLOCK = 16  # input channels in a vector
CHUNK = 512  # input channels in a pass of the core


def scale(scales: npt.ArrayLike, channels: int) -> Float32:
    """One float32 for each channel (a single one is repeated), padded to a multiple of 4."""
    return pad_channels(np.broadcast_to(np.asarray(scales, np.float32), (channels,)))


def pointwise(weights: Int8, bias: Int32) -> Int8:
    """[out, in] -> the stream of ocrm55_pointwise: pairs of channels, 512 inputs a chunk, bias 4 times before each."""
    matrix = pad_channels(np.asarray(weights, np.int8).reshape(len(weights), -1))
    biases = pad_channels(np.asarray(bias, np.int32))
    depth = -(-matrix.shape[1] // BLOCK) * BLOCK
    matrix = np.pad(matrix, ((0, 0), (0, depth - matrix.shape[1])))
    parts: list[Int8] = []
    for start in range(0, depth, CHUNK):
        chunk = matrix[:, start : start + CHUNK]
        pairs = chunk.reshape(len(matrix) // 2, 2, -1, BLOCK).transpose(0, 2, 1, 3).reshape(len(matrix) // 2, -1)
        if start == 0:
            head = np.repeat(biases, 4).reshape(len(matrix) // 2, 8).astype("<i4").view(np.int8)
            pairs = np.concatenate([head, pairs], axis=1)
        parts.append(np.ascontiguousarray(pairs).reshape(-1))
    return np.concatenate(parts)


def conv(weights: Int8, bias: Int32) -> Int8:
    """[out, in, height, width] -> the stream of ocrm55_conv: pointwise, over the window's rows, columns, channels."""
    return pointwise(np.asarray(weights, np.int8).transpose(0, 2, 3, 1).reshape(len(weights), -1), bias)


def depthwise(weights: Int8) -> Int8:
    """[channels, 1, k, k] -> the taps of ocrm55_depthwise: row by row, zeros up to 16 (3x3) or 32 (5x5) a channel."""
    taps = np.asarray(weights, np.int8).reshape(len(weights), -1)
    if taps.shape[1] not in (9, 25):
        raise ValueError("a depthwise kernel is 3x3 or 5x5")
    return np.pad(taps, ((0, 0), (0, (16 if taps.shape[1] == 9 else 32) - taps.shape[1])))
