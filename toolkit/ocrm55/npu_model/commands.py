"""Every command of the Ethos-U55 command stream: its code, its bit fields, its meaning, and the source of each.

A stream is a row of little-endian 32-bit words. Bits 15..14 of a word say whether a payload word follows (01) or not
(00), bits 9..0 are the code, bits 31..16 the parameter. Codes below 0x100 without a payload are operations; all others
set one register, which keeps its value until it is set again.

The `source` of each row:
    regs   the codes and names in Vela's register definitions (`ethosu.vela.ethos_u55_regs`)
    isa    the bit fields in Arm's public interface header for Ethos-U55/U65 (ethos-u-core-driver, Vela's Regor)
    gen    the use that Vela's `register_command_stream_generator` makes of it
    judge  a meaning that only the comparison with LiteRT settled (`tests.npu_networks.judge`)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ocrm55.errors import InputError, UnsupportedError

PRECISIONS = {0: "8", 1: "16", 2: "32", 3: "64"}
LAYOUTS = {0: "NHWC", 1: "NHCWB16"}
ROUNDINGS = {0: "TFL", 1: "TRUNCATE", 2: "NATURAL"}
ELEMENTWISE = ("MUL", "ADD", "SUB", "MIN", "MAX", "LRELU", "ABS", "CLZ", "SHR", "SHL")
POOLING = ("MAX", "AVERAGE", "REDUCE_SUM")
ACTIVATIONS = {0: "NONE_OR_RELU", 3: "TANH", 4: "SIGMOID"} | {16 + i: f"TABLE_{i}" for i in range(8)}
CLIP_RANGES = {0: "OFM_PRECISION", 2: "UINT8", 3: "INT8", 5: "INT16"}


@dataclass(frozen=True)
class Field:
    """Some bits of a command's parameter."""

    name: str
    low: int
    width: int
    names: Mapping[int, str] = field(default_factory=dict)

    def read(self, parameter: int) -> int:
        return parameter >> self.low & (1 << self.width) - 1

    def describe(self, parameter: int) -> str:
        value = self.read(parameter)
        return f"{self.name}={self.names.get(value, value)}"


@dataclass(frozen=True)
class Definition:
    """One row of the table. `kind`: op, value (16-bit parameter), address (40 bits), length (payload), scale."""

    code: int
    name: str
    kind: str
    fields: tuple[Field, ...]
    meaning: str
    source: str

    @property
    def has_payload(self) -> bool:
        return self.kind in ("address", "length", "scale")

    @property
    def register(self) -> str:
        return self.name.removeprefix("NPU_SET_")


@dataclass(frozen=True)
class Command:
    """One decoded command; `offset` counts bytes from the start of the stream."""

    offset: int
    definition: Definition
    parameter: int
    payload: int

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def where(self) -> str:
        return f"{self.name} at offset {self.offset:#x}"

    @property
    def address(self) -> int:
        """The 40-bit value of a base, stride or DMA register; strides of a reversed OFM are negative."""
        value = self.payload | (self.parameter & 0xFF) << 32
        return value - (1 << 40) if value >> 39 else value


def _layout_precision(ofm: bool) -> tuple[Field, ...]:
    # The IFM's width field starts one bit higher than the OFM's: not an oversight of this table (isa).
    return (
        Field("signed", 0, 1),
        Field("bits", 1 if ofm else 2, 2, PRECISIONS),
        Field("layout", 6, 2, LAYOUTS),
    )


_SCALE_MODE = {0: "OPA_OPB_16", 1: "OPA_32", 2: "OPB_32"}
_DMA_FIELDS = (
    Field("region", 0, 3),
    Field("memory", 8, 1, {0: "external", 1: "SHRAM"}),
    Field("stride_mode", 9, 2, {0: "1D", 1: "2D", 2: "3D"}),
)
_REGION = (Field("region", 0, 3),)
_SHIFT = (Field("shift", 0, 6),)
_KERNEL_STRIDE = (
    Field("stride_x_low", 0, 1),
    Field("stride_y_low", 1, 1),
    Field("weight_order", 2, 1, {0: "DEPTH_FIRST", 1: "PART_KERNEL_FIRST"}),
    Field("dilation_x", 3, 1),
    Field("dilation_y", 4, 1),
    Field("decomposition", 5, 1, {0: "8x8", 1: "4x4"}),
    Field("stride_x_high", 6, 1),
    Field("stride_y_high", 9, 1),
)
_BROADCAST = (
    Field("height", 0, 1),
    Field("width", 1, 1),
    Field("channels", 2, 1),
    Field("ifm2_first", 6, 1),
    Field("scalar", 7, 1),
)


