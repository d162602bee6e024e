"""How a driver's register accesses are caught and answered. There are two ways, for two kinds of drivers.

Our driver calls two functions. Breakpoints stop the core there, and the functions return what we say. Arm's driver
loads and stores. Watchpoints on the registers' addresses stop the core at the instruction. Decoding the instruction
gives the register of the core that has the value, or gets it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ocrm55.errors import TargetError
from ocrm55.simulators.gdb_remote import LR, PC, R0, R1, GdbRemote, Stop
from ocrm55.simulators.npu_registers import NpuRegisters

# The NPU's address on the board, and the register that makes its interrupt pending (NVIC_ISPR, 32 interrupts a word).
NPU_BASE = 0x4810_2000
INTERRUPT = 56
_PENDING, _PENDING_BIT = 0xE000_E200 + 4 * (INTERRUPT // 32), 1 << INTERRUPT % 32

READ, WRITE = "ocrm55_npu_read", "ocrm55_npu_write"
ARM = "ethosu_init"  # a function of Arm's driver

_LONGEST_FUNCTION = 64  # instructions of ocrm55_npu_write and what it calls
# Registers that Arm's driver may touch: the control registers with the base pointers, and the performance counters.
_WATCHED = (*range(0x00, 0xC0, 4), *range(0x180, 0x1B0, 4))


class Access(Protocol):
    """A way to catch accesses and to answer them."""

    def arm(self, core: GdbRemote) -> None:
        """Make the stopped core stop at every access from now on."""

    def serve(self, core: GdbRemote, stop: Stop, registers: NpuRegisters) -> None:
        """The core has stopped at an access: perform it on `registers`, and give the core the answer."""


def access(symbols: dict[str, int]) -> Access | None:
    """The way that suits a program with these symbols, or None if it has no driver."""
    if READ in symbols and WRITE in symbols:
        return AtFunctions(symbols[READ] & ~1, symbols[WRITE] & ~1)
    return AtAddresses() if ARM in symbols else None


@dataclass(frozen=True)
class AtFunctions:
    """Breakpoints on the two functions of firmware/npu/npu_access.c."""

    read_at: int
    write_at: int

    def arm(self, core: GdbRemote) -> None:
        core.set_breakpoint(self.read_at)
        core.set_breakpoint(self.write_at)

    def serve(self, core: GdbRemote, stop: Stop, registers: NpuRegisters) -> None:
        """The core stands at the first instruction of one of the functions: do its work and let it return."""
        where, offset, back = core.read_register(PC), core.read_register(R0), core.read_register(LR) & ~1
        if where == self.read_at:
            core.write_register(R0, registers.read(offset))
        elif where == self.write_at:
            registers.write(offset, core.read_register(R1))
            if registers.take_interrupt():
                self._raise_interrupt(core, back)
        else:
            raise TargetError(f"the core stopped at {where:#010x}, at no access of the driver.")
        core.write_register(PC, back)

    def _raise_interrupt(self, core: GdbRemote, back: int) -> None:
        """Make the interrupt pending. The stub does not write to devices, but the core does. So the write function runs
        with the interrupt controller's register in place of the NPU's. Interrupts wait while it is stepped.
        """
        core.write_register(R0, (_PENDING - NPU_BASE) & 0xFFFF_FFFF)
        core.write_register(R1, _PENDING_BIT)
        core.clear_breakpoint(self.write_at)
        for _ in range(_LONGEST_FUNCTION):
            core.step()
            if core.read_register(PC) == back:
                core.set_breakpoint(self.write_at)
                return
        raise TargetError(f"{WRITE} did not return.", ["rebuild it with: ocrm55 build --force"])


@dataclass(frozen=True)
class Transfer:
    """A load or store of a word. A register and an offset give the address.

    base, data: numbers of registers. size: bytes of the instruction. again: whether it can be repeated at another
    address.
    """

    load: bool
    base: int
    data: int
    offset: int
    size: int
    again: bool = True


class AtAddresses:
    """Watchpoints on the NPU's registers: QEMU's stub stops an Arm core before the access."""

    def arm(self, core: GdbRemote) -> None:
        for offset in _WATCHED:
            core.set_watchpoint(NPU_BASE + offset)

    def serve(self, core: GdbRemote, stop: Stop, registers: NpuRegisters) -> None:
        """The core stands at the instruction: do its work, and let the core go on behind it."""
        at = core.read_register(PC)
        if stop.address is None:
            raise TargetError(f"the core stopped at {at:#010x}, at no access of the driver.")
        first, second = (int.from_bytes(core.read_memory(at + i, 2), "little") for i in (0, 2))
        transfer = narrow(first) or wide(first, second)
        if transfer is None:
            raise TargetError(
                f"the instruction {first:04x} {second:04x} at {at:#010x} touches the NPU: not understood."
            )
        if transfer.load:
            core.write_register(transfer.data, registers.read(stop.address - NPU_BASE))
        else:
            registers.write(stop.address - NPU_BASE, core.read_register(transfer.data))
            if registers.take_interrupt():
                self._raise_interrupt(core, at, transfer)
        core.write_register(PC, at + transfer.size)

    def _raise_interrupt(self, core: GdbRemote, at: int, store: Transfer) -> None:
        """Let the core repeat its store, with the interrupt controller's register in place of the NPU's."""
        if not store.again or store.base == store.data:
            raise TargetError(f"the store at {at:#010x} that starts the NPU cannot be done at another address.")
        base, data = core.read_register(store.base), core.read_register(store.data)
        core.write_register(store.base, (_PENDING - store.offset) & 0xFFFF_FFFF)
        core.write_register(store.data, _PENDING_BIT)
        core.step()
        core.write_register(store.base, base)
        core.write_register(store.data, data)


def narrow(code: int) -> Transfer | None:
    """LDR and STR of two bytes (Arm-v8M C2.4, encodings T1: immediate and register)."""
    base, data = code >> 3 & 7, code & 7
    if code >> 12 == 0b0110:
        return Transfer(bool(code >> 11 & 1), base, data, (code >> 6 & 31) * 4, size=2)
    if code >> 9 in (0b0101000, 0b0101100):
        return Transfer(bool(code >> 11 & 1), base, data, 0, size=2, again=False)
    return None


def wide(first: int, second: int) -> Transfer | None:
    """LDR and STR of four bytes: with twelve bits of offset, with a negative one, with a register."""
    load, base, data = bool(first >> 4 & 1), first & 0xF, second >> 12
    if first & 0xFFE0 == 0xF8C0:
        return Transfer(load, base, data, second & 0xFFF, size=4)
    if first & 0xFFE0 == 0xF840 and second & 0xF00 == 0xC00:
        return Transfer(load, base, data, -(second & 0xFF), size=4)
    if first & 0xFFE0 == 0xF840 and second & 0xFC0 == 0:
        return Transfer(load, base, data, 0, size=4, again=False)
    return None
