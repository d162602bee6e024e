"""Convolution as a product: a tile of pixels is gathered once and multiplied by every pair of output channels.

Two output channels by twelve pixels keep six accumulators in the eight vector registers: in the inner loop three
vector loads and one pair of weights feed six multiply-accumulates (24 MAC). Gathering costs one pass over the input,
makes every load of the inner loop sequential, leaves padding out of it, and lets the output overwrite the input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx

from ocrm55.compiler.operators.float32 import Conv2d
from ocrm55.compiler.targets.c.schedules.activations import activate
from ocrm55.compiler.targets.c.schedules.loops import LANES, Index, Kernel, Loops, Value, broadcast, integer, number

TILE = 3 * LANES  # pixels
ROWS = 2  # output channels
UNROLL = 8
# The gathered block is read once for every pair of channels, so it should stay in a cache. Weights should be read once
# for several tiles.
BLOCK_BYTES = 48 * 1024
MOST_TILES = 4


@dataclass(frozen=True)
class Tiles:
    """A run of equal tiles of pixels: `count` tiles of `pixels` from pixel `first` on."""

    first: int
    count: int
    pixels: int

    @property
    def vectors(self) -> int:
        return -(-self.pixels // LANES)


def conv2d(spec: Conv2d) -> Kernel:
    """image, weights (see pack_conv2d), bias -> output; scratch: one block of gathered tiles.

    The output may overwrite the image if may_run_in_place is true.
    """
    k = Loops()
    image = k.parameter("image", (spec.channels, spec.height, spec.width))
    weights = k.parameter("weights", (spec.outputs * _depth(spec),))
    bias = k.parameter("bias", (spec.outputs,))
    output_shape = (spec.outputs, spec.output_height, spec.output_width)
    output = k.parameter("output", output_shape, written=True)
    depth, pixels = _depth(spec), spec.output_height * spec.output_width
    block = min(tiles_per_block(depth), -(-pixels // TILE))
    gathered = k.workspace("gathered", (block, depth, TILE))
    for run, per_block in _blocks(pixels, block):
        with k.loop("block", run.count // per_block) as b:
            first = run.first + b * (per_block * TILE)
            with k.loop("tile", per_block) as t:
                _gather(k, spec, image, gathered, first + t * TILE, t * (depth * TILE), run.pixels)
            _multiply(k, spec, (weights, bias, output, gathered), first, run, per_block)
    return k.kernel(in_place=may_run_in_place(spec))


def may_run_in_place(spec: Conv2d) -> bool:
    """A 1x1 convolution reads everything that a tile needs before it writes the tile, at the same pixels."""
    return _is_pointwise(spec) and spec.outputs <= spec.channels


def pack_conv2d(weights: np.ndarray) -> np.ndarray:
    """[outputs, ...] into the order of the inner loop: [pairs of outputs][depth][2], an odd last output after them."""
    rows = weights.reshape(weights.shape[0], -1)
    even = rows.shape[0] // ROWS * ROWS
    pairs = rows[:even].reshape(-1, ROWS, rows.shape[1]).transpose(0, 2, 1)
    return np.concatenate([pairs.reshape(-1), rows[even:].reshape(-1)])


def tiles_per_block(depth: int) -> int:
    return max(1, min(MOST_TILES, BLOCK_BYTES // (depth * TILE * 4)))


def _depth(spec: Conv2d) -> int:
    return spec.channels * spec.kernel[0] * spec.kernel[1]


def _is_pointwise(spec: Conv2d) -> bool:
    return spec.kernel == (1, 1) and spec.strides == (1, 1) and not any(spec.pads)


def _blocks(pixels: int, block: int) -> list[tuple[Tiles, int]]:
    """Cut the pixels into runs of whole blocks, whole tiles, and a last tile with what is left."""
    tiles, rest = divmod(pixels, TILE)
    whole = tiles // block * block
    runs = [
        (Tiles(0, whole, TILE), block),
        (Tiles(whole * TILE, tiles - whole, TILE), max(tiles - whole, 1)),
        (Tiles(tiles * TILE, 1 if rest else 0, rest), 1),
    ]
    return [(run, per_block) for run, per_block in runs if run.count]


def _gather(
    k: Loops, spec: Conv2d, image: tirx.Buffer, gathered: tirx.Buffer, first: Index, place: Index, pixels: int
) -> None:
    """Copy the inputs of `pixels` outputs from `first` on: gathered[place + tap * TILE + pixel]."""
    if _is_pointwise(spec):
        with k.loop("c", spec.channels) as c:
            source, target = c * (spec.height * spec.width) + first, place + c * TILE
            for lane in range(0, pixels, LANES):
                value = k.load4(image, source + lane, min(LANES, pixels - lane))
                k.store4(gathered, target + lane, value)
        return
    kernel_height, kernel_width = spec.kernel
    with k.loop("pixel", -(-pixels // LANES) * LANES) as pixel:
        # The lanes past a ragged end repeat the last pixel; they are never stored.
        index = k.let("index", tirx.Min(first + pixel, integer(spec.output_height * spec.output_width - 1)))
        top = k.let("top", index // spec.output_width * spec.strides[0] - spec.pads[0])
        left = k.let("left", index % spec.output_width * spec.strides[1] - spec.pads[1])
        with k.loop("ky", kernel_height) as ky, k.loop("kx", kernel_width) as kx:
            y, x = k.let("y", top + ky), k.let("x", left + kx)
            target = k.let("target", place + pixel + (ky * kernel_width + kx) * TILE)

            def copy() -> None:
                with k.loop("c", spec.channels) as c:
                    value = k.load(image, c * (spec.height * spec.width) + y * spec.width + x)
                    k.store(gathered, target + c * (kernel_height * kernel_width * TILE), value)

            def clear() -> None:
                with k.loop("c", spec.channels) as c:
                    k.store(gathered, target + c * (kernel_height * kernel_width * TILE), number(0.0))

            k.choose(tirx.all(y >= 0, y < spec.height, x >= 0, x < spec.width), copy, clear)


def _multiply(
    k: Loops,
    spec: Conv2d,
    buffers: tuple[tirx.Buffer, tirx.Buffer, tirx.Buffer, tirx.Buffer],
    first: Index,
    run: Tiles,
    per_block: int,
) -> None:
    """All outputs of a block: pairs of channels outside, tiles inside, so that a pair's weights stay close."""
    pairs, odd = divmod(spec.outputs, ROWS)
    depth = _depth(spec)
    if pairs:
        with k.loop("pair", pairs) as pair, k.loop("tile", per_block) as t:
            place = (first + t * TILE, t * (depth * TILE))
            _tile(k, spec, buffers, pair * ROWS, pair * (ROWS * depth), ROWS, place, run)
    if odd:
        with k.loop("tile", per_block) as t:
            place = (first + t * TILE, t * (depth * TILE))
            _tile(k, spec, buffers, integer(spec.outputs - 1), integer((spec.outputs - 1) * depth), 1, place, run)


