"""How much scratch memory the kernels of firmware/kernels ask for.

Each function repeats one NAME_workspace_bytes of the C sources, because the compiler plans the arena without running C.
tests/unit/compiler/targets/m55/test_workspace.py holds them to each other.
"""

from __future__ import annotations

from ocrm55.compiler.memory.planner import round_up
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8 import (
    Convolution,
    Depthwise,
    NormalisedRows,
    Pointwise,
    Product,
    SoftmaxInt8,
    SoftmaxRows,
    SumInt8,
)

BLOCK = 16  # channels of a vector
PIXELS = 4  # of a tile
GROUP = 256  # output channels between two stores, at most
GROUP_WEIGHT_BYTES = 32 * 1024
SMALL_PIECE = 48  # bytes of a window's row up to which it is fetched byte by byte
DEPTHWISE_GROUP = 8  # outputs between two stores of sums


def workspace_bytes(spec: Spec) -> int:
    """Scratch bytes of the kernel that computes `spec`; 0 for one that needs none."""
    if isinstance(spec, Depthwise):
        return _depthwise(spec)
    if isinstance(spec, Pointwise):
        return _pointwise(spec)
    if isinstance(spec, Convolution):
        return _convolution(spec)
    if isinstance(spec, Product):
        return _product(spec)
    rows = isinstance(spec, NormalisedRows | SoftmaxInt8) or (isinstance(spec, SoftmaxRows) and spec.quantised)
    if rows or isinstance(spec, SumInt8):
        return round_up(spec.count, 4) * 4 * (2 if isinstance(spec, SumInt8) else 1)  # type: ignore[attr-defined]
    return 0


def _sums(outputs: int, group: int) -> int:
    return min(round_up(outputs, 4), group) * PIXELS * 4


def _pointwise(spec: Pointwise) -> int:
    depth = round_up(spec.channels, BLOCK)
    group = min(max(GROUP_WEIGHT_BYTES // depth // 4 * 4, 4), GROUP)
    return _sums(spec.outputs, group) + (0 if depth == spec.channels else PIXELS * depth)


def _convolution(spec: Convolution) -> int:
    height, width = spec.kernel
    depth = round_up(height * width * spec.channels, BLOCK)
    piece = width * spec.channels
    small = piece < SMALL_PIECE and (height - 1) * spec.width * spec.channels + piece <= 0xFFFF
    return _sums(spec.outputs, GROUP) + PIXELS * depth + (3 * depth * 2 if small else 0)


def _product(spec: Product) -> int:
    depth = round_up(spec.depth, BLOCK)
    return round_up(spec.columns, 4) * (depth + 16) + PIXELS * depth + _sums(spec.columns, GROUP)


def _depthwise(spec: Depthwise) -> int:
    kernel, (stride_y, stride_x), (top, _) = spec.kernel[0], spec.strides, spec.pads
    pitch = 8 if kernel == 5 else 4
    columns = BLOCK // pitch
    vectors = 6 if stride_x == 1 else 3
    below = (spec.output_height - 1) * stride_y + kernel - top - spec.height
    border = max(top, below) if spec.height >= kernel else top + below
    wrapped = spec.height + border <= pitch
    rows = spec.output_height if wrapped else (pitch - kernel) // stride_y + 1
    strips = -(-spec.output_height // rows)
    groups = -(-spec.output_width // DEPTHWISE_GROUP)
    blocks = groups * DEPTHWISE_GROUP * stride_x // columns + (2 if kernel == 5 else 1)
    sums = round_up(rows * spec.output_width + 2 * DEPTHWISE_GROUP, 4) * 4
    return rows * vectors * BLOCK + strips * blocks * BLOCK + sums
