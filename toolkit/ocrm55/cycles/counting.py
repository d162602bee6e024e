"""Runs a program on QEMU and counts its blocks: by a plugin where there is a C compiler, by QEMU's log where not."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ocrm55 import console, processes, temporary
from ocrm55.boards import Board
from ocrm55.cycles.counts import Counts, LogReader, of_plugin
from ocrm55.cycles.disassembly import Program
from ocrm55.cycles.instructions import Kind
from ocrm55.errors import TargetError, ToolchainError
from ocrm55.simulators.base import Ended, Request, Run
from ocrm55.simulators.companion import Companion
from ocrm55.simulators.qemu import Qemu

SOURCE = Path(__file__).with_name("blockcount.c")
ASSUMED_CACHE_BYTES = 32 * 1024
LINE_BYTES, WAYS = 32, 4
_PLUGIN, _PLAN, _COUNTS, _LOG = "blockcount.so", "plan.txt", "counts.txt", "log"
_SECOND_INTERFACE = 9  # the first QEMU that no longer takes plugins of version 1


@dataclass(frozen=True)
class Plan:
    """What to count. marks: address -> the section that begins there (counts.after_mark).

    is_firmware: whether the program speaks as the firmware does; another one only has to end with status 0, and gets
    `words` on its command line and `files` to read, by their names.
    """

    program: Program
    board: Board
    marks: Mapping[int, str] = field(default_factory=dict)
    is_firmware: bool = True
    words: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def cache_bytes(self) -> int:
        """Of the data cache: what the board says, else an assumption."""
        return self.board.memories.data_cache_bytes or ASSUMED_CACHE_BYTES

    def text(self) -> str:
        """The plan for blockcount.c."""
        lines = [f"cache {self.cache_bytes}"]
        lines += [f"mark {address:x} {section}" for address, section in self.marks.items()]
        for region in self.board.memories.regions.values():
            end = min(region.origin + region.size, 0xFFFFFFFF)
            cached = 0 if not region.is_cached else 2 if region.stores_go_through else 1
            lines.append(f"region {region.origin:x} {end:x} {region.name[:31]} {cached}")
        code = self.program.code.values()
        lines += [f"gather {each.address:x}" for each in code if each.kind in (Kind.GATHER, Kind.SCATTER)]
        return "\n".join(lines) + "\n"


def count(plan: Plan, request: Request, executable: Path, *, plugin: bool = True) -> tuple[Run, Counts, str]:
    """Run a program once, and count. plugin: whether to try it; the log is read where it cannot be built or loaded.

    Returns the run, the counts, and the engine in words. Raises what Simulator.run does.
    """
    request = replace(request, stats=True)
    with temporary.folder() as folder:
        library = build_plugin(folder, Qemu(executable, plan.board).version()) if plugin else None
        if library is not None:
            try:
                return *_run(_CountingQemu(executable, plan, library), request), "a plugin in QEMU"
            except ToolchainError as trouble:  # a QEMU that was built without plugins, or for others
                console.note(f"the plugin does not run, so memory is not counted: {trouble.sentence}")
    return *_run(_CountingQemu(executable, plan, None), request), "QEMU's log of blocks"


def _run(simulator: _CountingQemu, request: Request) -> tuple[Run, Counts]:
    run = simulator.run(request)
    assert simulator.companion_of_run is not None
    return run, simulator.companion_of_run.counts()


def build_plugin(folder: Path, version: str) -> Path | None:
    """Compile the plugin for a version of QEMU into a folder. None where there is no compiler that can."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        console.note("no C compiler is installed: memory is not counted")
        return None
    made = folder / _PLUGIN
    command = [compiler, "-O2", "-std=c11", "-D_POSIX_C_SOURCE=200809L", f"-DPLUGIN_VERSION={interface(version)}"]
    done = processes.completed([*command, "-shared", "-fPIC", "-fvisibility=hidden", "-o", str(made), str(SOURCE)], 120)
    if done.returncode != 0:
        console.note(f"{compiler} cannot build QEMU's plugin: memory is not counted")
        return None
    return made


class _CountingQemu(Qemu):
    """QEMU without its counting clock, which cuts blocks, and with a companion that counts them."""

    def __init__(self, executable: Path, plan: Plan, plugin: Path | None) -> None:
        super().__init__(executable, plan.board)
        self._plan, self._plugin = plan, plugin
        self.companion_of_run: _PluginCompanion | _LogCompanion | None = None

    def arguments(self, elf: str, words: Sequence[str], request: Request) -> list[str]:
        given = words if self._plan.is_firmware else self._plan.words
        return super().arguments(elf, given, replace(request, stats=False))

    def _judge(self, ended: Ended, request: Request, place: Path) -> Run:
        if self._plan.is_firmware:
            return super()._judge(ended, request, place)
        if ended.returncode != 0:
            raise TargetError(f"the program ended with status {ended.returncode} on {self.name}.")
        return Run(ended.output, ended.returncode, [])

    def companion(self, request: Request, elf: Path) -> Companion:
        for name, content in self._plan.files.items():
            (elf.parent / name).write_bytes(content)
        if self._plugin is not None:
            self.companion_of_run = _PluginCompanion(self._plan, self._plugin, elf.parent)
        else:
            self.companion_of_run = _LogCompanion(self._plan, elf.parent)
        return self.companion_of_run


class _PluginCompanion(Companion):
    def __init__(self, plan: Plan, plugin: Path, place: Path) -> None:
        self._place = place
        self._text = ""
        shutil.copyfile(plugin, place / _PLUGIN)
        (place / _PLAN).write_text(plan.text(), encoding="utf-8")

    @property
    def arguments(self) -> list[str]:
        return ["-plugin", f"./{_PLUGIN},plan={_PLAN},out={_COUNTS}"]

    def attend(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        super().attend(process, timeout_s)
        counted = self._place / _COUNTS
        self._text = counted.read_text(encoding="ascii") if counted.is_file() else ""

    def counts(self) -> Counts:
        return of_plugin(self._text)


class _LogCompanion(Companion):
    def __init__(self, plan: Plan, place: Path) -> None:
        self._program = plan.program
        self._reader = LogReader(plan.marks)
        os.mkfifo(place / _LOG)
        self._log = os.open(place / _LOG, os.O_RDONLY | os.O_NONBLOCK)

    @property
    def arguments(self) -> list[str]:
        return ["-d", "exec,nochain", "-D", _LOG]

    def attend(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        self._reader.feed(self._lines(process, deadline))
        super().attend(process, max(0.1, deadline - time.monotonic()))

    def _lines(self, process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
        rest = b""
        while time.monotonic() < deadline:
            if not select.select([self._log], [], [], 0.2)[0]:
                if process.poll() is not None:
                    return
                continue
            piece = os.read(self._log, 1 << 16)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines

    def close(self) -> None:
        os.close(self._log)

    def counts(self) -> Counts:
        return self._reader.counts(self._program)


def interface(version: str) -> int:
    """The version of the plugin interface that a QEMU takes."""
    found = re.match(r"\d+", version)
    return 2 if found and int(found[0]) >= _SECOND_INTERFACE else 1
