"""Hears what a run says while it runs, and can stop it."""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ocrm55.errors import TargetError

_EVERY_S = 0.1


@dataclass(frozen=True)
class Listener:
    """heard: takes whole lines of the UART as they come, in a thread of its own. stop: set it to end the run."""

    heard: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def attending(
        self, process: subprocess.Popen[bytes], output: Path, uart_of: Callable[[str], str] = lambda text: text
    ) -> Iterator[None]:
        """Listen during a block. output: the file that takes what the process says. uart_of: the UART's part of it.

        process: the leader of its group, as processes.running starts it. All was heard when the block ends.
        """
        ended = threading.Event()
        thread = threading.Thread(target=self._follow, args=(process, output, uart_of, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def check(self) -> None:
        """Raise TargetError where the run was stopped."""
        if self.stop.is_set():
            raise stopped()

    def _follow(
        self,
        process: subprocess.Popen[bytes],
        output: Path,
        uart_of: Callable[[str], str],
        ended: threading.Event,
    ) -> None:
        decoder, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
        with output.open("rb") as file:
            last = False
            while not last:
                last = ended.wait(_EVERY_S)
                if self.stop.is_set() and process.poll() is None:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, signal.SIGKILL)
                text = rest + decoder.decode(file.read(), final=last)
                lines, rest = (text, "") if last else _whole(text)
                if said := uart_of(lines):
                    self.heard(said)


def stopped() -> TargetError:
    """The error of a run that was stopped, or that did not begin because of that."""
    return TargetError("the run was stopped.")


def _whole(text: str) -> tuple[str, str]:
    """The whole lines of a text, and what follows them."""
    at = text.rfind("\n") + 1
    return text[:at], text[at:]