def _feature_map(prefix: str, values: int, addresses: int) -> list[Definition]:
    """The registers that IFM, IFM2 and OFM share; their codes differ by a constant."""
    rows = [
        (0x0A, "WIDTH0_M1", (), "columns in tiles 0 and 2, less one"),
        (0x0B, "HEIGHT0_M1", (), "rows in tile 0, less one"),
        (0x0C, "HEIGHT1_M1", (), "rows in tile 1, less one"),
        (0x0F, "REGION", _REGION, "base pointer that the addresses are relative to"),
    ]
    table = [
        Definition(values + code, f"NPU_SET_{prefix}_{name}", "value", fields, f"{prefix}: {text}", "regs, isa, gen")
        for code, name, fields, text in rows
    ]
    zero_point = 0x118 if prefix == "OFM" else values + 0x09
    table.append(
        Definition(zero_point, f"NPU_SET_{prefix}_ZERO_POINT", "value", (), f"{prefix}: zero point", "regs, gen")
    )
    for tile in range(4):
        text = f"{prefix}: address of tile {tile}"
        table.append(Definition(addresses + tile, f"NPU_SET_{prefix}_BASE{tile}", "address", (), text, "regs, gen"))
    for code, axis, text in (
        (4, "X", "bytes from a column to the next (NHWC; 16 channels are adjacent in NHCWB16)"),
        (5, "Y", "bytes from a row to the next"),
        (6, "C", "bytes from 16 channels to the next 16 (NHCWB16 only; NHWC channels are adjacent)"),
    ):
        name = f"NPU_SET_{prefix}_STRIDE_{axis}"
        table.append(Definition(addresses + code, name, "address", (), f"{prefix}: {text}", "regs, gen"))
    return table


def _operations() -> list[Definition]:
    pooling = (Field("mode", 0, 3, dict(enumerate(POOLING))),)
    elementwise = (Field("mode", 0, 6, dict(enumerate(ELEMENTWISE))),)
    return [
        Definition(code, name, "op", fields, meaning, source)
        for code, name, fields, meaning, source in (
            (0x000, "NPU_OP_STOP", (Field("mask", 0, 16),), "end of the stream, raises the interrupt", "regs, isa"),
            (0x001, "NPU_OP_IRQ", (Field("mask", 0, 16),), "raise the interrupt and go on", "regs, isa"),
            (0x002, "NPU_OP_CONV", (), "convolution or fully connected", "regs, gen"),
            (0x003, "NPU_OP_DEPTHWISE", (), "depthwise convolution", "regs, gen"),
            (0x005, "NPU_OP_POOL", pooling, "pooling over the kernel, or a sum over channels", "regs, isa, gen"),
            (0x006, "NPU_OP_ELEMENTWISE", elementwise, "element by element", "regs, isa, gen"),
            (0x010, "NPU_OP_DMA_START", (), "copy DMA0_LEN bytes", "regs, gen"),
            (0x011, "NPU_OP_DMA_WAIT", (Field("outstanding", 0, 4),), "until at most so many copies run", "regs, gen"),
            (0x012, "NPU_OP_KERNEL_WAIT", (Field("outstanding", 0, 4),), "the same for operations", "regs, gen"),
            (0x013, "NPU_OP_PMU_MASK", (Field("enable", 0, 1),), "performance counters on or off", "regs, isa"),
        )
    ]


