"""Convolution, depthwise convolution, pooling and elementwise operations: from feature maps to accumulators.

The accumulators are 64-bit integers here: the hardware's 32 or 40 bits never overflow in a stream that Vela wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrm55.errors import InputError, UnsupportedError
from ocrm55.npu_model.accelerators import Accelerator
from ocrm55.npu_model.arithmetic import Rounding, Values, count_leading_zeros, half_up, scale
from ocrm55.npu_model.commands import ELEMENTWISE, POOLING, Command
from ocrm55.npu_model.memory import Memory
from ocrm55.npu_model.registers import Kernel, Registers
from ocrm55.npu_model.streams import Scales, WeightOrder, read_scales, read_weights


@dataclass(frozen=True)
class Scaled:
    """Accumulators, and how the output stage scales them; the multiply-accumulates of a convolution."""

    values: Values
    multiplier: Values | int = 1
    shift: Values | int = 0
    macs: int = 0


@dataclass(frozen=True)
class Context:
    """The state that an operation works on."""

    command: Command
    registers: Registers
    memory: Memory
    accelerator: Accelerator

    @property
    def where(self) -> str:
        return self.command.where


# --- inputs -----------------------------------------------------------------------------------------------------------


def read_ifm(context: Context, kernel: Kernel) -> Values:
    """The IFM under the kernel: without its zero point, upscaled, not yet padded.

    No register holds the IFM's height and width. They follow from the OFM, the strides, the kernel and the padding.
    """
    registers = context.registers
    height, width, _ = registers.ofm_shape()
    top, left, bottom, right = kernel.padding
    rows = (height - 1) * kernel.stride[0] + kernel.span[0] - top - bottom
    columns = (width - 1) * kernel.stride[1] + kernel.span[1] - left - right
    mode = registers.field("IFM_UPSCALE", "mode")
    factor = 2 if mode else 1
    shape = (-(-rows // factor), -(-columns // factor), registers.value("IFM_DEPTH_M1") + 1)
    fm = registers.feature_map("IFM", shape)
    values = context.memory.read(fm, context.where) - fm.zero_point
    if not mode:
        return values
    if mode == 1:  # NEAREST: every value four times
        upscaled = values.repeat(2, axis=0).repeat(2, axis=1)
    elif mode == 2:  # ZEROS: the zero point (here 0) in between, for transposed convolution
        upscaled = np.zeros((2 * shape[0], 2 * shape[1], shape[2]), np.int64)
        upscaled[::2, ::2] = values
    else:
        raise UnsupportedError(f"{context.where}: IFM_UPSCALE mode {mode} is not modelled.")
    return upscaled[:rows, :columns]


def pad(values: NDArray[Any], kernel: Kernel, fill: int) -> NDArray[Any]:
    top, left, bottom, right = kernel.padding
    if not any(kernel.padding):
        return values
    return np.pad(values, ((top, bottom), (left, right), (0, 0)), constant_values=fill)


def windows(padded: NDArray[Any], kernel: Kernel, ofm: tuple[int, int, int]):  # type: ignore[no-untyped-def]
    """For each tap of the kernel: its row, its column, and the values that it meets, [OFM height, OFM width, C]."""
    for row in range(kernel.size[0]):
        for column in range(kernel.size[1]):
            y, x = row * kernel.dilation[0], column * kernel.dilation[1]
            yield row, column, padded[
                y : y + (ofm[0] - 1) * kernel.stride[0] + 1 : kernel.stride[0],
                x : x + (ofm[1] - 1) * kernel.stride[1] + 1 : kernel.stride[1],
            ]  # fmt: skip


def channel_scales(context: Context) -> Scales:
    """Bias, multiplier and shift of each output channel."""
    depth, cores = context.registers.value("OFM_DEPTH_M1") + 1, _cores(context)
    whole = [np.zeros(depth, np.int64) for _ in range(3)]
    for core in range(cores):
        stream = _stream(context, "SCALE", core, "scales")
        part = read_scales(stream, len(range(core, depth, cores)), context.where)
        for values, own in zip(whole, (part.bias, part.multiplier, part.shift), strict=True):
            values[core::cores] = own
    return Scales(*whole)


def weights(context: Context, kernel: Kernel, depthwise: bool) -> Values:
    """The weights of an operation, [O, H, W, I]."""
    depth, cores = context.registers.value("OFM_DEPTH_M1") + 1, _cores(context)
    parts = [_core_weights(context, kernel, depthwise, core, cores) for core in range(cores)]
    if cores == 1:
        return parts[0]
    whole = np.zeros((depth, *parts[0].shape[1:]), np.int64)
    for core, part in enumerate(parts):
        whole[core::cores] = part
    return whole


def _cores(context: Context) -> int:
    """Cores that share the output channels in turn: the first takes 0, 2, 4 ..., the second the others."""
    registers, size = context.registers, context.accelerator
    if size.cores == 1 and not registers.known("PARALLEL_MODE"):
        return 1
    cores = registers.value("PARALLEL_MODE") + 1
    if cores > size.cores:
        raise InputError(
            f"{context.where} is for {cores} cores; the {size.name} has {size.cores}.",
            ["name the accelerator that Vela compiled for"],
        )
    return min(cores, registers.value("OFM_DEPTH_M1") + 1)


def _stream(context: Context, kind: str, core: int, what: str) -> NDArray[np.uint8]:
    """The bytes of a core's weight or scale stream; kind: WEIGHT or SCALE."""
    registers, name = context.registers, f"{kind}{core or ''}"
    base = registers.address(f"{name}_BASE")
    region = registers.field(f"{kind}_REGION", "region")
    end = base + registers.payload(f"{name}_LENGTH")
    return context.memory.stream(region, base, end, f"{context.where} ({what})")


