"""Boards that run the firmware: QEMU and Arm's Corstone-300 FVP, behind one interface."""

from __future__ import annotations

from pathlib import Path

from ocrm55.errors import InputError
from ocrm55.simulators import fvp, qemu
from ocrm55.simulators.base import ImageResult, Request, Run, Simulator

__all__ = ["ImageResult", "Request", "Run", "Simulator", "find_simulator"]

NAMES = ("auto", "qemu", "fvp")


def find_simulator(name: str | None = None, fvp_path: Path | None = None) -> Simulator:
    """The simulator to run on.

    name: `qemu`, `fvp`, or `auto` (the default): the FVP where one is found, otherwise QEMU.
    fvp_path: the FVP's executable or a folder of its installation; before FVP_PATH and PATH.
    Raises ToolchainError when it is not there or too old.
    """
    if name not in (None, *NAMES):
        raise InputError(f"there is no simulator `{name}`.", [f"use one of {', '.join(NAMES)}"])
    if name == "qemu":
        return qemu.find()
    executable = fvp.locate(fvp_path)
    if executable is not None:
        return fvp.Fvp(executable)
    if name == "fvp":
        raise fvp.not_found()
    return qemu.find()
