"""Plays the Ethos-U55 beside QEMU, which has none. The host answers the firmware's register accesses.

QEMU's GDB stub stops the core where the driver touches registers (npu_access.py). When the driver starts the NPU,
`ocrm55.npu_model` runs its command stream here, on the board's own memory, and makes the interrupt pending. The
firmware is the one that runs on the FVP and on a board, to the byte. It does not know who answers.
"""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import numpy as np

from ocrm55 import console, elf
from ocrm55.errors import InputError, TargetError, UnsupportedError
from ocrm55.npu_model.accelerators import Accelerator
from ocrm55.npu_model.commands import decode
from ocrm55.npu_model.machine import Machine, Watch
from ocrm55.simulators import npu_access
from ocrm55.simulators.companion import Companion
from ocrm55.simulators.gdb_remote import ClosedError, GdbRemote
from ocrm55.simulators.npu_memory import BoardMemory, BusError
from ocrm55.simulators.npu_registers import PARSE_ERROR, Fault, Job, NpuRegisters, Outcome, bus_fault

_QUEUE = -1  # the command stream's number, beside the eight regions
_PORT_M1 = (0, 2, 3)  # channels that read constants: commands, weights, scales


class NpuCoupling(Companion):
    """One run of QEMU with an NPU beside it. QEMU inherits a socket for its GDB stub; no port and no path is needed."""

    def __init__(
        self,
        elf_file: Path,
        accelerator: Accelerator,
        fault: Fault | None = None,
        *,
        foreign: bool = False,
        watch: Watch | None = None,
    ) -> None:
        """foreign: the program need not have a driver that we know; accesses to the NPU's addresses are answered.
        watch: see npu_model.machine.run.
        """
        way = npu_access.access(elf.read_symbols(elf_file)) or (npu_access.AtAddresses() if foreign else None)
        if way is None:
            raise InputError(
                "the program has no driver for the NPU: it was compiled for the CPU alone.", ["compile with --npu"]
            )
        self._access = way
        self._accelerator = accelerator
        self._watch = watch
        self._registers = NpuRegisters(accelerator, self._execute, fault)
        ours, self._theirs = socket.socketpair()
        self.descriptors = (self._theirs.fileno(),)
        self._core = GdbRemote(ours)
        self.runs = 0
        self.seconds = 0.0  # that the model has taken

    @property
    def arguments(self) -> list[str]:
        """QEMU's options: a GDB stub on our socket, and a core that starts stopped. Time counts instructions (2^5 ns
        each). It stands still with the core, so no limit of the driver runs out while the host is busy.
        """
        stub = ["-chardev", f"socket,id=npu,fd={self.descriptors[0]}", "-gdb", "chardev:npu", "-S"]
        return [*stub, "-icount", "shift=5,sleep=off"]

    def close(self) -> None:
        """Close both ends; QEMU has its own copy of its end."""
        self._theirs.close()
        self._core.__exit__(None, None, None)

    def attend(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        """Answer until the simulator ends. Raises subprocess.TimeoutExpired if it does not end in time."""
        deadline = time.monotonic() + timeout_s
        self._theirs.close()
        try:
            self._core.start()
            self._access.arm(self._core)
            while True:
                self._core.resume()
                stop = self._core.wait_for_stop(deadline)
                self._access.serve(self._core, stop, self._registers)
        except ClosedError:
            process.wait(max(deadline - time.monotonic(), 1.0))
        except TimeoutError:
            raise subprocess.TimeoutExpired(process.args, timeout_s) from None
        if self.runs:
            console.note(f"  npu: {self.runs} runs of the model took {self.seconds:.1f} s")

    def _execute(self, job: Job) -> Outcome:
        """Run a command stream on the board's memory."""
        start = time.monotonic()
        memory = BoardMemory(self._core, {**job.bases, _QUEUE: job.commands}, self._accelerator.shram_bytes)
        machine = Machine(memory, self._accelerator, self._watch)
        taken = 0
        try:
            stream = np.frombuffer(memory.span(_QUEUE, 0, job.command_bytes, "the queue (commands)").tobytes(), "<u4")
            with console.progress("npu", job.command_bytes) as bar:
                for command in decode(stream):
                    machine.execute(command)
                    taken = command.offset + (8 if command.definition.has_payload else 4)
                    bar.update(bar.task_ids[0], completed=taken)
        except BusError as nothing_there:
            console.warning(f"the NPU meets a bus error: {nothing_there.sentence}")
            return Outcome(taken, errors=bus_fault(nothing_there.channel, int(nothing_there.channel in _PORT_M1)))
        except (UnsupportedError, InputError, TargetError) as refused:
            console.warning(f"the NPU's model refuses the command stream: {refused.sentence}")
            return Outcome(taken, errors=PARSE_ERROR)
        memory.write_back()
        self.runs += 1
        self.seconds += time.monotonic() - start
        return Outcome(job.command_bytes, stop_mask=machine.result.stop_mask)
