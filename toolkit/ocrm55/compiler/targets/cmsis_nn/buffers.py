"""How much scratch memory CMSIS-NN asks for when it is built for MVE.

The compiler plans the arena without running the library, so its `*_get_buffer_size` functions are repeated here.
tests/target/test_cmsis_nn.py asks the library itself and holds the two to each other.
"""

from __future__ import annotations

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise
from ocrm55.compiler.operators.int8.pool import AveragePool
from ocrm55.compiler.operators.int8.product import Product

BLOCK = 16  # int8 in a vector
ROWS = 4  # pixels that a pass of the convolution gathers
DEPTHWISE_CHANNELS = 124  # CH_IN_BLOCK_MVE: channels that the depthwise convolution gathers at once


def buffer_size(spec: Spec) -> int:
    """Bytes of `context.buf` for the function that computes `spec`."""
    if isinstance(spec, Depthwise):
        return depthwise(spec)
    if isinstance(spec, Convolution):
        return convolution(spec)
    if isinstance(spec, Product):
        return fully_connected(spec.columns)
    if isinstance(spec, AveragePool):
        return 0  # arm_avgpool_s8_get_buffer_size
    return 0


def is_1x1(spec: Convolution) -> bool:
    return spec.kernel == (1, 1) and not any(spec.pads)


def is_1xn(spec: Convolution) -> bool:
    """Where arm_convolve_wrapper_s8 takes arm_convolve_1_x_n_s8."""
    return spec.height == 1 and spec.kernel[0] == 1 and spec.strides[1] * spec.channels % 4 == 0


def convolution(spec: Convolution) -> int:
    """arm_convolve_wrapper_s8_get_buffer_size"""
    if is_1x1(spec):
        return 0
    return _one_row(spec) if is_1xn(spec) else _any_window(spec)


def _any_window(spec: Convolution) -> int:
    depth = spec.channels * spec.kernel[0] * spec.kernel[1]
    return ROWS * -(-depth // BLOCK) * BLOCK


def _one_row(spec: Convolution) -> int:
    """The pixels at the left and right ends, where the window hangs over, are gathered with their padding."""
    kernel, stride, pad = spec.kernel[1], spec.strides[1], spec.pads[1]
    odd = remainder((spec.output_width - 1) * stride + kernel - spec.width, 2)
    right = max(1, quotient(pad + odd + stride - 1, stride)) if pad + odd != 0 else 0
    left = max(1, quotient(pad + stride - 1, stride)) if pad != 0 else 0
    middle = max(spec.output_width - (right + left), 0)
    if right + middle + left != spec.output_width:
        return _any_window(spec)
    whole = kernel * spec.channels
    pad_left = pad * spec.channels
    pad_right = right * spec.channels if odd else pad_left
    return max(whole + pad_left, whole - spec.channels + pad_right)


def depthwise(spec: Depthwise) -> int:
    """arm_depthwise_conv_wrapper_s8_get_buffer_size, for a channel multiplier of 1."""
    return 4 * DEPTHWISE_CHANNELS * spec.kernel[0] * spec.kernel[1]


def fully_connected(outputs: int) -> int:
    """arm_fully_connected_s8_get_buffer_size: a sum for each output."""
    return 4 * outputs


def quotient(a: int, b: int) -> int:
    """a / b of C: towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def remainder(a: int, b: int) -> int:
    """a % b of C: of the sign of a."""
    return a - quotient(a, b) * b
