"""Check this machine: what it has, what it lacks, and what to do about it."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from ocrm55 import boards, resources
from ocrm55.errors import Ocrm55Error

State = Literal["ok", "missing", "wrong", "optional"]


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and what to do if that is not enough."""

    name: str
    state: State
    found: str
    advice: str = ""

    @property
    def hinders(self) -> bool:
        return self.state in ("missing", "wrong")


@dataclass(frozen=True)
class _Program:
    name: str
    oldest: tuple[int, ...]
    package: str
    required: bool
    purpose: str
    tried: tuple[int, ...] = ()  # major versions with which the tests have passed; empty if any version does


_PROGRAMS = [
    _Program("arm-none-eabi-gcc", (12,), "gcc-arm-none-eabi", True, "compiles the firmware", (12, 14)),
    _Program("cmake", (3, 20), "cmake", True, "configures the firmware's build"),
    _Program("ninja", (1, 10), "ninja-build", True, "builds the firmware"),
    _Program("qemu-system-arm", (7, 0), "qemu-system-arm", True, "simulates the board", (7, 10, 11)),
    _Program("clang-19", (19,), "clang-19", False, "compiles the firmware with `--toolchain clang`", (19,)),
    _Program("gcc", (10,), "gcc", False, "runs the generated C on this machine, for the unit tests"),
    _Program("llvm-mca-19", (19,), "llvm-19", False, "estimates cycles of kernels in `ocrm55 bench kernels`"),
]
# Distribution -> module to import: combinations of versions that pip accepts can still crash.
_IMPORTS = {"paddlepaddle": "paddle", "apache-tvm": "tvm", "opencv-contrib-python": "cv2", "onnxruntime": "onnxruntime"}


def examine(build_dir: Path, fvp: Path | None = None) -> list[Finding]:
    """Check the interpreter, the Python packages, the programs, the simulators and the folders."""
    findings = [_python()]
    findings += [finding for requirement in _requirements() if (finding := _package(requirement))]
    findings += [_program(program) for program in _PROGRAMS]
    findings += [_newlib(), _qemu_machine(), _fvp(fvp), _cmsis_nn(), _build_dir(build_dir)]
    findings += [_room(room) for room in ("firmware", "cmake", "models", "docs")]
    return findings


def _room(room: str) -> Finding:
    return _guarded(f"{room} folder", lambda: str(resources.folder(room)))


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info[:2] == (3, 11)
    return Finding(
        "python", "ok" if right else "wrong", found, "" if right else "use Python 3.11: the pinned wheels are for it"
    )


def _requirements() -> list[Requirement]:
    try:
        lines = requires("ocrm55") or []
    except PackageNotFoundError:
        return []
    parsed = [Requirement(line) for line in lines]
    return [each for each in parsed if each.marker is None or each.marker.evaluate({"extra": ""})]


def _package(requirement: Requirement) -> Finding:
    name = requirement.name
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "missing", "", f"pip install '{requirement}'")
    if not requirement.specifier.contains(found, prereleases=True):
        return Finding(name, "wrong", found, f"pip install '{requirement}'")
    if name in _IMPORTS:
        return _guarded(name, lambda: f"{found}, imports" if importlib.import_module(_IMPORTS[name]) else found)
    return Finding(name, "ok", found)


