"""`ocrm55` as a process of its own, that can be watched, interrupted, and asked what it has left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

MARK = "OCRM55_TEST_MARK"  # in the environment of a process and of all that it starts
PATIENCE_S = 180.0


class Ocrm55:
    """A running command; `place` gets its temporary files."""

    def __init__(self, place: Path, *words: object, environment: Mapping[str, str] | None = None) -> None:
        self.mark = str(uuid.uuid4())
        self.temporary = place / f"tmp-{self.mark[:8]}"
        self.temporary.mkdir(parents=True)
        self.lines: list[str] = []
        self._heard = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ocrm55", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {MARK: self.mark, "TMPDIR": str(self.temporary)} | dict(environment or {}),
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._heard:
                self.lines.append(line.rstrip())
                self._heard.notify_all()
        with self._heard:
            self.lines.append("")
            self._heard.notify_all()

    def wait_for(self, beginning: str) -> None:
        """Until a line on standard error begins so."""
        end = time.monotonic() + PATIENCE_S
        with self._heard:
            while not any(line.startswith(beginning) for line in self.lines):
                assert time.monotonic() < end and self.process.poll() is None, f"no `{beginning}` in: {self.said}"
                self._heard.wait(1)

    def wait_for_processes(self, number: int) -> None:
        """Until so many run, itself among them."""
        end = time.monotonic() + PATIENCE_S
        while len(_marked(self.mark)) < number:
            assert time.monotonic() < end and self.process.poll() is None, self.said
            time.sleep(0.1)

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Exit status and standard output."""
        assert self.process.stdout is not None
        output = self.process.stdout.read()
        status = self.process.wait(PATIENCE_S)
        self._listener.join(10)
        return status, output

    def survivors(self) -> list[str]:
        """What it has started and is still there a moment later."""
        for _ in range(20):
            found = list(_marked(self.mark))
            if not found:
                break
            time.sleep(0.1)
        return found


def _marked(mark: str) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it ended meanwhile
            if process.name.isdigit() and f"{MARK}={mark}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def leftovers(folder: Path) -> list[str]:
    """What was begun and not finished in a build folder: hidden names, and stamps of what is not there."""
    hidden = [str(path.relative_to(folder)) for path in folder.rglob(".*.ocrm55-*")]
    stamps = [path for path in folder.glob("*/*.stamp.json") if not path.with_name(path.name[:-11]).exists()]
    return hidden + [str(path) for path in stamps]


def copy_of(build_dir: Path, destination: Path) -> Path:
    """A build folder of its own, for a test that damages it."""
    shutil.copytree(build_dir, destination, symlinks=True)
    return destination
