"""The NPU: takes a command stream and the memory of its regions, and writes the results into that memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrm55.errors import InputError, UnsupportedError
from ocrm55.npu_model import activation, operations
from ocrm55.npu_model.accelerators import Accelerator, by_name
from ocrm55.npu_model.activation import TABLE_SLOT, Function
from ocrm55.npu_model.arithmetic import Values, scale
from ocrm55.npu_model.commands import ELEMENTWISE, POOLING, Command, decode
from ocrm55.npu_model.memory import LARGEST_MAP, FeatureMap, Memory
from ocrm55.npu_model.operations import Context, Scaled
from ocrm55.npu_model.registers import Registers

_OPERATIONS: dict[str, Callable[[Context], Scaled]] = {
    "NPU_OP_CONV": operations.convolution,
    "NPU_OP_DEPTHWISE": operations.depthwise,
    "NPU_OP_POOL": operations.pooling,
    "NPU_OP_ELEMENTWISE": operations.elementwise,
}
Watch = Callable[[Command, str, NDArray[np.int64] | None], None]
WEIGHTED = ("NPU_OP_CONV", "NPU_OP_DEPTHWISE")
# A stream may ask for any work in few words. Multiply-accumulates, or values that are touched; numpy takes minutes for
# so many, and the largest networks for this NPU have a tenth.
MOST_WORK = 1 << 38
_LEAST_WORK = 1 << 16  # of an operation, in the same unit: the time that a small one takes
_LEAST_OF_TAP, _OF_CHANNEL = 1 << 12, 1 << 8  # of a tap of the kernel, of a channel in its brick
_OF_VALUE = 1 << 6  # that is scaled, clipped and stored
# Operations and copies run here one after another, each to its end, so there is nothing to wait for.
_NO_EFFECT = ("NPU_OP_KERNEL_WAIT", "NPU_OP_DMA_WAIT", "NPU_OP_PMU_MASK")


@dataclass
class Result:
    """What a run did: operations by name, interrupts raised (the last one by STOP), and STOP's mask.

    macs: multiply-accumulates of convolutions, those on padding too. read_bytes, written_bytes: by region, each byte of
    a map or a stream once an operation; the NPU reads an IFM again for each block of output channels.
    """

    operations: Counter[str] = field(default_factory=Counter)
    interrupts: int = 0
    stop_mask: int = 0
    macs: int = 0
    read_bytes: Counter[int] = field(default_factory=Counter)
    written_bytes: Counter[int] = field(default_factory=Counter)


def run(
    command_stream: bytes | NDArray[np.generic],
    regions: Mapping[int, NDArray[np.uint8]],
    accelerator: str | Accelerator = "ethos-u55-128",
    watch: Watch | None = None,
) -> Result:
    """Run a command stream to its STOP. Regions (base pointers) are byte arrays; the NPU writes into them in place.

    watch: called after each operation with its command, its name and the map that it has written (none: a copy).

    Raises UnsupportedError for what is not modelled, TargetError for an access outside a region, InputError for a
    stream that makes no sense; each names the command and its offset.
    """
    size = by_name(accelerator) if isinstance(accelerator, str) else accelerator
    machine = Machine(Memory(regions, size.shram_bytes), size, watch)
    for command in decode(command_stream):
        machine.execute(command)
    return machine.result


def filters(
    command_stream: bytes | NDArray[np.generic],
    regions: Mapping[int, NDArray[np.uint8]],
    accelerator: str | Accelerator = "ethos-u55-128",
) -> Iterator[NDArray[np.int64]]:
    """The weights of each convolution of a command stream, [O, H, W, I], with what it copies and nothing computed.

    Raises as `run` does.
    """
    size = by_name(accelerator) if isinstance(accelerator, str) else accelerator
    machine = Machine(Memory(regions, size.shram_bytes), size)
    for command in decode(command_stream):
        if command.name in WEIGHTED:
            machine.registers.operation = command.where
            machine.spend(command, _LEAST_WORK)
            context = Context(command, machine.registers, machine.memory, size)
            depthwise = command.name == "NPU_OP_DEPTHWISE"
            try:
                decoded = operations.weights(context, machine.registers.kernel(), depthwise)
            except (ValueError, IndexError, OverflowError) as mismatch:
                raise InputError(f"{command.where}: its registers do not fit together ({mismatch}).") from mismatch
            yield decoded
        elif command.definition.kind != "op" or command.name == "NPU_OP_DMA_START":
            machine.execute(command)


def tables_copied(command_stream: bytes | NDArray[np.generic]) -> Iterator[tuple[int, int, int]]:
    """Region, first byte and bytes of what a command stream copies into SHRAM, its tables; nothing is copied."""
    registers = Registers()
    for command in decode(command_stream):
        if command.definition.kind != "op":
            registers.set(command)
        elif command.name == "NPU_OP_DMA_START":
            registers.operation = command.where
            if registers.field("DMA0_DST_REGION", "memory"):
                region = registers.field("DMA0_SRC_REGION", "region")
                yield region, registers.address("DMA0_SRC"), registers.address("DMA0_LEN")


class Machine:
    """Registers, memory and the tables in SHRAM, command by command."""

    def __init__(self, memory: Memory, accelerator: Accelerator, watch: Watch | None = None) -> None:
        self._watch = watch
        self.memory = memory
        self.accelerator = accelerator
        self.registers = Registers()
        self.result = Result(read_bytes=memory.read_bytes, written_bytes=memory.written_bytes)
        self._tables_valid = False
        self._work = 0

    def spend(self, command: Command, work: int) -> None:
        """Count what is to be done. Raises InputError for more than any network does."""
        self._work += work
        if self._work > MOST_WORK:
            raise InputError(f"{command.where}: up to here the stream computes more than any network for this NPU.")

    def execute(self, command: Command) -> None:
        if command.definition.kind != "op":
            self.registers.set(command)
            return
        self.registers.operation = command.where
        if command.name in _OPERATIONS:
            self._operate(command)
        elif command.name == "NPU_OP_DMA_START":
            self._copy(command)
        elif command.name in ("NPU_OP_IRQ", "NPU_OP_STOP"):
            self.result.interrupts += 1
            self.result.stop_mask = command.parameter
        elif command.name not in _NO_EFFECT:
            raise UnsupportedError(f"{command.where} is not modelled.")

    def _operate(self, command: Command) -> None:
        try:
            context = Context(command, self.registers, self.memory, self.accelerator)
            ofm = self.registers.feature_map("OFM", self.registers.ofm_shape())
            self.memory.check(ofm, command.where)
            self.spend(command, _work(command, self.registers))
            scaled = _OPERATIONS[command.name](context)
            self.result.macs += scaled.macs
            self._store(command, scaled, ofm)
        except MemoryError as none:
            raise UnsupportedError(f"{command.where} needs more memory than this computer has.") from none
        except (ValueError, IndexError, OverflowError) as mismatch:
            raise InputError(f"{command.where}: its registers do not fit together ({mismatch}).") from mismatch
        self._done(command, _name(command), self.memory.values(ofm, command.where) if self._watch else None)

    def _copy(self, command: Command) -> None:
        """NPU_OP_DMA_START: between regions, or from a region into SHRAM (activation tables)."""
        registers, length = self.registers, self.registers.address("DMA0_LEN")
        source, destination = registers.address("DMA0_SRC"), registers.address("DMA0_DST")
        if length < 0:
            raise InputError(f"{command.where} copies {length} bytes.")
        self.spend(command, _LEAST_WORK + length)
        for register in ("DMA0_SRC_REGION", "DMA0_DST_REGION"):
            if registers.field(register, "stride_mode"):
                raise UnsupportedError(f"{command.where}: 2D and 3D copies (Ethos-U65) are not modelled.")
        if registers.field("DMA0_SRC_REGION", "memory"):
            raise UnsupportedError(f"{command.where}: copying out of SHRAM is not modelled.")
        region = registers.field("DMA0_SRC_REGION", "region")
        data = self.memory.stream(region, source, source + length, f"{command.where} (source)")
        if registers.field("DMA0_DST_REGION", "memory"):
            self.memory.shram_span(destination, destination + length, command.where)[:] = data
            self._tables_valid = True
        else:
            region = registers.field("DMA0_DST_REGION", "region")
            what = f"{command.where} (destination)"
            self.memory.span(region, destination, destination + length, what)[:] = data.copy()
            self.memory.written_bytes[region] += length
        self._done(command, "DMA", None)

    def _done(self, command: Command, name: str, values: NDArray[np.int64] | None) -> None:
        self.result.operations[name] += 1
        if self._watch:
            self._watch(command, name, values)

    def _store(self, command: Command, scaled: Scaled, fm: FeatureMap) -> None:
        """The output stage: scale, add the zero point, clip, apply the activation function, store."""
        registers = self.registers
        rounding = registers.rounding("OFM_PRECISION")
        values = scale(scaled.values, scaled.multiplier, scaled.shift, rounding)
        function = registers.field("ACTIVATION", "function")
        if function in (Function.TANH, Function.SIGMOID):
            values = _built_in(function, values, fm.dtype)
        clip = registers.field("ACTIVATION", "clip")
        if fm.dtype.itemsize < 4 or clip:
            # A 32-bit OFM has no zero point: Vela's older core leaves that of the IFM in the register (judge).
            values = values + fm.zero_point
        limits = activation.clip_limits(
            clip,
            registers.value("ACTIVATION_MIN"),
            registers.value("ACTIVATION_MAX"),
            fm.dtype,
        )
        values = np.clip(values, *limits)
        if function >= Function.TABLE_0:
            table = self._table(command, function - Function.TABLE_0)
            values = activation.look_up(values, table, limits, fm.dtype)
        elif self.accelerator.tables_are_shared:
            self._tables_valid = False
        self.memory.write(fm, values, command.where)

    def _table(self, command: Command, slot: int) -> NDArray[np.uint8]:
        if not self._tables_valid:
            raise InputError(
                f"{command.where} uses table {slot}, which no copy filled since SHRAM was last used otherwise.",
                ["name the accelerator that Vela compiled for"],
            )
        return self.memory.shram[self.accelerator.tables_start + slot * TABLE_SLOT :]


def _work(command: Command, registers: Registers) -> int:
    """What an operation takes, in the unit of MOST_WORK. Raises InputError for a padded IFM that no memory holds."""
    height, width, depth = registers.ofm_shape()
    ifm_depth = registers.value("IFM_DEPTH_M1") + 1
    values = height * width * depth
    work = _LEAST_WORK + _OF_CHANNEL * (depth + ifm_depth)
    if command.name == "NPU_OP_ELEMENTWISE":
        return work + _OF_VALUE * values
    kernel = registers.kernel()
    rows = (height - 1) * kernel.stride[0] + kernel.span[0]
    columns = (width - 1) * kernel.stride[1] + kernel.span[1]
    padded = rows * columns * ifm_depth
    if padded > LARGEST_MAP:
        raise InputError(f"{command.where} has a padded IFM of {rows} x {columns} x {ifm_depth} values.")
    a_tap = values * ifm_depth if command.name == "NPU_OP_CONV" else values
    return work + padded + _OF_VALUE * values + kernel.size[0] * kernel.size[1] * max(a_tap, _LEAST_OF_TAP)


def _built_in(function: int, values: Values, dtype: np.dtype[Any]) -> Values:
    if dtype != np.int16:
        raise UnsupportedError(f"The built-in tanh and sigmoid are modelled for int16, not for {dtype}.")
    return activation.tanh(values) if function == Function.TANH else activation.sigmoid(values)


def _name(command: Command) -> str:
    """CONV, DEPTHWISE, POOL.MAX, ELEMENTWISE.ADD ..."""
    name = command.name.removeprefix("NPU_OP_")
    modes = {"POOL": POOLING, "ELEMENTWISE": ELEMENTWISE}.get(name)
    return f"{name}.{modes[command.definition.fields[0].read(command.parameter)]}" if modes else name
