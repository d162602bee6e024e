"""QEMU's models of boards, such as `qemu-system-arm -M mps3-an547` of the Corstone-300."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ocrm55.boards import Board
from ocrm55.errors import TargetError, ToolchainError
from ocrm55.simulators.base import Ended, Request, Simulator
from ocrm55.simulators.companion import Companion

PROGRAM = "qemu-system-arm"
OLDEST = (6, 0)  # the first with mps3-an547
_LOCKUP_STATUSES = (-6, 134)  # abort(), as Python and as a shell see it
_ADVICE = "sudo apt-get install qemu-system-arm"


def find(board: Board | None = None) -> Qemu:
    """QEMU on PATH, as the board. Raises ToolchainError when it is not there."""
    executable = shutil.which(PROGRAM)
    if executable is None:
        raise ToolchainError(f"`{PROGRAM}` is not installed or not on PATH.", [_ADVICE, "ocrm55 doctor"])
    return Qemu(Path(executable), board)


class Qemu(Simulator):
    """Counts instructions exactly, with -icount; models neither caches nor cycles nor the Ethos-U."""

    name = "QEMU"
    kind = "qemu"
    counts_instructions = True

    def version(self) -> str:
        return self._version

    @cached_property
    def _version(self) -> str:
        try:
            done = subprocess.run(
                [self.executable, "--version"], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as trouble:
            raise ToolchainError(f"{self.executable} does not say its version: {trouble}.", [_ADVICE]) from trouble
        found = re.search(r"version (\d+)\.(\d+)(\.\d+)?", done.stdout)
        if found is None:
            raise ToolchainError(f"{self.executable} does not say a version that looks like QEMU's.", [_ADVICE])
        if (int(found[1]), int(found[2])) < OLDEST:
            raise ToolchainError(
                f"{self.executable} is version {found[1]}.{found[2]}; the board {self.machine} came with 6.0.",
                [_ADVICE],
            )
        return found[0].removeprefix("version ")

    def arguments(self, elf: str, words: Sequence[str], request: Request) -> list[str]:
        # A comma ends a value on QEMU's command line; doubled it stands for itself.
        handed = "".join(",arg=" + word.replace(",", ",,") for word in words)
        return [
            *("-M", self.machine, "-display", "none", "-monitor", "none", "-serial", "stdio"),
            # No program is started by the firmware: semihosting could ask QEMU for one.
            *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
            *("-semihosting-config", f"enable=on,target=native{handed}"),
            # 2^5 = 32 ns an instruction, as counter.c assumes. It costs time, so it is used only when counts are
            # wanted. With an NPU beside QEMU, the companion adds this option itself.
            *(("-icount", "shift=5") if request.stats and request.npu is None else ()),
            *("-kernel", elf),
        ]

    def companion(self, request: Request, elf: Path) -> Companion:
        """QEMU's board has no Ethos-U. `ocrm55.npu_model` plays it for a program that was compiled for one."""
        if request.npu is None and request.npu_fault is None:
            return Companion()
        from ocrm55.npu_model.accelerators import by_name
        from ocrm55.simulators.npu_coupling import NpuCoupling
        from ocrm55.simulators.npu_registers import fault_of

        fault = fault_of(request.npu_fault, request.npu)
        assert request.npu is not None
        return NpuCoupling(elf, by_name(request.npu), fault)

    def check_end(self, ended: Ended) -> None:
        if "Lockup" in ended.complaints or ended.returncode in _LOCKUP_STATUSES:
            found = re.search(r"Lockup: ([^\n]*)", ended.complaints)
            why = found[1] if found else "QEMU aborted"
            pc = re.search(r"R15=([0-9a-f]{8})", ended.complaints)
            raise TargetError(
                f"the core locked up, a fault within the report of a fault: {why}"
                + (f", pc 0x{pc[1]}" if pc else "")
                + "."
            )
        if ended.returncode and not ended.output.strip():
            reason = ended.complaints.strip().splitlines()
            raise ToolchainError(
                f"QEMU ended with status {ended.returncode} before the firmware said anything: "
                f"{reason[-1] if reason else 'it did not say why'}.",
                ["ocrm55 doctor"],
            )
