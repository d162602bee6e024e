"""What runs the firmware: QEMU, Arm's Corstone-300 FVP and this computer itself, behind one interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ocrm55 import boards
from ocrm55.boards import Board
from ocrm55.errors import InputError
from ocrm55.simulators import fvp, native, qemu
from ocrm55.simulators.base import ImageResult, Request, Run, Simulator

__all__ = ["Choice", "ImageResult", "Request", "Run", "Simulator", "find_simulator"]

NAMES = ("auto", "qemu", "fvp", "native")


@dataclass(frozen=True)
class Choice:
    """The simulator that a user asked for, to be found on the machine where it runs; see find_simulator."""

    name: str = "auto"
    fvp: Path | None = None
    board: Board = field(default_factory=boards.find)

    @property
    def native(self) -> bool:
        """Whether it runs a program of this computer."""
        return self.name == "native"

    def find(self) -> Simulator:
        """The simulator. Raises as find_simulator does."""
        return find_simulator(self.name, self.fvp, self.board)


def find_simulator(name: str | None = None, fvp_path: Path | None = None, board: Board | None = None) -> Simulator:
    """The simulator to run on.

    name: `qemu`, `fvp`, `native`, or `auto` (the default): the FVP where one is found and has the board, else QEMU.
    fvp_path: the FVP's executable or a folder of its installation; before FVP_PATH and PATH.
    board: that it simulates; the default one where none is given.
    Raises ToolchainError when it is not there or too old, UnsupportedError when it does not have the board.
    """
    if name not in (None, *NAMES):
        raise InputError(f"there is no simulator `{name}`.", [f"use one of {', '.join(NAMES)}"])
    board = board or boards.find()
    if name == "native":
        return native.Native(board)
    if name == "qemu":
        return qemu.find(board)
    executable = fvp.locate(fvp_path) if name == "fvp" or "fvp" in board.machines else None
    if executable is not None:
        return fvp.Fvp(executable, board)
    if name == "fvp":
        raise fvp.not_found()
    return qemu.find(board)