def _core_weights(context: Context, kernel: Kernel, depthwise: bool, core: int, cores: int) -> Values:
    registers = context.registers
    block = registers.value("OFM_BLK_DEPTH_M1") + 1
    order = WeightOrder(
        ofm_depth=len(range(core, registers.value("OFM_DEPTH_M1") + 1, cores)),
        height=kernel.size[0],
        width=kernel.size[1],
        ifm_depth=1 if depthwise else registers.value("IFM_DEPTH_M1") + 1,
        depthwise=depthwise,
        part_kernel=kernel.part_kernel and not depthwise,
        ifm_bits=8 * registers.dtype("IFM").itemsize,
        ofm_block_depth=len(range(core, block, cores)),
        ofm_ublock_depth=context.accelerator.ofm_ublock_depth,
        ifm_ublock_depth=context.accelerator.ifm_ublock_depth,
        subkernel_height=kernel.subkernel[0],
        subkernel_width=kernel.subkernel[1],
    )
    return read_weights(_stream(context, "WEIGHT", core, "weights"), order, context.where)


# --- operations -------------------------------------------------------------------------------------------------------


def convolution(context: Context) -> Scaled:
    """NPU_OP_CONV: a matrix product a tap, in floating point that is exact: no sum can leave the type's integers."""
    kernel = context.registers.kernel()
    values, filters = read_ifm(context, kernel), weights(context, kernel, depthwise=False)
    largest = np.abs(values).max(initial=0) * np.abs(filters).sum(axis=(1, 2, 3)).max(initial=0)
    exact: type[np.floating[Any]] = np.float32 if largest < 1 << 24 else np.float64
    padded, filters = pad(values.astype(exact), kernel, 0), filters.astype(exact)
    height, width, depth = ofm = context.registers.ofm_shape()
    total = np.zeros((height * width, depth), exact)
    for row, column, seen in windows(padded, kernel, ofm):
        total += seen.reshape(height * width, -1) @ filters[:, row, column].T
    return _per_channel(context, total.astype(np.int64).reshape(ofm), filters[0].size)


