"""The NPU's register file: identity, reset, what is forgotten, how runs end."""

from collections.abc import Callable

import pytest

from ocrm55.npu_model.accelerators import ACCELERATORS
from ocrm55.simulators.npu_registers import (
    BASEP,
    BUS_ERROR,
    CMD,
    CONFIG,
    END_REACHED,
    ID,
    IN_RESET,
    IRQ_RAISED,
    PARSE_ERROR,
    PROT,
    QBASE0,
    QREAD,
    QSIZE,
    RESET,
    RUNNING,
    STATUS,
    Fault,
    Job,
    NpuRegisters,
    Outcome,
    bus_fault,
)

REGIONCFG = 0x3C


def npu(
    execute: Callable[[Job], Outcome] = lambda job: Outcome(job.command_bytes, stop_mask=0xFFFF),
    name: str = "ethos-u55-128",
    fault: Fault | None = None,
) -> NpuRegisters:
    return NpuRegisters(ACCELERATORS[name], execute, fault)


def awake(registers: NpuRegisters) -> NpuRegisters:
    registers.write(RESET, 1)
    while registers.read(STATUS) & IN_RESET:
        pass
    registers.write(CMD, 0)
    return registers


def start(registers: NpuRegisters, size: int = 64) -> int:
    registers.write(QBASE0, 0x6000_0000)
    registers.write(QSIZE, size)
    registers.write(BASEP, 0x6001_0000)
    registers.write(BASEP + 8, 0x2100_0000)
    registers.write(CMD, 1)
    return registers.read(STATUS)


@pytest.mark.parametrize(("name", "config"), [("ethos-u55-32", 0x1005), ("ethos-u55-256", 0x3008)])
def test_identity_is_what_vela_writes_into_its_payload(name: str, config: int) -> None:
    registers = npu(name=name)
    assert registers.read(CONFIG) == config  # SHRAM in KB, and log2 of the MACs a cycle
    assert registers.read(ID) >> 28 == 1
    assert registers.read(0x200) == 0


def test_identity_agrees_with_velas_register_definitions() -> None:
    definitions = pytest.importorskip("ethosu.vela.ethos_u55_regs.ethos_u55_regs", reason="ethos-u-vela not installed")
    offsets = {one.name: one.value for one in definitions.BASE}
    ours = {
        "ID": ID, "STATUS": STATUS, "CMD": CMD, "RESET": RESET, "QBASE0": QBASE0, "QREAD": QREAD, "QSIZE": QSIZE,
        "PROT": PROT, "CONFIG": CONFIG, "REGIONCFG": REGIONCFG,
    }  # fmt: skip
    assert {name: offsets[name] for name in ours} == ours
    status = definitions.status_r()
    status.word = bus_fault(channel=8, port=1) | END_REACHED
    assert (status.get_bus_status(), status.get_faulting_interface(), status.get_faulting_channel()) == (1, 1, 8)
    assert status.get_cmd_end_reached() == 1


def test_a_reset_takes_a_while_and_clears() -> None:
    registers = npu()
    registers.write(REGIONCFG, 7)
    registers.write(RESET, 3)
    assert registers.read(STATUS) == IN_RESET
    registers.write(REGIONCFG, 5)  # ignored
    assert registers.read(ID) == 0
    while registers.read(STATUS):
        pass
    assert registers.read(PROT) == 3
    assert registers.read(REGIONCFG) == 0


def test_asleep_it_forgets() -> None:
    registers = awake(npu())
    registers.write(REGIONCFG, 7)
    registers.write(CMD, 0xC)
    assert registers.read(REGIONCFG) == 0
    assert registers.read(CMD) == 0xC


def test_a_run() -> None:
    jobs: list[Job] = []

    def execute(job: Job) -> Outcome:
        jobs.append(job)
        return Outcome(job.command_bytes, stop_mask=0xABCD)

    registers = awake(npu(execute))
    assert start(registers) == 0xABCD0000 | IRQ_RAISED | END_REACHED
    assert registers.read(QREAD) == 64
    assert jobs[0].commands == 0x6000_0000
    assert (jobs[0].bases[0], jobs[0].bases[1], jobs[0].bases[7]) == (0x6001_0000, 0x2100_0000, 0)
    assert registers.take_interrupt()
    assert not registers.take_interrupt()
    registers.write(CMD, 2)
    assert not registers.read(STATUS) & IRQ_RAISED
    registers.write(QSIZE, 4)
    assert not registers.read(STATUS) & END_REACHED


def test_errors_stay_until_a_reset() -> None:
    registers = awake(npu(lambda job: Outcome(12, errors=PARSE_ERROR)))
    assert start(registers) == IRQ_RAISED | PARSE_ERROR
    assert registers.read(QREAD) == 12
    registers.write(CMD, 2)
    assert start(registers) == PARSE_ERROR  # it does not start again
    assert awake(registers).read(STATUS) == 0


def test_nothing_to_run_is_an_error_of_the_stream() -> None:
    assert start(awake(npu()), size=0) & PARSE_ERROR


def test_faults() -> None:
    absent = npu(fault=Fault.ABSENT)
    assert absent.read(ID) == absent.read(CONFIG) == absent.read(STATUS) == 0
    assert npu(fault=Fault.OTHER_SIZE).read(CONFIG) != npu().read(CONFIG)
    stuck = npu(fault=Fault.NO_RESET)
    stuck.write(RESET, 1)
    assert all(stuck.read(STATUS) == IN_RESET for _ in range(20))
    assert start(awake(npu(fault=Fault.BUS_ERROR))) & BUS_ERROR
    assert start(awake(npu(fault=Fault.STREAM_ERROR))) & PARSE_ERROR
    assert start(awake(npu(fault=Fault.ECC_ERROR))) & 1 << 8
    assert start(awake(npu(fault=Fault.HANG))) == RUNNING
    silent = awake(npu(fault=Fault.NO_INTERRUPT))
    assert start(silent) & END_REACHED
    assert not silent.take_interrupt()
