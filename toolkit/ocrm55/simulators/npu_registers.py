"""The Ethos-U55's registers as a driver sees them. npu_coupling.py computes the run itself.

Sources: Arm's public interface header (ethosu55_interface.h) and Vela's register definitions; npu_registers.h in
firmware/npu is the firmware's view of the same. Where the sources leave a choice, this is the stricter NPU: it forgets
what it need not remember. So a driver that relies on such memory fails here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from ocrm55.errors import InputError
from ocrm55.npu_model.accelerators import ACCELERATORS, Accelerator

ID, STATUS, CMD, RESET, QBASE0, QREAD, QSIZE, PROT, CONFIG = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x18, 0x20, 0x24, 0x28
BASEP = 0x80
REGIONS = 8

# The ID that the header gives as the reset value: architecture 1.1.0, release r2p0.
ID_WORD = 0x1010_4201

RUN, CLEAR_IRQ, MAY_GATE_POWER = 1 << 0, 1 << 1, 1 << 3
RUNNING, IRQ_RAISED, BUS_ERROR, IN_RESET, PARSE_ERROR, END_REACHED = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
ECC_FAULT = 1 << 8

_RESET_READS = 3  # a reset lasts for so many reads of STATUS


class Fault(StrEnum):
    """Faults that can be injected, to see how a driver reacts."""

    ABSENT = "absent"  # nothing answers at the NPU's address
    OTHER_SIZE = "other-size"
    NO_RESET = "no-reset"
    BUS_ERROR = "bus-error"
    STREAM_ERROR = "stream-error"
    ECC_ERROR = "ecc-error"
    HANG = "hang"
    NO_INTERRUPT = "no-interrupt"  # the line to the core is cut, everything else works


def fault_of(name: str | None, accelerator: str | None) -> Fault | None:
    """The fault that a user names, for a program of that accelerator; None for none. Raises InputError."""
    if name is None:
        return None
    if accelerator is None:
        raise InputError("nothing can go wrong with an NPU that the program does not use.", ["--npu ethos-u55-128"])
    if name not in list(Fault):
        raise InputError(f"there is no fault `{name[:40]}`.", [f"use one of {', '.join(Fault)}"])
    return Fault(name)


@dataclass(frozen=True)
class Job:
    """A driver's job: addresses as it wrote them, `bases` of the eight regions."""

    commands: int
    command_bytes: int
    bases: dict[int, int]


@dataclass(frozen=True)
class Outcome:
    """How a run ended. errors: bits of STATUS, 0 for none. taken: bytes of the stream. stop_mask: STOP's parameter."""

    taken: int
    errors: int = 0
    stop_mask: int = 0


def bus_fault(channel: int, port: int) -> int:
    """STATUS's bits for an access where nothing answers."""
    return BUS_ERROR | port << 11 | channel << 12


@dataclass
class NpuRegisters:
    """The register file of an accelerator. `execute` does a job at once and returns how it ended.

    interrupt: true if the line to the core has gone up since the last question.
    """

    accelerator: Accelerator
    execute: Callable[[Job], Outcome]
    fault: Fault | None = None
    interrupt: bool = field(default=False, init=False)
    _words: dict[int, int] = field(default_factory=dict, init=False)
    _status: int = field(default=0, init=False)
    _reset_reads: int = field(default=0, init=False)
    _protection: int = field(default=0, init=False)

    def read(self, offset: int) -> int:
        """The word at `offset` (bytes from the NPU's base); an unknown register reads as 0."""
        if self.fault is Fault.ABSENT:
            return 0
        if offset == STATUS:
            return self._read_status()
        if self._status & IN_RESET:
            return 0
        fixed = {ID: ID_WORD, CONFIG: self._config(), PROT: self._protection}
        return fixed.get(offset, self._words.get(offset, 0))

    def write(self, offset: int, value: int) -> None:
        if self.fault is Fault.ABSENT:
            return
        if offset == RESET:
            self._words.clear()
            self._status = IN_RESET
            self._reset_reads = _RESET_READS
            self._protection = value & 3
        elif self._status & IN_RESET:
            return
        elif offset == CMD:
            self._command(value)
        elif offset not in (ID, STATUS, QREAD, PROT, CONFIG):
            self._words[offset] = value
            if QBASE0 <= offset < QREAD or offset == QSIZE:
                self._status &= ~END_REACHED

    def _read_status(self) -> int:
        status = self._status
        if status & IN_RESET and self.fault is not Fault.NO_RESET:
            self._reset_reads -= 1
            self._status = IN_RESET if self._reset_reads else 0
        return status

    def _config(self) -> int:
        size = self.accelerator
        if self.fault is Fault.OTHER_SIZE:
            size = next(other for other in ACCELERATORS.values() if other.macs != size.macs)
        return size.shram_bytes // 1024 << 8 | (size.macs.bit_length() - 1)

    def _command(self, value: int) -> None:
        if value & CLEAR_IRQ:
            self._status &= ~IRQ_RAISED
        if value & MAY_GATE_POWER and not self._status & RUNNING:
            self._words.clear()  # it sleeps, and the next access wakes it with nothing left
        self._words[CMD] = value & ~(RUN | CLEAR_IRQ)
        if value & RUN and not self._status & (RUNNING | BUS_ERROR | PARSE_ERROR | ECC_FAULT):
            self._run()

    def _run(self) -> None:
        if self.fault is Fault.HANG:
            self._status |= RUNNING
            return
        outcome = self._outcome()
        self._words[QREAD] = outcome.taken
        self._status |= IRQ_RAISED | outcome.errors | outcome.stop_mask << 16
        if not outcome.errors:
            self._status |= END_REACHED
        self.interrupt = self.fault is not Fault.NO_INTERRUPT

    def _outcome(self) -> Outcome:
        if self.fault is Fault.BUS_ERROR:
            return Outcome(taken=64, errors=bus_fault(channel=2, port=1))
        if self.fault is Fault.STREAM_ERROR:
            return Outcome(taken=64, errors=PARSE_ERROR)
        if self.fault is Fault.ECC_ERROR:
            return Outcome(taken=64, errors=ECC_FAULT)
        bases = {region: self._words.get(BASEP + 8 * region, 0) for region in range(REGIONS)}
        size = self._words.get(QSIZE, 0)
        if size == 0:
            return Outcome(taken=0, errors=PARSE_ERROR)
        return self.execute(Job(self._words.get(QBASE0, 0), size, bases))

    def take_interrupt(self) -> bool:
        """Whether the line has gone up since the last call."""
        raised, self.interrupt = self.interrupt, False
        return raised