def depthwise(context: Context) -> Scaled:
    """NPU_OP_DEPTHWISE: each channel with its own kernel."""
    kernel = context.registers.kernel()
    padded = pad(read_ifm(context, kernel), kernel, 0)
    filters = weights(context, kernel, depthwise=True)[..., 0]
    ofm = context.registers.ofm_shape()
    total = np.zeros(ofm, np.int64)
    for row, column, seen in windows(padded, kernel, ofm):
        total += seen * filters[:, row, column]
    return _per_channel(context, total, filters[0].size)


def _per_channel(context: Context, total: Values, taps: int) -> Scaled:
    """taps: multiply-accumulates for each value of the output."""
    # Vela gives every convolution a scale stream, also where all channels have one scale.
    scales = channel_scales(context)
    if context.registers.field("OFM_PRECISION", "scale_mode"):
        return Scaled(total + scales.bias, *context.registers.scale("OFM_SCALE"), total.size * taps)
    return Scaled(total + scales.bias, scales.multiplier, scales.shift, total.size * taps)


def pooling(context: Context) -> Scaled:
    """NPU_OP_POOL, in its three modes."""
    registers = context.registers
    mode = context.command.definition.fields[0].read(context.command.parameter)
    if mode >= len(POOLING):
        raise UnsupportedError(f"{context.where}: pooling mode {mode} is not modelled.")
    kernel, ofm = registers.kernel(), registers.ofm_shape()
    values = read_ifm(context, kernel)
    global_scale = registers.field("OFM_PRECISION", "scale_mode") == 1
    if POOLING[mode] == "MAX":
        lowest = int(np.iinfo(np.int64).min) >> 1  # padding never wins
        best = np.full(ofm, lowest, np.int64)
        for _, _, seen in windows(pad(values, kernel, lowest), kernel, ofm):
            np.maximum(best, seen, out=best)
        return Scaled(best, *registers.scale("OFM_SCALE")) if global_scale else Scaled(best)
    if POOLING[mode] == "REDUCE_SUM":
        values = values.sum(axis=2, keepdims=True)
    total = np.zeros(ofm, np.int64)
    for _, _, seen in windows(pad(values, kernel, 0), kernel, ofm):
        total += seen
    if POOLING[mode] == "AVERAGE" and any(kernel.padding):
        return Scaled(total, *_reciprocals(values.shape, kernel, ofm))
    if global_scale:
        return Scaled(total, *registers.scale("OFM_SCALE"))
    scales = channel_scales(context)
    return Scaled(total + scales.bias, scales.multiplier, scales.shift)


