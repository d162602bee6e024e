"""Weight and scale streams: from the bytes that Vela writes to weights [O, H, W, I] and scales of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ocrm55.errors import InputError, ToolchainError

SCALE_ENTRY = 10  # bytes: 40 bits of bias, 32 of scale, 6 of shift, 2 unused


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

    Vela's codec ends the process, with a message, when a damaged stream runs out before its end mark.
    """
    return _read_weights(stream.tobytes(), order, where)


@lru_cache(maxsize=256)  # each image runs the same streams
def _read_weights(stream: bytes, order: WeightOrder, where: str) -> NDArray[np.int64]:
    decoded = np.array(_codec().decode(bytearray(stream)), np.int64)
    index = weight_index(order)
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


@lru_cache(maxsize=64)
def weight_index(order: WeightOrder) -> NDArray[np.int64]:
    """For each weight of the stream its place in [O, H, W, I], -1 where the stream is padded.

    The nesting, outermost first: OFM block, IFM block, subkernel rows, subkernel columns, then within a subkernel
    - depth first: OFM micro-block, kernel element, IFM micro-block, OFM channel, IFM channel;
    - part kernel first: the IFM micro-blocks are outside the OFM micro-blocks;
    - depthwise: one IFM channel, kernel elements rounded up to 4.
    """
    ifm_block = 16 if order.part_kernel or order.ifm_bits == 16 else 32
    round_up = 4 if order.depthwise or (order.part_kernel and order.ifm_bits != 16) else 2 if order.part_kernel else 1
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
    elements = -(-rows * columns // round_up) * round_up
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


def _codec():  # type: ignore[no-untyped-def]
    try:
        from ethosu import mlw_codec
    except ImportError as missing:
        raise ToolchainError(
            "Weight streams are decoded by ethos-u-vela, which is not installed.", ["pip install 'ocrm55[npu]'"]
        ) from missing
    return mlw_codec
