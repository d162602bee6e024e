"""Rows and columns of a convolution's kernel that meet only padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ocrm55.compiler.operators.float32 import Conv2d


def trim(spec: Conv2d, weights: np.ndarray) -> tuple[Conv2d, np.ndarray]:
    """Leave out the rows and columns of the kernel that lie on padding for every output.

    A 3x3 kernel over an image of one row, as in the recognizer's neck, is a 1x3 kernel.
    """
    top, bottom = _useful_taps(spec.kernel[0], spec.strides[0], spec.pads[0], spec.height, spec.output_height)
    left, right = _useful_taps(spec.kernel[1], spec.strides[1], spec.pads[1], spec.width, spec.output_width)
    pads = (spec.pads[0] - top, spec.pads[1] - left, spec.pads[2] - bottom, spec.pads[3] - right)
    if any(pad < 0 for pad in pads):
        return spec, weights
    kernel = (spec.kernel[0] - top - bottom, spec.kernel[1] - left - right)
    cut = weights[:, :, top : spec.kernel[0] - bottom, left : spec.kernel[1] - right]
    return replace(spec, kernel=kernel, pads=pads), np.ascontiguousarray(cut)


def _useful_taps(kernel: int, stride: int, pad: int, size: int, outputs: int) -> tuple[int, int]:
    """The number of taps at the start and at the end of a kernel that meet only padding."""
    meets = [any(0 <= o * stride + tap - pad < size for o in range(outputs)) for tap in range(kernel)]
    if not any(meets):
        return 0, 0
    return meets.index(True), meets[::-1].index(True)
