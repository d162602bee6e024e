"""Arm's Corstone-300 Fixed Virtual Platform (FVP_Corstone_SSE-300_Ethos-U55)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cached_property
from math import ceil
from pathlib import Path

from ocrm55.errors import InputError, TargetError, ToolchainError
from ocrm55.simulators.base import Ended, Request, Simulator

PROGRAMS = ("FVP_Corstone_SSE-300_Ethos-U55", "FVP_Corstone_SSE-300_Ethos-U65", "FVP_Corstone_SSE-300")
VARIABLE = "FVP_PATH"
OLDEST = (11, 22)  # the oldest version that others use with these flags
_OWN_WORDS = re.compile(r"(Info|Warning): |telnetterminal\d+: ")
_COMMAND_LINE_LIMIT = 256  # cpu0.semihosting-cmd_line is cut after this many characters

# Each is explained in fvp/README.md.
_BOARD = (
    "mps3_board.visualisation.disable-visualisation=1",
    "mps3_board.telnetterminal0.start_telnet=0",
    "mps3_board.telnetterminal1.start_telnet=0",
    "mps3_board.telnetterminal2.start_telnet=0",
    "mps3_board.telnetterminal5.start_telnet=0",
    "mps3_board.uart0.out_file=-",
    "mps3_board.uart0.unbuffered_output=1",
    "mps3_board.uart0.shutdown_tag=EXITTHESIM",
    "cpu0.FPU=1",
    "cpu0.MVE=2",
    "cpu0.semihosting-enable=1",
    "cpu0.semihosting-stack_base=0",
    "cpu0.semihosting-heap_limit=0",
)


def locate(path: Path | None = None) -> Path | None:
    """The FVP's executable: `path`, else FVP_PATH, else the first of PROGRAMS on PATH, else the one that
    `ocrm55 fvp install` installed, else None.

    `path` and FVP_PATH name the executable or a folder of its installation.
    Raises ToolchainError when one of them is given and leads nowhere: a silent change to QEMU would mislead.
    """
    named = [(str(path), "--fvp")] if path else [(os.environ[VARIABLE], VARIABLE)] if os.environ.get(VARIABLE) else []
    for value, where in named:
        executable = within(Path(value).expanduser())
        if executable is None:
            raise ToolchainError(
                f"{where} says {value}, and there is no executable FVP of Corstone-300 there.",
                [f"name the file {PROGRAMS[0]} itself", "leave it out to run on QEMU"],
            )
        return executable
    for program in PROGRAMS:
        if found := shutil.which(program):
            return Path(found).resolve()  # its libraries lie beside it, not beside a link to it
    return within(installation())


def installation() -> Path:
    """The folder into which `ocrm55 fvp install` puts the FVP, below XDG_DATA_HOME."""
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "ocrm55" / "fvp"


def not_found() -> ToolchainError:
    """The error for a requested FVP that cannot be found."""
    return ToolchainError(
        f"no Corstone-300 FVP was found: `{PROGRAMS[0]}` is not on PATH and {VARIABLE} is not set.",
        ["ocrm55 fvp install", "name it with --fvp PATH", "run on QEMU: --simulator qemu"],
    )


class Fvp(Simulator):
    """Models the whole subsystem with the Ethos-U. Its counters do not count instructions, so none are reported."""

    name = "FVP"
    kind = "fvp"
    counts_instructions = False

    @property
    def readable(self) -> list[Path]:
        """Its installation: the models, and the Python beside them."""
        return [self.executable.resolve().parents[min(2, len(self.executable.resolve().parents) - 1)]]

    def version(self) -> str:
        return self._version

    def environment(self) -> dict[str, str]:
        """Adds the libpython3.9 that Arm's installer puts beside the models; few systems still have their own."""
        libraries = self.executable.parents[min(2, len(self.executable.parents) - 1)] / "python" / "lib"
        there = os.environ.get("LD_LIBRARY_PATH", "")
        own = {"LD_LIBRARY_PATH": f"{libraries}:{there}".rstrip(":")} if libraries.is_dir() else {}
        return dict(os.environ) | own

    @cached_property
    def _version(self) -> str:
        advice = ["see fvp/README.md", "run on QEMU: --simulator qemu"]
        try:
            done = subprocess.run(
                [self.executable, "--version"],
                env=self.environment(),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as trouble:
            raise ToolchainError(f"{self.executable} does not say its version: {trouble}.", advice) from trouble
        found = re.search(r"\[(\d+)\.(\d+)\.(\d+)", done.stdout) or re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout)
        if found is None:
            missing = re.search(r"error while loading shared libraries: ([^:\s]+)", done.stderr)
            why = f"it lacks the library {missing[1]}" if missing else "it is no FVP, or does not run here"
            raise ToolchainError(f"{self.executable} does not say its version: {why}.", advice)
        if (int(found[1]), int(found[2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise ToolchainError(
                f"{self.executable} is version {'.'.join(found.groups())}; {oldest} is the oldest.", advice
            )
        return ".".join(found.groups())

    def arguments(self, elf: str, words: Sequence[str], request: Request) -> list[str]:
        line = " ".join(words)
        if len(line) > _COMMAND_LINE_LIMIT:
            raise ToolchainError(
                f"the FVP cuts command lines at {_COMMAND_LINE_LIMIT} characters; this has {len(line)}."
            )
        settings = [*_BOARD, *_npu(request), f"cpu0.semihosting-cmd_line={line}", "cpu0.semihosting-cwd=."]
        flags = [flag for setting in settings for flag in ("-C", setting)]
        # The FVP's own limit ends it a little after ours, in case we are gone.
        return [*flags, "--timelimit", str(ceil(request.timeout_s) + 10), "-a", elf]

    def uart_of(self, output: str) -> str:
        # With out_file=- the UART shares standard output with the model's own messages.
        return "\n".join(line for line in output.split("\n") if not _OWN_WORDS.match(line))

    def check_end(self, ended: Ended) -> None:
        if "exit status" in ended.output:
            return
        printed = f"{ended.output}\n{ended.complaints}".strip()
        if re.search(r"lock-?up", printed, re.IGNORECASE):
            raise TargetError("the core locked up: a fault within the report of a fault.")
        if re.search(r"licen[sc]e", printed, re.IGNORECASE) and ended.returncode:
            raise ToolchainError(f"the FVP refuses for its licence: {printed.splitlines()[-1]}.", ["see fvp/README.md"])
        if ended.returncode and "ocrm55 " not in ended.output:
            reason = printed.splitlines()
            raise ToolchainError(
                f"the FVP ended with status {ended.returncode} before the firmware said anything: "
                f"{reason[-1] if reason else 'it did not say why'}.",
                ["compare its version with fvp/README.md"],
            )


def _npu(request: Request) -> list[str]:
    """The NPU's size, because the FVP's default is another one. Raises InputError for what the FVP cannot do."""
    if request.npu_fault is not None:
        raise InputError("the FVP's own NPU has no faults to inject.", ["run on QEMU: --simulator qemu"])
    if request.npu is None:
        return []
    return [f"ethosu.num_macs={request.npu.rpartition('-')[2]}"]


def within(place: Path) -> Path | None:
    """The executable `place`, or the one that Arm's installer put below the folder `place`."""
    if place.is_file():
        return place.resolve() if os.access(place, os.X_OK) else None
    for folder in (place, *sorted(place.glob("models/Linux64*")), place / "bin"):
        for program in PROGRAMS:
            if (folder / program).is_file() and os.access(folder / program, os.X_OK):
                return (folder / program).resolve()
    return None