def _guarded(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", look())
    except Ocrm55Error as trouble:
        return Finding(name, "missing", "", trouble.sentence)
    except Exception as trouble:  # an import can fail in any way; whatever it says is the finding
        return Finding(
            name, "wrong", str(trouble).splitlines()[0][:80] if str(trouble) else repr(trouble), f"reinstall {name}"
        )


def _output(*command: str) -> str:
    """The output of a program, or an empty string if it cannot run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def program_version(name: str) -> tuple[int, ...]:
    """The version that a program prints for --version, as numbers; empty if it is missing or prints none."""
    number = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", _output(name, "--version"))
    return tuple(int(part) for part in number.groups() if part) if number else ()


def _program(program: _Program) -> Finding:
    advice = f"sudo apt-get install {program.package}"
    absent: State = "missing" if program.required else "optional"
    if not shutil.which(program.name):
        return Finding(program.name, absent, "not found", f"{advice}  ({program.purpose})")
    found = program_version(program.name)
    if not found:
        return Finding(program.name, "wrong", "does not say its version", advice)
    text = ".".join(map(str, found))
    if found < program.oldest:
        return Finding(program.name, "wrong", text, f"needs {'.'.join(map(str, program.oldest))} or later: {advice}")
    if program.tried and found[0] not in program.tried:
        known = ", ".join(map(str, program.tried))
        return Finding(program.name, "ok", text, f"not tried yet; known to be good: {known}")
    return Finding(program.name, "ok", f"{text}, known to be good" if program.tried else text)


def _newlib() -> Finding:
    # If the compiler does not know the file, it prints the bare name.
    where = _output("arm-none-eabi-gcc", "-print-file-name=nano.specs").strip()
    there = Path(where).is_absolute() and Path(where).exists()
    return Finding(
        "newlib for Arm", "ok" if there else "missing", "nano.specs" if there else "",
        "" if there else "sudo apt-get install libnewlib-arm-none-eabi",
    )  # fmt: skip


def _qemu_machine() -> Finding:
    machine = boards.find().machine("qemu")
    if not shutil.which("qemu-system-arm"):
        return Finding(f"QEMU board {machine}", "missing", "", "sudo apt-get install qemu-system-arm")
    there = machine in _output("qemu-system-arm", "-M", "help")
    return Finding(
        f"QEMU board {machine}", "ok" if there else "missing", "Corstone-300, Cortex-M55" if there else "",
        "" if there else "install QEMU 6.0 or later",
    )  # fmt: skip


def _fvp(path: Path | None) -> Finding:
    from ocrm55.simulators import find_simulator

    try:
        board = find_simulator("fvp", path)
        return Finding("Corstone-300 FVP", "ok", board.version())
    except Ocrm55Error as trouble:
        return Finding(
            "Corstone-300 FVP", "optional", "not found: QEMU is used", trouble.tries[0] if trouble.tries else ""
        )


def _cmsis_nn() -> Finding:
    from ocrm55 import libraries

    name = "CMSIS-NN"
    if os.environ.get(libraries.VARIABLE) == libraries.FETCH:
        return Finding(name, "ok", "fetched by CMake when needed, rounds once")
    try:
        folder = libraries.root()
        if folder is None:
            advice = f"{libraries.VARIABLE}=PATH, or --cmsis-nn PATH or fetch, for --kernels cmsis-nn"
            return Finding(name, "optional", f"{libraries.VARIABLE} is not set: our own kernels are used", advice)
        how = "source tree" if libraries.archive(folder) is None else "archive"
        rounds = "once" if libraries.rounds_once() else "twice"
        return Finding(name, "ok", f"{libraries.version(folder)}, {how} at {folder}, rounds {rounds}")
    except Ocrm55Error as trouble:
        advice = trouble.tries[0] if trouble.tries else f"correct {libraries.VARIABLE}"
        return Finding(name, "wrong", trouble.sentence, advice)


def _build_dir(build_dir: Path) -> Finding:
    place = build_dir.absolute()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        return Finding("build folder", "wrong", f"{place} is no folder", "choose another folder with --build-dir")
    if not os.access(place, os.W_OK):
        return Finding("build folder", "wrong", f"{place} is read-only", "choose another folder with --build-dir")
    free = shutil.disk_usage(place).free / 1e9
    if free < 0.5:
        return Finding("build folder", "wrong", f"{free:.1f} GB free at {place}", "free half a gigabyte")
    return Finding("build folder", "ok", f"{build_dir}, {free:.0f} GB free")
