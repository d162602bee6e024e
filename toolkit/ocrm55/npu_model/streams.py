"""Weight and scale streams: from the bytes that Vela writes to weights [O, H, W, I] and scales of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ocrm55.errors import InputError
from ocrm55.npu_model import weight_codec

SCALE_ENTRY = 10  # bytes: 40 bits of bias, 32 of scale, 6 of shift, 2 unused

# More has no network for this NPU, so the stream is damaged; the second is of subkernels in blocks.
LARGEST_WEIGHTS, MOST_PIECES = 1 << 25, 1 << 17
LARGEST_KEPT = 1 << 20  # weights of an operation that are kept for the next image
SLACK = 4096  # weights behind the last one, and bytes


@dataclass(frozen=True)
class WeightOrder:
    """Everything that the order of weights in a stream depends on (both of Vela's weight encoders)."""

    ofm_depth: int
    height: int
    width: int
    ifm_depth: int  # 1 for depthwise
    depthwise: bool
    part_kernel: bool
    ifm_bits: int
    ofm_block_depth: int
    ofm_ublock_depth: int
    ifm_ublock_depth: int
    subkernel_height: int
    subkernel_width: int


@dataclass(frozen=True)
class Scales:
    """One value a channel. The output is (accumulator + bias) * multiplier >> shift, rounded as OFM_PRECISION says."""

    bias: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]


def read_scales(stream: NDArray[np.uint8], channels: int, where: str) -> Scales:
    """Decode 10-byte entries: 40-bit signed bias, 32-bit unsigned multiplier, 6-bit shift, little endian."""
    if stream.size < channels * SCALE_ENTRY:
        raise InputError(f"{where}: a scale stream of {stream.size} bytes is too short for {channels} channels.")
    entries = stream[: channels * SCALE_ENTRY].reshape(channels, SCALE_ENTRY).astype(np.int64)
    bias = (entries[:, :5] << (8 * np.arange(5))).sum(axis=1)
    multiplier = (entries[:, 5:9] << (8 * np.arange(4))).sum(axis=1)
    return Scales(bias - ((bias >> 39) << 40), multiplier, entries[:, 9] & 0x3F)


def read_weights(stream: NDArray[np.uint8], order: WeightOrder, where: str) -> NDArray[np.int64]:
    """Decode a weight stream to [O, H, W, I]; weights are signed, with their zero point taken off, up to 9 bits.

    Raises InputError for a stream that is damaged or of another order, and for more weights than networks have.
    """
    if not order.ofm_block_depth:
        raise InputError(f"{where}: its blocks have no channels.")
    size, pieces = _extent(order)
    if size > LARGEST_WEIGHTS or pieces > MOST_PIECES:
        raise InputError(f"{where}: no network has an operation of {size:,} weights in {pieces:,} parts.")
    if stream.size > 4 * size + SLACK:
        raise InputError(f"{where}: a weight stream of {stream.size:,} bytes is too long for {size:,} weights.")
    read = _read_weights if size <= LARGEST_KEPT else _read_weights.__wrapped__
    return read(stream.tobytes(), order, where)


@lru_cache(maxsize=256)  # each image runs the same streams
def _read_weights(stream: bytes, order: WeightOrder, where: str) -> NDArray[np.int64]:
    index = (weight_index if _extent(order)[0] <= LARGEST_KEPT else weight_index.__wrapped__)(order)
    decoded = weight_codec.decoded(stream, index.size + SLACK)
    if decoded is None:
        raise InputError(f"{where}: its weight stream is damaged.", ["name the accelerator that Vela compiled for"])
    if decoded.size < index.size or np.any(decoded[index.size :]):
        raise InputError(
            f"{where}: its weight stream holds {decoded.size} weights where {index.size} are expected.",
            ["name the accelerator that Vela compiled for"],
        )
    used = index >= 0
    if np.any(decoded[: index.size][~used]):
        raise InputError(
            f"{where}: its weight stream has weights where padding belongs.",
            ["name the accelerator that Vela compiled for"],
        )
    weights = np.zeros(order.ofm_depth * order.height * order.width * order.ifm_depth, np.int64)
    weights[index[used]] = decoded[: index.size][used]
    shaped = weights.reshape(order.ofm_depth, order.height, order.width, order.ifm_depth)
    shaped.flags.writeable = False
    return shaped


