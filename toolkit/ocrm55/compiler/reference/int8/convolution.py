"""Convolutions of one int8 image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.reference.int8.arithmetic import F, exact_product, finish, sliding


def _pointwise(
    spec: Pointwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray, scale: np.ndarray, extra: np.ndarray | None = None
) -> np.ndarray:
    return finish(pointwise_sums(spec, x, w, bias), spec.epilogue, scale, extra)


def pointwise_sums(spec: Pointwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    pixels = spec.output_height * spec.output_width
    rows = x.reshape(-1, spec.channels)[:pixels]
    return exact_product(rows, w.reshape(spec.outputs, -1).T).astype(np.int64) + bias


def _windows(spec: Convolution, x: np.ndarray) -> np.ndarray:
    """[output height, output width, channels, kernel height, kernel width]"""
    top, left = spec.pads
    bottom = max((spec.output_height - 1) * spec.strides[0] + spec.kernel[0] - top - spec.height, 0)
    right = max((spec.output_width - 1) * spec.strides[1] + spec.kernel[1] - left - spec.width, 0)
    image = x.reshape(spec.height, spec.width, spec.channels)
    padded = np.pad(image, ((top, bottom), (left, right), (0, 0)), constant_values=spec.zero_point)
    windows = sliding(padded, spec.kernel)
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
    return exact_product(columns, w.reshape(spec.outputs, -1).T).astype(np.int64) + bias


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


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    Pointwise: _pointwise,
    Convolution: _convolution,
    Depthwise: _depthwise,
}
