"""Convolutions and fully connected layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise, Pointwise
from ocrm55.compiler.reference.cmsis_nn.fixed_point import Requantise, limited, rounded_in_part, rounded_once
from ocrm55.compiler.reference.int8 import convolution as int8
from ocrm55.compiler.targets.cmsis_nn import int4
from ocrm55.compiler.targets.cmsis_nn.fixed_point import multiplier_and_shift


def _finish(requantise: Requantise, sums: np.ndarray, spec: Convolution, scale: np.ndarray) -> np.ndarray:
    e = spec.epilogue
    return limited(requantise(sums, *multiplier_and_shift(scale)), e.zero_point, e.low, e.high)


def _summed(
    requantise: Requantise, spec: Convolution, sums: np.ndarray, w: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Sums [pixels, outputs] of int8 or int4 weights to outputs."""
    result = _finish(requantise, sums, spec, scale)
    last = int4.last_pixels(len(sums)) if int4.in_int4(spec, w) else 0
    if last and requantise is rounded_once:
        result[-last:] = _finish(rounded_in_part, sums[-last:], spec, scale)
    return result


def _pointwise(
    requantise: Requantise, spec: Pointwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    return _summed(requantise, spec, int8.pointwise_sums(spec, x, w, bias), w, scale)


def _convolution(
    requantise: Requantise, spec: Convolution, x: np.ndarray, w: np.ndarray, bias: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    return _summed(requantise, spec, int8.convolution_sums(spec, x, w, bias), w, scale)


def _depthwise(
    requantise: Requantise, spec: Depthwise, x: np.ndarray, w: np.ndarray, bias: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    return _finish(requantise, int8.depthwise_sums(spec, x, w, bias), spec, scale)


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    Pointwise: _pointwise,
    Convolution: _convolution,
    Depthwise: _depthwise,
}
