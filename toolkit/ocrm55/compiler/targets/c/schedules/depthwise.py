"""Depthwise convolution: a channel's image is copied between zeros once, then rows of outputs share their loads.

Six output rows by four columns are accumulated at a time. For each column of the kernel its weights stay in scalar
registers and every input row is loaded once for all the output rows that it reaches. Because the channel was copied
first, the output may overwrite the input.
"""

from __future__ import annotations

from tvm import tirx

from ocrm55.compiler.operators.float32 import DepthwiseConv2d
from ocrm55.compiler.targets.c.schedules.activations import activate
from ocrm55.compiler.targets.c.schedules.loops import LANES, Index, Kernel, Loops, Register, broadcast, integer

ROWS = 6
COPY_UNROLL = 4


def depthwise_conv2d(spec: DepthwiseConv2d) -> Kernel:
    """image, weights [channels, kernel height * width], bias -> output; scratch: one padded channel."""
    k = Loops()
    image = k.parameter("image", (spec.channels, spec.height, spec.width))
    weights = k.parameter("weights", (spec.channels, spec.kernel[0] * spec.kernel[1]))
    bias = k.parameter("bias", (spec.channels,))
    output_shape = (spec.channels, spec.output_height, spec.output_width)
    output = k.parameter("output", output_shape, written=True)
    padded_height, padded_width = _padded(spec)
    padded = k.workspace("padded", (padded_height, padded_width))
    with k.loop("i", padded_height * padded_width // LANES) as i:
        k.store4(padded, i * LANES, broadcast(0.0))
    with k.loop("c", spec.channels) as c:
        _copy_channel(k, spec, image, padded, c, padded_width)
        full, rest = divmod(spec.output_height, ROWS)
        if full:
            with k.loop("rows", full) as r:
                _rows(k, spec, (weights, bias, output, padded), c, r * ROWS, ROWS)
        if rest:
            _rows(k, spec, (weights, bias, output, padded), c, integer(full * ROWS), rest)
    return k.kernel(in_place=may_run_in_place(spec))


def may_run_in_place(spec: DepthwiseConv2d) -> bool:
    """A channel is copied before it is written, so an output no larger than the input may take its place."""
    return spec.output_height * spec.output_width <= spec.height * spec.width


def _padded(spec: DepthwiseConv2d) -> tuple[int, int]:
    """Height and width of the padded channel; wide enough for the last vector of a ragged row."""
    columns = -(-spec.output_width // LANES) * LANES
    needed = (columns - 1) * spec.strides[1] + spec.kernel[1]
    width = max(needed, spec.width + spec.pads[1])
    height = max((spec.output_height - 1) * spec.strides[0] + spec.kernel[0], spec.height + spec.pads[0])
    return height, -(-width // LANES) * LANES


def _copy_channel(
    k: Loops, spec: DepthwiseConv2d, image: tirx.Buffer, padded: tirx.Buffer, c: Index, padded_width: int
) -> None:
    vectors, rest = divmod(spec.width, LANES)
    with k.loop("y", spec.height) as y:
        source = k.let("source", c * (spec.height * spec.width) + y * spec.width)
        target = k.let("target", (y + spec.pads[0]) * padded_width + spec.pads[1])
        if vectors:

            def copy(x: Index) -> None:
                k.store4(padded, target + x * LANES, k.load4(image, source + x * LANES))

            k.unrolled("x", vectors, COPY_UNROLL, copy)
        for x in range(vectors * LANES, vectors * LANES + rest):
            k.store(padded, target + x, k.load(image, source + x))


def _rows(
    k: Loops,
    spec: DepthwiseConv2d,
    buffers: tuple[tirx.Buffer, tirx.Buffer, tirx.Buffer, tirx.Buffer],
    c: Index,
    first: Index,
    rows: int,
) -> None:
    """`rows` rows of outputs from row `first` on, four columns at a time."""
    weights, bias, output, padded = buffers
    vectors, rest = divmod(spec.output_width, LANES)
    start = k.let("start", k.load(bias, c))
    area = spec.output_height * spec.output_width
    if vectors:
        with k.loop("x", vectors) as x:
            sums = _sums(k, spec, (weights, padded), start, c, first, x * (LANES * spec.strides[1]), rows)
            for row in range(rows):
                place = c * area + (first + row) * spec.output_width + x * LANES
                k.store4(output, place, activate(spec.activation, sums[row].value))
    if rest:
        column = vectors * LANES
        sums = _sums(k, spec, (weights, padded), start, c, first, integer(column * spec.strides[1]), rows)
        for row in range(rows):
            place = c * area + (first + row) * spec.output_width + column
            k.store4(output, place, activate(spec.activation, sums[row].value), rest)


def _sums(
    k: Loops,
    spec: DepthwiseConv2d,
    buffers: tuple[tirx.Buffer, tirx.Buffer],
    start: Index,
    c: Index,
    first: Index,
    column: Index,
    rows: int,
) -> list[Register]:
    weights, padded = buffers
    padded_width = _padded(spec)[1]
    kernel_height, kernel_width = spec.kernel
    sums = [k.register(f"sum{row}", broadcast(start)) for row in range(rows)]
    top = first * (spec.strides[0] * padded_width) + column
    for kx in range(kernel_width):
        place = c * (kernel_height * kernel_width) + kx
        factors = [k.let(f"w{ky}{kx}", k.load(weights, place + ky * kernel_width)) for ky in range(kernel_height)]
        for y in range((rows - 1) * spec.strides[0] + kernel_height):
            taps = [(row, y - row * spec.strides[0]) for row in range(rows)]
            reached = [(row, ky) for row, ky in taps if 0 <= ky < kernel_height]
            if not reached:
                continue
            x = k.let(f"x{y}{kx}", k.load4(padded, top + (y * padded_width + kx), stride=spec.strides[1]))
            for row, ky in reached:
                k.accumulate(sums[row], x, broadcast(factors[ky]))
    return sums
