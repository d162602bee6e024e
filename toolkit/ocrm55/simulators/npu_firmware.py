"""Runs anyone's firmware for the Ethos-U55 on QEMU's mps3-an547, with the NPU's model beside it.

python -m ocrm55.simulators.npu_firmware firmware.elf --accelerator ethos-u55-128

The firmware drives the NPU at 0x48102000 with Arm's driver (ethos-u-core-driver) or with loads and stores of its own.
The NPU's interrupt is number 56, as on the board. What the firmware prints by UART or semihosting appears here. The
exit status is QEMU's, which is the firmware's where semihosting says one.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ocrm55 import console, processes
from ocrm55.errors import InputError, Ocrm55Error, TargetError, ToolchainError
from ocrm55.npu_model import trace
from ocrm55.npu_model.accelerators import ACCELERATORS, Accelerator, by_name
from ocrm55.npu_model.machine import Watch
from ocrm55.simulators.npu_coupling import NpuCoupling

MACHINE = "mps3-an547"  # the only one whose memories npu_memory.py knows
QEMU = "qemu-system-arm"
# QEMU says it of every run whose clock is the count of instructions.
_USUAL = "warning: icount sleep disabled and no active timers"


@dataclass(frozen=True)
class Finished:
    """How a firmware ended. runs: command streams that the NPU's model ran, which took `seconds`."""

    exit_status: int
    output: str
    runs: int
    seconds: float


def run(
    firmware: Path,
    accelerator: Accelerator | str,
    *,
    timeout_s: float = 120.0,
    qemu: Path | str = QEMU,
    watch: Watch | None = None,
) -> Finished:
    """Run a firmware to its end. watch: see npu_model.machine.run.

    Raises TargetError if it does not end in time or does what the NPU's model cannot
    follow, ToolchainError if QEMU cannot be started, InputError if the file is no ELF for it.
    """
    program = shutil.which(qemu)
    if program is None:
        raise ToolchainError(f"`{qemu}` is not installed or not on PATH.", ["sudo apt-get install qemu-system-arm"])
    size = by_name(accelerator) if isinstance(accelerator, str) else accelerator
    if not firmware.is_file():
        raise InputError(f"{firmware} is not there.")
    with contextlib.closing(NpuCoupling(firmware, size, foreign=True, watch=watch)) as npu:
        command = [
            *(program, "-M", MACHINE, "-display", "none", "-monitor", "none", "-serial", "stdio"),
            *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
            *("-semihosting-config", "enable=on,target=native", "-kernel", str(firmware)),
            *npu.arguments,
        ]
        output, status = _attended(command, npu, timeout_s)
        return Finished(status, output, npu.runs, npu.seconds)


def _attended(command: Sequence[str], npu: NpuCoupling, timeout_s: float) -> tuple[str, int]:
    """QEMU's output, both streams together, and its exit status."""
    with tempfile.TemporaryFile() as output:
        try:
            with processes.running(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=npu.descriptors
            ) as process:
                npu.attend(process, timeout_s)
        except OSError as trouble:
            raise ToolchainError(f"{command[0]} cannot be started: {trouble.strerror}.") from trouble
        except subprocess.TimeoutExpired:
            last = (_said(output).splitlines() or ["nothing"])[-1]
            raise TargetError(
                f"the firmware did not end within {timeout_s:g} s; the last that it said: {last}",
                ["give it more time with --timeout", "end it with semihosting's SYS_EXIT_EXTENDED"],
            ) from None
        return _said(output), process.returncode


def _said(output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode("utf-8", "replace").splitlines(keepends=True)
    return "".join(line for line in lines if not line.rstrip().endswith(_USUAL))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ocrm55.simulators.npu_firmware",
        description=f"Run a firmware for the Ethos-U55 on QEMU's {MACHINE}, with the NPU's model beside it.",
    )
    parser.add_argument("firmware", type=Path, help="an ELF file for the board MPS3 with AN547")
    parser.add_argument("--accelerator", default="ethos-u55-128", choices=sorted(ACCELERATORS), help="the NPU's size")
    parser.add_argument("--trace", action="store_true", help="print each operation with what it wrote, a line each")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="S", help="seconds of this computer (120)")
    parser.add_argument("--qemu", default=QEMU, metavar="PROGRAM", help=f"QEMU ({QEMU})")
    chosen = parser.parse_args(arguments)
    try:
        finished = run(
            chosen.firmware,
            chosen.accelerator,
            timeout_s=chosen.timeout,
            qemu=chosen.qemu,
            watch=trace.show if chosen.trace else None,
        )
    except Ocrm55Error as trouble:
        console.error(trouble)
        return trouble.exit_code
    except KeyboardInterrupt:
        return 130
    console.result(finished.output.rstrip("\n"))
    return finished.exit_status


if __name__ == "__main__":
    sys.exit(main())
