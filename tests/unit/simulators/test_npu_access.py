"""Catching a driver's accesses: which instruction it was, and what the core finds afterwards."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import cast

import pytest

from ocrm55.errors import TargetError
from ocrm55.npu_model.accelerators import ACCELERATORS
from ocrm55.simulators import npu_access
from ocrm55.simulators.gdb_remote import LR, PC, R0, R1, GdbRemote, Stop
from ocrm55.simulators.npu_access import NPU_BASE, AtAddresses, AtFunctions, Transfer, narrow, wide
from ocrm55.simulators.npu_registers import CMD, ID, ID_WORD, QSIZE, NpuRegisters, Outcome

ISPR = 0xE000_E204  # interrupts 32 to 63


class Core:
    """A stopped core with registers and a program; a step notes the store that it would do."""

    def __init__(self, program: bytes = b"", **registers: int) -> None:
        self.program = program
        self.registers = {number: registers.get(f"r{number}", 0) for number in range(16)}
        self.breakpoints: set[int] = set()
        self.watched: set[int] = set()
        self.stores: list[tuple[int, int]] = []
        self.store: Transfer | None = None

    def read_register(self, number: int) -> int:
        return self.registers[number]

    def write_register(self, number: int, value: int) -> None:
        self.registers[number] = value

    def read_memory(self, address: int, size: int) -> bytes:
        return (self.program + bytes(8))[address : address + size]

    def set_breakpoint(self, address: int) -> None:
        self.breakpoints.add(address)

    def clear_breakpoint(self, address: int) -> None:
        self.breakpoints.remove(address)

    def set_watchpoint(self, address: int) -> None:
        self.watched.add(address)

    def step(self) -> None:
        if self.store is not None:
            address = (self.registers[self.store.base] + self.store.offset) & 0xFFFF_FFFF
            self.stores.append((address, self.registers[self.store.data]))
            self.registers[PC] += self.store.size
        else:  # the write function, in one step
            assert not self.breakpoints & {self.registers[PC]}
            self.stores.append(((NPU_BASE + self.registers[R0]) & 0xFFFF_FFFF, self.registers[R1]))
            self.registers[PC] = self.registers[LR] & ~1


def remote(core: Core) -> GdbRemote:
    return cast(GdbRemote, core)


def registers() -> NpuRegisters:
    return NpuRegisters(ACCELERATORS["ethos-u55-128"], lambda job: Outcome(job.command_bytes))


ASSEMBLY = """
    .syntax unified
    .thumb
    ldr r3, [r0, #40]
    str r2, [r7, #124]
    ldr r1, [r2, r3]
    ldr.w r9, [r4, #0x1a0]
    str.w r3, [r10, #8]
    str r5, [r6, #-8]
    ldr.w r1, [r8, r9, lsl #0]
"""
MEANT = [
    Transfer(True, 0, 3, 40, 2),
    Transfer(False, 7, 2, 124, 2),
    Transfer(True, 2, 1, 0, 2, again=False),
    Transfer(True, 4, 9, 0x1A0, 4),
    Transfer(False, 10, 3, 8, 4),
    Transfer(False, 6, 5, -8, 4),
    Transfer(True, 8, 1, 0, 4, again=False),
]


@pytest.mark.skipif(not shutil.which("arm-none-eabi-as"), reason="arm-none-eabi-as not installed")
def test_instructions_are_read_as_the_assembler_writes_them(tmp_path: Path) -> None:
    (tmp_path / "code.s").write_text(ASSEMBLY)
    subprocess.run(["arm-none-eabi-as", "-march=armv8.1-m.main", "code.s", "-o", "code.o"], cwd=tmp_path, check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "code.o", "code.bin"], cwd=tmp_path, check=True)
    code = (tmp_path / "code.bin").read_bytes()
    found = []
    while code:
        first, second = int.from_bytes(code[:2], "little"), int.from_bytes(code[2:4], "little")
        transfer = narrow(first) or wide(first, second)
        assert transfer is not None, code[:4].hex()
        found.append(transfer)
        code = code[transfer.size :]
    assert found == MEANT


@pytest.mark.parametrize("code", [0x7808, 0x8808, 0xE9D0, 0x4608, 0xF000, 0xBE00])  # ldrb, ldrh, ldrd, mov, bl, bkpt
def test_other_instructions_are_not_understood(code: int) -> None:
    assert narrow(code) is None
    assert wide(code, 0) is None
    core = Core(code.to_bytes(2, "little"))
    with pytest.raises(TargetError, match="touches the NPU: not understood"):
        AtAddresses().serve(remote(core), Stop(NPU_BASE), registers())


def test_a_load_finds_the_register_s_value_and_goes_on() -> None:
    core = Core(bytes.fromhex("0368"), r0=NPU_BASE)  # ldr r3, [r0]
    AtAddresses().serve(remote(core), Stop(NPU_BASE + ID), registers())
    assert core.registers[3] == ID_WORD
    assert core.registers[PC] == 2


def test_the_store_that_starts_the_npu_makes_the_interrupt_pending() -> None:
    core = Core(bytes.fromhex("8360"), r0=NPU_BASE, r3=1)  # str r3, [r0, #8]
    core.store = narrow(0x6083)
    npu = registers()
    npu.write(QSIZE, 16)
    AtAddresses().serve(remote(core), Stop(NPU_BASE + CMD), npu)
    assert core.stores == [(ISPR, 1 << 24)]
    assert (core.registers[0], core.registers[3], core.registers[PC]) == (NPU_BASE, 1, 2)


def test_a_store_that_cannot_be_done_again_is_told() -> None:
    core = Core(bytes.fromhex("8350"), r0=NPU_BASE, r3=1)  # str r3, [r0, r2]
    npu = registers()
    npu.write(QSIZE, 16)
    with pytest.raises(TargetError, match="cannot be done at another address"):
        AtAddresses().serve(remote(core), Stop(NPU_BASE + CMD), npu)


def test_functions_return_what_the_registers_say() -> None:
    way = AtFunctions(read_at=0x100, write_at=0x200)
    core = Core(r15=0x100, r14=0x1235, r0=ID)
    way.arm(remote(core))
    assert core.breakpoints == {0x100, 0x200}
    npu = registers()
    way.serve(remote(core), Stop(), npu)
    assert (core.registers[R0], core.registers[PC]) == (ID_WORD, 0x1234)
    core.registers |= {PC: 0x200, R0: QSIZE, R1: 64}
    way.serve(remote(core), Stop(), npu)
    assert (npu.read(QSIZE), core.registers[PC], core.stores) == (64, 0x1234, [])
    core.registers |= {PC: 0x200, R0: CMD, R1: 1}
    way.serve(remote(core), Stop(), npu)
    assert core.stores == [(ISPR, 1 << 24)]
    assert core.breakpoints == {0x100, 0x200}
    core.registers[PC] = 0x300
    with pytest.raises(TargetError, match="stopped at 0x00000300"):
        way.serve(remote(core), Stop(), npu)


def test_the_way_is_chosen_by_what_the_program_has() -> None:
    ours = {"ocrm55_npu_read": 0x101, "ocrm55_npu_write": 0x201}
    assert npu_access.access(ours) == AtFunctions(0x100, 0x200)
    assert isinstance(npu_access.access({"ethosu_init": 1}), AtAddresses)
    assert npu_access.access({"main": 1}) is None
    core = Core()
    AtAddresses().arm(remote(core))
    assert {NPU_BASE, NPU_BASE + 0x80, NPU_BASE + 0xBC} <= core.watched