def _extent(order: WeightOrder) -> tuple[int, int]:
    """Weights that a stream of this order holds, with its padding, and the subkernels of all blocks in it."""
    ifm_block, elements = _blocking(order)
    ofm, ofm_pieces = _in_blocks(order.ofm_depth, order.ofm_block_depth, order.ofm_ublock_depth)
    ifm, ifm_pieces = (1, 1) if order.depthwise else _in_blocks(order.ifm_depth, ifm_block, order.ifm_ublock_depth)
    if not order.depthwise and not order.part_kernel:
        ifm = ifm_pieces * ifm_block
    size = pieces = 0
    for rows, above in _parts(order.height, order.subkernel_height):
        for columns, beside in _parts(order.width, order.subkernel_width):
            size += above * beside * _round_up(rows * columns, elements)
            pieces += above * beside
    return ofm * ifm * size, ofm_pieces * ifm_pieces * pieces


def _parts(whole: int, part: int) -> list[tuple[int, int]]:
    """The sizes of the parts of a whole, and how many have each."""
    return [(part, whole // part), (whole % part, 1)] if whole % part else [(part, whole // part)]


def _in_blocks(depth: int, block: int, step: int) -> tuple[int, int]:
    """Channels in blocks that are padded to whole steps, and the number of blocks."""
    parts = _parts(depth, block)
    return sum(_round_up(size, step) * count for size, count in parts), sum(count for _, count in parts)


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def _blocking(order: WeightOrder) -> tuple[int, int]:
    """IFM channels of a block, and the number that a subkernel's elements are rounded up to."""
    ifm_block = 16 if order.part_kernel or order.ifm_bits == 16 else 32
    round_up = 4 if order.depthwise or (order.part_kernel and order.ifm_bits != 16) else 2 if order.part_kernel else 1
    return ifm_block, round_up


@lru_cache(maxsize=64)
def weight_index(order: WeightOrder) -> NDArray[np.int64]:
    """For each weight of the stream its place in [O, H, W, I], -1 where the stream is padded.

    The nesting, outermost first: OFM block, IFM block, subkernel rows, subkernel columns, then within a subkernel
    - depth first: OFM micro-block, kernel element, IFM micro-block, OFM channel, IFM channel;
    - part kernel first: the IFM micro-blocks are outside the OFM micro-blocks;
    - depthwise: one IFM channel, kernel elements rounded up to 4.
    """
    ifm_block, round_up = _blocking(order)
    pieces = []
    for ofm_start in range(0, order.ofm_depth, order.ofm_block_depth):
        ofm_count = min(order.ofm_block_depth, order.ofm_depth - ofm_start)
        for ifm_start in range(0, 1 if order.depthwise else order.ifm_depth, ifm_block):
            ifm_count = ifm_block
            if order.depthwise:
                ifm_count = 1
            elif order.part_kernel:
                ifm_count = min(ifm_block, order.ifm_depth - ifm_start)
            for top in range(0, order.height, order.subkernel_height):
                for left in range(0, order.width, order.subkernel_width):
                    pieces.append(
                        _subkernel_index(order, (ofm_start, ofm_count), (ifm_start, ifm_count), top, left, round_up)
                    )
    return np.concatenate(pieces)


def _subkernel_index(
    order: WeightOrder, ofm: tuple[int, int], ifm: tuple[int, int], top: int, left: int, round_up: int
) -> NDArray[np.int64]:
    rows = min(order.subkernel_height, order.height - top)
    columns = min(order.subkernel_width, order.width - left)
    elements = _round_up(rows * columns, round_up)
    ifm_step = 1 if order.depthwise else order.ifm_ublock_depth
    ofm_blocks = np.arange(0, ofm[1], order.ofm_ublock_depth)
    ifm_blocks = np.arange(0, ifm[1], ifm_step)
    ofm_inner, ifm_inner = np.arange(order.ofm_ublock_depth), np.arange(ifm_step)
    kernel = np.arange(elements)
    if order.part_kernel:
        axes = np.ix_(ifm_blocks, ofm_blocks, kernel, ofm_inner, ifm_inner)
        ifm_b, ofm_b, element, ofm_i, ifm_i = axes
    else:
        axes = np.ix_(ofm_blocks, kernel, ifm_blocks, ofm_inner, ifm_inner)
        ofm_b, element, ifm_b, ofm_i, ifm_i = axes
    o, i = ofm[0] + ofm_b + ofm_i, ifm[0] + ifm_b + ifm_i
    y, x = element // columns, element % columns
    place = ((o * order.height + top + y) * order.width + left + x) * order.ifm_depth + i
    inside = (o < order.ofm_depth) & (i < order.ifm_depth) & (y < rows)
    return np.where(inside, place, -1).reshape(-1)