def _value_registers() -> list[Definition]:
    ifm_precision = (
        *_layout_precision(False),
        Field("scale_mode", 8, 2, _SCALE_MODE),
        Field("round", 14, 2, ROUNDINGS),
    )
    ofm_precision = (
        *_layout_precision(True),
        Field("scale_mode", 8, 1, {0: "PER_CHANNEL", 1: "GLOBAL"}),
        Field("round", 14, 2, ROUNDINGS),
    )
    activation = (Field("function", 0, 5, ACTIVATIONS), Field("clip", 12, 3, CLIP_RANGES))
    rows: tuple[tuple[int, str, tuple[Field, ...], str, str], ...] = (
        (0x100, "IFM_PAD_TOP", (), "rows of padding above the (upscaled) IFM", "regs, gen"),
        (0x101, "IFM_PAD_LEFT", (), "columns of padding to the left", "regs, gen"),
        (0x102, "IFM_PAD_RIGHT", (), "columns of padding to the right", "regs, gen"),
        (0x103, "IFM_PAD_BOTTOM", (), "rows of padding below", "regs, gen"),
        (0x104, "IFM_DEPTH_M1", (), "IFM channels, less one", "regs, gen"),
        (0x105, "IFM_PRECISION", ifm_precision, "IFM type and layout; which operand ADD and SUB scale", "isa, gen"),
        (0x107, "IFM_UPSCALE", (Field("mode", 0, 2, {0: "NONE", 1: "NEAREST", 2: "ZEROS"}),), "2x2", "isa, gen"),
        (0x10D, "IFM_IB_END", (), "SHRAM bank after the IFM buffers; no effect on values", "regs, gen"),
        (0x111, "OFM_WIDTH_M1", (), "OFM columns, less one", "regs, gen"),
        (0x112, "OFM_HEIGHT_M1", (), "OFM rows, less one", "regs, gen"),
        (0x113, "OFM_DEPTH_M1", (), "OFM channels, less one", "regs, gen"),
        (0x114, "OFM_PRECISION", ofm_precision, "OFM type, layout, kind of scaling, rounding", "isa, gen"),
        (0x115, "OFM_BLK_WIDTH_M1", (), "columns of a block; no effect on values", "regs, gen"),
        (0x116, "OFM_BLK_HEIGHT_M1", (), "rows of a block; no effect on values", "regs, gen"),
        (0x117, "OFM_BLK_DEPTH_M1", (), "channels of a block, less one: orders the weight stream", "regs, gen"),
        (0x120, "KERNEL_WIDTH_M1", (), "columns that the dilated kernel spans, less one", "regs, gen"),
        (0x121, "KERNEL_HEIGHT_M1", (), "rows that the dilated kernel spans, less one", "regs, gen"),
        (0x122, "KERNEL_STRIDE", _KERNEL_STRIDE, "strides and dilations, less one; weight order", "isa, gen"),
        (0x123, "PARALLEL_MODE", (), "cores that work together, less one (Ethos-U65)", "regs, gen"),
        (0x124, "ACC_FORMAT", (Field("format", 0, 2, {0: "INT32", 1: "INT40", 2: "FP16"}),), "width", "regs, gen"),
        (0x125, "ACTIVATION", activation, "function after scaling; range that it clips to", "isa, gen"),
        (0x126, "ACTIVATION_MIN", (), "smallest value", "regs, gen"),
        (0x127, "ACTIVATION_MAX", (), "greatest value", "regs, gen"),
        (0x128, "WEIGHT_REGION", _REGION, "base pointer of the weight stream", "regs, gen"),
        (0x129, "SCALE_REGION", _REGION, "base pointer of the scale stream", "regs, gen"),
        (0x12D, "AB_START", (), "first SHRAM bank of the accumulators; no effect on values", "regs, gen"),
        (0x12F, "BLOCKDEP", (), "overlap with the operation before; no effect on values", "regs, gen"),
        (0x130, "DMA0_SRC_REGION", _DMA_FIELDS, "where DMA reads", "isa, gen"),
        (0x131, "DMA0_DST_REGION", _DMA_FIELDS, "where DMA writes: memory, or tables in SHRAM", "isa, gen"),
        (0x180, "IFM2_BROADCAST", _BROADCAST, "axes along which IFM2 repeats; operand order; a constant", "isa, gen"),
        (0x181, "IFM2_SCALAR", (), "IFM2 as one constant", "regs, gen"),
        (0x185, "IFM2_PRECISION", _layout_precision(False), "IFM2 type and layout", "isa, gen"),
        (0x18D, "IFM2_IB_START", (), "SHRAM bank of the IFM2 buffers; no effect on values", "regs, gen"),
    )
    return [Definition(code, f"NPU_SET_{name}", "value", f, text, source) for code, name, f, text, source in rows]


def _payload_registers() -> list[Definition]:
    rows: tuple[tuple[int, str, str, tuple[Field, ...], str, str], ...] = (
        (0x020, "WEIGHT_BASE", "address", (), "address of the weight stream", "regs, gen"),
        (0x021, "WEIGHT_LENGTH", "length", (), "its bytes, a multiple of 16", "regs, gen"),
        (0x022, "SCALE_BASE", "address", (), "address of the scale stream, 10 bytes a channel", "regs, gen"),
        (0x023, "SCALE_LENGTH", "length", (), "its bytes, a multiple of 16", "regs, gen"),
        (0x024, "OFM_SCALE", "scale", _SHIFT, "multiplier and shift for all channels", "isa, gen"),
        (0x025, "OPA_SCALE", "scale", _SHIFT, "multiplier and shift of the operand that is scaled", "isa, gen, judge"),
        (0x026, "OPB_SCALE", "scale", (), "16-bit multiplier of operand B in OPA_OPB_16", "isa, gen"),
        (0x030, "DMA0_SRC", "address", (), "address to copy from", "regs, gen"),
        (0x031, "DMA0_DST", "address", (), "address to copy to", "regs, gen"),
        (0x032, "DMA0_LEN", "address", (), "bytes to copy", "regs, gen"),
        (0x090, "WEIGHT1_BASE", "address", (), "WEIGHT_BASE of the second core (Ethos-U65)", "regs, gen"),
        (0x091, "WEIGHT1_LENGTH", "length", (), "WEIGHT_LENGTH of the second core", "regs, gen"),
        (0x092, "SCALE1_BASE", "address", (), "SCALE_BASE of the second core", "regs, gen"),
        (0x093, "SCALE1_LENGTH", "length", (), "SCALE_LENGTH of the second core", "regs, gen"),
    )
    return [Definition(code, f"NPU_SET_{name}", kind, f, text, source) for code, name, kind, f, text, source in rows]


