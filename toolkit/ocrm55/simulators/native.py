"""This computer: the program's C by its own compiler, with the kernels' portable paths. The bits are the firmware's.

The program is started like a simulator: a process that may write in the folder of its run and nowhere else.
"""

from __future__ import annotations

import platform
import signal
from collections.abc import Sequence
from pathlib import Path

from ocrm55 import boards
from ocrm55.boards import Board
from ocrm55.errors import InputError, TargetError
from ocrm55.simulators.base import Ended, Request, Simulator


class Native(Simulator):
    """Runs what stages.prepare(..., native=True) made. Counts nothing, and has no accelerator."""

    name = "native"
    kind = "native"
    counts_instructions = False
    native = True

    def __init__(self, board: Board | None = None) -> None:
        self.executable = Path()
        self.machine = (board or boards.find()).name

    def version(self) -> str:
        """The computer's kind, such as x86_64."""
        return platform.machine()

    def command(self, elf: Path, words: Sequence[str], request: Request) -> list[str]:
        if request.npu is not None or request.npu_fault is not None:
            raise no_npu()
        elf.chmod(0o700)
        return [str(elf), *words[1:]]

    def arguments(self, elf: str, words: Sequence[str], request: Request) -> list[str]:
        return list(words)

    @property
    def readable(self) -> Sequence[Path]:
        return []

    def readable_in(self, place: Path) -> Sequence[Path]:
        return [place / "fw.elf"]

    def check_end(self, ended: Ended) -> None:
        if ended.returncode < 0:
            name = signal.Signals(-ended.returncode).name
            raise TargetError(f"the native program was ended by {name}.", ["--simulator qemu, which says where"])


def no_npu() -> InputError:
    """The error for a program of an NPU."""
    return InputError("a native program has no NPU.", ["leave --npu out", "--simulator qemu"])
