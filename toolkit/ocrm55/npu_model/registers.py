"""The registers between operations, and what they say about feature maps and kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ocrm55.errors import InputError, UnsupportedError
from ocrm55.npu_model.arithmetic import Rounding
from ocrm55.npu_model.commands import TABLE, Command
from ocrm55.npu_model.memory import FeatureMap

_FIELDS = {row.register: {part.name: part for part in row.fields} for row in TABLE.values()}
_TYPES = {(signed, bits): np.dtype(f"{'i' if signed else 'u'}{1 << bits}") for signed in (0, 1) for bits in range(3)}


@dataclass(frozen=True)
class Kernel:
    """Taps, strides and dilations as (y, x); padding as (top, left, bottom, right)."""

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]
    part_kernel: bool
    subkernel: tuple[int, int]

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns from the first tap to the last."""
        return (self.size[0] - 1) * self.dilation[0] + 1, (self.size[1] - 1) * self.dilation[1] + 1


class Registers:
    """The last command of each register. Reading one that the stream never set is an error, because its value is
    unknown.
    """

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self.operation = "the command stream"

    def set(self, command: Command) -> None:
        self._commands[command.definition.register] = command

    def _command(self, register: str) -> Command:
        try:
            return self._commands[register]
        except KeyError:
            raise InputError(f"{self.operation} needs NPU_SET_{register}, which the stream never set.") from None

    def known(self, register: str) -> bool:
        """Whether the stream has set it."""
        return register in self._commands

    def value(self, register: str) -> int:
        return self._command(register).parameter

    def address(self, register: str) -> int:
        return self._command(register).address

    def payload(self, register: str) -> int:
        return self._command(register).payload

    def field(self, register: str, name: str) -> int:
        return _FIELDS[register][name].read(self.value(register))

    def scale(self, register: str) -> tuple[int, int]:
        """Multiplier and shift. The multiplier is unsigned: Vela writes 0x80000001 for a 1x1 average (judge)."""
        command = self._command(register)
        return command.payload, command.parameter & 0x3F

    def rounding(self, register: str) -> Rounding:
        return Rounding(self.field(register, "round"))

    def dtype(self, prefix: str) -> np.dtype[Any]:
        register = f"{prefix}_PRECISION"
        key = self.field(register, "signed"), self.field(register, "bits")
        if key not in _TYPES:
            raise UnsupportedError(f"{self.operation}: 64-bit feature maps are not modelled.")
        return _TYPES[key]

    def zero_point(self, prefix: str, dtype: np.dtype[Any]) -> int:
        value = self.value(f"{prefix}_ZERO_POINT")
        return value - 0x10000 if dtype.kind == "i" and value >= 0x8000 else value

    def feature_map(self, prefix: str, shape: tuple[int, int, int]) -> FeatureMap:
        """The feature map of that name. The operation gives its shape, because no register holds the IFM's size."""
        dtype = self.dtype(prefix)
        layout = self.field(f"{prefix}_PRECISION", "layout")
        if layout > 1:
            raise UnsupportedError(f"{self.operation}: layout {layout} of {prefix} is not modelled.")
        base0, base1, base2, base3 = (self.address(f"{prefix}_BASE{tile}") for tile in range(4))
        return FeatureMap(
            name=prefix,
            shape=shape,
            dtype=dtype,
            zero_point=self.zero_point(prefix, dtype),
            region=self.field(f"{prefix}_REGION", "region"),
            bases=(base0, base1, base2, base3),
            height0=self.value(f"{prefix}_HEIGHT0_M1") + 1,
            height1=self.value(f"{prefix}_HEIGHT1_M1") + 1,
            width0=self.value(f"{prefix}_WIDTH0_M1") + 1,
            stride_y=self.address(f"{prefix}_STRIDE_Y"),
            stride_x=self.address(f"{prefix}_STRIDE_X"),
            stride_c=self.address(f"{prefix}_STRIDE_C"),
            bricks=layout == 1,
        )

    def ofm_shape(self) -> tuple[int, int, int]:
        return self.value("OFM_HEIGHT_M1") + 1, self.value("OFM_WIDTH_M1") + 1, self.value("OFM_DEPTH_M1") + 1

    def kernel(self) -> Kernel:
        def bits(name: str) -> int:
            return self.field("KERNEL_STRIDE", name)

        dilation = bits("dilation_y") + 1, bits("dilation_x") + 1
        span = self.value("KERNEL_HEIGHT_M1"), self.value("KERNEL_WIDTH_M1")
        block = 4 if bits("decomposition") else 8
        return Kernel(
            size=(span[0] // dilation[0] + 1, span[1] // dilation[1] + 1),
            stride=(1 + bits("stride_y_low") + 2 * bits("stride_y_high"),
                    1 + bits("stride_x_low") + 2 * bits("stride_x_high")),
            dilation=dilation,
            padding=(self.value("IFM_PAD_TOP"), self.value("IFM_PAD_LEFT"),
                     self.value("IFM_PAD_BOTTOM"), self.value("IFM_PAD_RIGHT")),
            part_kernel=bool(bits("weight_order")),
            subkernel=(block // dilation[0], block // dilation[1]),
        )  # fmt: skip