def _table() -> dict[tuple[bool, int], Definition]:
    rows = [*_operations(), *_value_registers(), *_payload_registers()]
    rows += _feature_map("IFM", 0x100, 0x000)
    rows += _feature_map("OFM", 0x110, 0x010)
    rows += _feature_map("IFM2", 0x180, 0x080)
    return {(row.has_payload, row.code): row for row in rows}


TABLE = _table()

# Commands that exist but that this model refuses; the names make the refusal readable.
KNOWN_REFUSED = {
    (False, 0x132): "NPU_SET_DMA0_SIZE0 (2D and 3D copies: Ethos-U65)",
    (False, 0x133): "NPU_SET_DMA0_SIZE1 (3D copies: Ethos-U65)",
    (True, 0x033): "NPU_SET_DMA0_SKIP0 (2D and 3D copies: Ethos-U65)",
    (True, 0x034): "NPU_SET_DMA0_SKIP1 (3D copies: Ethos-U65)",
}


def as_words(stream: bytes | bytearray | memoryview | NDArray[np.generic]) -> NDArray[np.uint32]:
    """The stream as 32-bit words, from bytes or from an array of bytes or words."""
    if isinstance(stream, np.ndarray) and stream.dtype.itemsize == 4:
        return stream.reshape(-1).view(np.uint32)
    raw = np.ascontiguousarray(stream).tobytes() if isinstance(stream, np.ndarray) else bytes(stream)
    if len(raw) % 4:
        raise InputError(f"A command stream is a row of 32-bit words; this one has {len(raw)} bytes.")
    return np.frombuffer(raw, dtype="<u4")


def decode(stream: bytes | bytearray | memoryview | NDArray[np.generic]) -> Iterator[Command]:
    """Decode commands up to and including NPU_OP_STOP; refuse by name every command that the table lacks."""
    words = as_words(stream).tolist()
    index = 0
    while index < len(words):
        word, offset = words[index], 4 * index
        control, code = word >> 14 & 3, word & 0x3FF
        if control > 1 or word & 0x3C00:
            raise UnsupportedError(f"Word {word:#010x} at offset {offset:#x} is no command of the Ethos-U55.")
        definition = TABLE.get((bool(control), code))
        if definition is None:
            name = KNOWN_REFUSED.get((bool(control), code), f"command {code:#05x}" + (" with payload" * control))
            raise UnsupportedError(f"{name} at offset {offset:#x} of the command stream is not modelled.")
        if control and index + 1 == len(words):
            raise InputError(f"The command stream ends in the middle of {definition.name} at offset {offset:#x}.")
        yield Command(offset, definition, word >> 16, words[index + 1] if control else 0)
        if definition.name == "NPU_OP_STOP":
            return
        index += 1 + control
    raise InputError("The command stream ends without NPU_OP_STOP.")


def encode(name: str, parameter: int = 0, payload: int = 0) -> list[int]:
    """The words of one command; `payload` of an address register may be negative or have 40 bits."""
    definition = next(row for row in TABLE.values() if row.name == name)
    if definition.kind == "address":
        parameter |= payload >> 32 & 0xFF
    words = [definition.code | definition.has_payload << 14 | (parameter & 0xFFFF) << 16]
    return [*words, payload & 0xFFFFFFFF] if definition.has_payload else words


def disassemble(stream: bytes | NDArray[np.generic]) -> Iterator[str]:
    """One readable line a command."""
    for command in decode(stream):
        kind = command.definition.kind
        words = [part.describe(command.parameter) for part in command.definition.fields]
        if kind == "value" and not words:
            signed = any(part in command.name for part in ("ZERO_POINT", "ACTIVATION_M", "SCALAR"))
            words = [str(command.parameter - 0x10000 if signed and command.parameter >> 15 else command.parameter)]
        elif kind == "address":
            words = [f"{command.address:#x}" if command.address >= 0 else str(command.address)]
        elif kind in ("length", "scale"):
            words.insert(0, str(command.payload))
        yield f"{command.offset:#08x}  {command.name:<28} {' '.join(words):<60}  {command.definition.meaning}".rstrip()