def _reciprocals(ifm: tuple[int, ...], kernel: Kernel, ofm: tuple[int, int, int]) -> tuple[Values, Values]:
    """With padding the hardware divides by the number of values under the kernel, not by the kernel's size.

    The reciprocal is the one that Vela writes into OFM_SCALE where there is no padding (its QuantizePoolingScale).
    """
    inside = np.zeros((*ofm[:2], 1), np.int64)
    ones = pad(np.ones((ifm[0], ifm[1], 1), np.int64), kernel, 0)
    for _, _, seen in windows(ones, kernel, ofm):
        inside += seen
    inside = np.maximum(inside, 1)  # a window of only padding sums up to 0 in any case
    counts, places = np.unique(inside, return_inverse=True)
    bits = np.frexp((counts - 1).astype(np.float64))[1].astype(np.int64)
    shift = 31 + bits
    pairs = zip(shift.tolist(), bits.tolist(), counts.tolist(), strict=True)
    multiplier = np.array([((1 << s) + (1 << b)) // n for s, b, n in pairs], np.int64)
    return multiplier[places].reshape(inside.shape), shift[places].reshape(inside.shape)


def elementwise(context: Context) -> Scaled:
    """NPU_OP_ELEMENTWISE: one or two operands, the second possibly repeated along an axis or a constant."""
    registers = context.registers
    mode = context.command.definition.fields[0].read(context.command.parameter)
    if mode >= len(ELEMENTWISE):
        raise UnsupportedError(f"{context.where}: elementwise mode {mode} is not modelled.")
    name = ELEMENTWISE[mode]
    if registers.field("IFM_UPSCALE", "mode"):
        raise UnsupportedError(f"{context.where}: upscaling in an elementwise operation is not modelled.")
    height, width, _ = registers.ofm_shape()
    fm = registers.feature_map("IFM", (height, width, registers.value("IFM_DEPTH_M1") + 1))
    first = context.memory.read(fm, context.where) - fm.zero_point
    if name == "ABS":
        return Scaled(np.abs(first), *registers.scale("OFM_SCALE"))
    if name == "LRELU":
        multiplier, shift = registers.scale("OFM_SCALE")
        slope = scale(first, multiplier, shift, registers.rounding("OFM_PRECISION"))
        return Scaled(np.where(first >= 0, first, slope))
    if name == "CLZ":
        return Scaled(count_leading_zeros(first))
    second = _second_operand(context, fm.shape)
    if registers.field("IFM2_BROADCAST", "ifm2_first"):
        first, second = second, first
    return _binary(context, name, first, second)


def _second_operand(context: Context, shape: tuple[int, int, int]) -> Values:
    registers = context.registers
    dtype = registers.dtype("IFM2")
    if registers.field("IFM2_BROADCAST", "scalar"):
        scalar = registers.value("IFM2_SCALAR")
        scalar -= 0x10000 if dtype.kind == "i" and scalar >= 0x8000 else 0
        return np.full((1, 1, 1), scalar - registers.zero_point("IFM2", dtype), np.int64)
    one = [registers.field("IFM2_BROADCAST", axis) for axis in ("height", "width", "channels")]
    height, width, depth = (1 if repeat else size for repeat, size in zip(one, shape, strict=True))
    fm = registers.feature_map("IFM2", (height, width, depth))
    return context.memory.read(fm, context.where) - fm.zero_point


def _binary(context: Context, name: str, first: Values, second: Values) -> Scaled:
    registers = context.registers
    if name in ("ADD", "SUB"):
        first, second = _scale_operands(registers, first, second)
        return Scaled(first + second if name == "ADD" else first - second, *registers.scale("OFM_SCALE"))
    if name == "MUL":
        multiplier, shift = registers.scale("OFM_SCALE")
        # A product of 32-bit operands has 64 bits: it is only shifted (Vela's Softmax; judge).
        return Scaled(first * second, 1 if registers.dtype("IFM").itemsize == 4 else multiplier, shift)
    if name in ("MIN", "MAX"):
        return Scaled(np.minimum(first, second) if name == "MIN" else np.maximum(first, second))
    if name == "SHL":
        return Scaled(first << second)
    rounds = registers.rounding("OFM_PRECISION") == Rounding.NATURAL
    return Scaled(half_up(first, second) if rounds else first >> second)


def _scale_operands(registers: Registers, first: Values, second: Values) -> tuple[Values, Values]:
    """ADD and SUB bring both operands to one scale, in one of two ways.

    OPA_OPB_16: both are multiplied by 16-bit numbers (equal scales).
    OPA_32, OPB_32: as TensorFlow Lite does, the operand of the smaller scale is shifted left by 20 bits (15 for 16-bit
    values), then scaled down; the other stands for twice the larger scale and is shifted by one bit less.
    """
    mode = registers.field("IFM_PRECISION", "scale_mode")
    multiplier, shift = registers.scale("OPA_SCALE")
    if mode == 0:
        return first * multiplier, second * (registers.payload("OPB_SCALE") & 0xFFFF)
    left = 20 if registers.dtype("IFM").itemsize == 1 else 15
    rounding = registers.rounding("IFM_PRECISION")

    def scaled(operand: Values) -> Values:
        return scale(operand << left, multiplier, shift + left, rounding)

    if mode == 1:
        return scaled(first), second << left - 1
    return first << left - 1, scaled(second)
