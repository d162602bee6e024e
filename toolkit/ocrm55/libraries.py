"""The user's own copies of Arm's CMSIS-NN and NPU driver: where they are, and which kernels `--kernels` names."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ocrm55 import console
from ocrm55.errors import InputError, ToolchainError

VARIABLE = "CMSIS_NN_ROOT"
NPU_DRIVER_VARIABLE = "ETHOSU_DRIVER_ROOT"
FETCH = "fetch"  # instead of a path: a pinned release, by CMake's FetchContent
OWN, LIBRARY = "m55", "cmsis-nn"
INCLUDES = ("Include", "include", "include/cmsis-nn", "include/cmsis_nn")
OLDEST = 18  # of arm_nnfunctions.h, as cmake/cmsis_nn.cmake has it
ARCHIVES = ("libcmsis-nn.a", "libCMSISNN.a", "libcmsis_nn.a")
DISASSEMBLERS = ("arm-none-eabi-objdump", "llvm-objdump-19", "llvm-objdump")
CHOICES = ((OWN,), (LIBRARY,), (LIBRARY, OWN))


def kernels(text: str) -> tuple[str, ...]:
    """The kernels that `--kernels` names; raises InputError for an unknown value."""
    chosen = tuple(sorted({part.strip() for part in text.split(",") if part.strip()}))
    if chosen not in CHOICES:
        known = ", ".join(",".join(choice) for choice in CHOICES[:-1])
        raise InputError(f"there are no kernels `{text}`.", [f"--kernels {known} or {','.join(CHOICES[-1])}"])
    return chosen


def root(path: Path | None = None) -> Path | None:
    """The folder that `--cmsis-nn` names, else the environment; None for neither."""
    named = path or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    return None if named is None else named.expanduser().resolve()


def npu_driver(path: Path | None = None) -> dict[str, str]:
    """CMake's entry for Arm's ethos-u-core-driver in place of ours, where --ethosu-driver or the environment names it.

    Raises InputError where it is not there.
    """
    named = path or (Path(os.environ[NPU_DRIVER_VARIABLE]) if os.environ.get(NPU_DRIVER_VARIABLE) else None)
    if named is None:
        return {"OCRM55_ETHOSU_DRIVER": ""}
    folder = named.expanduser().resolve()
    if not (folder / "include" / "ethosu_driver.h").is_file():
        raise InputError(
            f"{folder} is no copy of Arm's ethos-u-core-driver, which --ethosu-driver or {NPU_DRIVER_VARIABLE} names: "
            "it has no include/ethosu_driver.h.",
            ["leave it out: ocrm55 has a driver of its own"],
        )
    return {"OCRM55_ETHOSU_DRIVER": str(folder)}


def defines(chosen: Sequence[str], path: Path | None = None) -> dict[str, str]:
    """CMake's entries for a model that calls the library; nothing for one that does not.

    Raises ToolchainError where no copy is named, InputError where the folder is not there, or no copy.
    """
    if LIBRARY not in chosen:
        return {}
    if str(path or os.environ.get(VARIABLE)) == FETCH:
        return {"OCRM55_FETCH_CMSIS_NN": "ON", "OCRM55_CMSIS_NN": ""}
    folder = checked(path)
    if folder is None:
        raise ToolchainError(
            "the model calls CMSIS-NN and no copy of it is named.",
            [
                f"--cmsis-nn PATH or {VARIABLE}=PATH: a source tree, or an installed prefix",
                f"--cmsis-nn {FETCH}, where there is network",
            ],
        )
    return {"OCRM55_CMSIS_NN": str(folder)}


def checked(path: Path | None = None) -> Path | None:
    """The folder of `root`. Raises InputError where it is not there, or no copy of CMSIS-NN."""
    folder = root(path)
    if folder is None:
        return None
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}, which --cmsis-nn or {VARIABLE} names.")
    version(folder)
    return folder


def named(path: Path | None) -> Path | None:
    """What --cmsis-nn names, as it is. Raises InputError for no copy, also where nothing will use it."""
    if path is not None and str(path) != FETCH:
        checked(path)
    return path


def archive(folder: Path) -> Path | None:
    """The library of an installed prefix; None for a source tree, which is built with the firmware."""
    if (folder / "Source").is_dir() and (folder / "CMakeLists.txt").is_file():
        return None
    found = (folder / place / name for place in ("lib", "lib64", ".") for name in ARCHIVES)
    return next((path for path in found if path.is_file()), None)


def version(folder: Path) -> str:
    """The version of a copy: the revision of its functions, 18.0.0 in v7.0.0. Raises InputError if it is no copy."""
    headers = (folder / place / "arm_nnfunctions.h" for place in INCLUDES)
    header = next((path for path in headers if path.is_file()), None)
    if header is None:
        raise InputError(
            f"{folder} is no CMSIS-NN: it has no Include/arm_nnfunctions.h.",
            [f"{VARIABLE}=PATH of a copy, v7.0.0 or later"],
        )
    found = re.search(r"Revision: +V\.(\d+\.\d+\.\d+)", header.read_text(encoding="utf-8", errors="replace"))
    revision = found[1] if found else ""
    if not found or int(revision.split(".")[0]) < OLDEST:
        raise InputError(
            f"{header} has revision {revision or 'none'} of CMSIS-NN's functions, too old.",
            ["v7.0.0 or later is needed"],
        )
    return f"revision {revision}"


def rounds_once(path: Path | None = None) -> bool:
    """Whether requantising rounds once. What is built with the firmware does; an installed archive may round twice.

    Only a library that rounds once multiplies without rounding (VQDMULH), so its instructions tell. One that nothing
    here can disassemble is taken to be as its own CMakeLists builds it: twice.
    """
    if str(path or os.environ.get(VARIABLE)) == FETCH:
        return True
    folder = root(path)
    installed = None if folder is None else archive(folder)
    return installed is None or _multiplies_unrounded(installed, installed.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _multiplies_unrounded(path: Path, changed: int) -> bool:
    """changed: time of the file's last change, so that another file of that name is looked at again."""
    tool = next((found for name in DISASSEMBLERS if (found := shutil.which(name))), None)
    if tool is None:
        return False
    return "vqdmulh.s32" in console.command([tool, "-d", path], timeout_s=120)