def _tile(
    k: Loops,
    spec: Conv2d,
    buffers: tuple[tirx.Buffer, tirx.Buffer, tirx.Buffer, tirx.Buffer],
    channel: Value,
    weight: Value,
    rows: int,
    place: tuple[Index, Index],
    run: Tiles,
) -> None:
    """`rows` channels by one tile: accumulate in registers, activate, store."""
    weights, bias, output, gathered = buffers
    pixel, source = place
    sums = [
        [k.register(f"sum{row}{v}", broadcast(k.load(bias, channel + row))) for v in range(run.vectors)]
        for row in range(rows)
    ]
    x = k.register("x", broadcast(0.0))
    factors = [k.register(f"w{row}", number(0.0)) for row in range(rows)]

    def tap(index: Index) -> None:
        if rows == ROWS:
            k.load_pair(factors[0], factors[1], weights, weight + index * ROWS)
        else:
            k.assign(factors[0], k.load(weights, weight + index))
        for v in range(run.vectors):
            k.assign(x, k.load4(gathered, source + index * TILE + v * LANES))
            for row in range(rows):
                k.accumulate(sums[row][v], x.value, broadcast(factors[row].value))

    k.unrolled("tap", _depth(spec), UNROLL, tap)
    area = spec.output_height * spec.output_width
    for row in range(rows):
        for v in range(run.vectors):
            value = activate(spec.activation, sums[row][v].value)
            k.store4(output, (channel + row) * area + pixel + v * LANES, value, min(LANES, run.pixels - v * LANES))
