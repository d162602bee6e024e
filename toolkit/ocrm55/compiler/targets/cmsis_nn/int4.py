"""int4 weights for CMSIS-NN's s4 functions: two in a byte, -8 .. 7."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.int8.convolution import Convolution, Pointwise

LOW, HIGH = -8, 7


def in_int4(spec: Convolution, weights: np.ndarray) -> bool:
    """Whether a layer's weights are int4; int8 weights reach 127. An odd number for each output would share bytes."""
    if type(spec) not in FUNCTIONS or (weights.size // spec.outputs) % 2:
        return False
    return bool(weights.min() >= LOW and weights.max() <= HIGH)


def packed(weights: np.ndarray) -> np.ndarray:
    """int8 [.., an even number] -> half as many bytes; of two, the first is in the lower four bits."""
    flat = weights.reshape(-1).astype(np.uint8)
    return ((flat[0::2] & 15) | (flat[1::2] << 4)).astype(np.uint8).view(np.int8)


def function(spec: Convolution) -> str:
    """The name of the function for a layer."""
    return FUNCTIONS[type(spec)][0]


def buffer_size(spec: Convolution) -> int:
    """Bytes of scratch memory of that function."""
    return FUNCTIONS[type(spec)][1](spec)


def _no_buffer(spec: Convolution) -> int:
    return 0


def _even_buffer(spec: Convolution) -> int:
    """arm_convolve_s4_get_buffer_size, for MVE"""
    return 4 * spec.channels * spec.kernel[0] * spec.kernel[1]


def last_pixels(pixels: int) -> int:
    """The number of last pixels that the s4 functions compute in partly filled vectors: two or three of four."""
    return pixels % 4 if pixels % 4 > 1 else 0


# A layer's function and its scratch memory. The wrapper's function for rows, arm_convolve_1_x_n_s4, differs between
# releases, so that other windows do without the wrapper. There is none for depthwise layers.
FUNCTIONS: dict[type[Convolution], tuple[str, Callable[[Convolution], int]]] = {
    Pointwise: ("arm_convolve_wrapper_s4", _no_buffer),
    Convolution: ("arm_convolve_even_s4", _even_buffer),
}
