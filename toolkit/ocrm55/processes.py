"""Child processes that never outlive us, and an orderly end on signals.

A child gets a session of its own, so Ctrl-C at the terminal reaches only us. We then end the child and all that it has
started. If we are killed, the kernel ends the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

# What asks a process to end; SIGINT is Ctrl-C.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1  # prctl(2)

_PATIENCE_S = 3.0  # within it, a second signal does not interrupt the cleaning that the first one began

_kept: list[signal.Signals] = []  # the signals that end us in an orderly way; none in a program that only imports us
_received: tuple[int, float] | None = None  # the signal that came, and when


class EndedError(KeyboardInterrupt):
    """A signal asks us to end. exit_status: 128 and the signal's number, as a shell has it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


def end_in_good_order() -> None:
    """From now on, a signal that asks us to end raises EndedError, so that unfinished work is undone first."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            _kept.append(number)
    keep_good_order()


def keep_good_order() -> None:
    """Set the handlers again after an import that replaces them, as Paddle's does."""
    for number in _kept:
        signal.signal(number, _raise)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """During the block, signals that ask us to end wait for its end. So the block is never interrupted.

    Only the main thread may set handlers; in any other thread the block is an ordinary one.
    """
    waiting: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        waiting.append(number)

    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        # None is a handler that was set by C: it cannot be put back.
        before = {n: h for n in _SIGNALS if (h := signal.getsignal(n)) not in (None, signal.SIG_IGN)}
    try:
        for number in before:
            signal.signal(number, remember)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(waiting[0])


def received() -> EndedError | None:
    """The signal that came, if any. C++ in between may have turned our exception into another error."""
    return None if _received is None else EndedError(_received[0])


def _raise(number: int, frame: FrameType | None) -> None:
    global _received
    now = time.monotonic()
    if _received is not None and now - _received[1] < _PATIENCE_S:
        return
    _received = (number, now)
    raise EndedError(number)


@contextlib.contextmanager
def running(
    command: Sequence[str], *, confine: Callable[[], None] | None = None, **options: Any
) -> Iterator[subprocess.Popen[Any]]:
    """Run a process during a block. When the block ends, for any reason, the process and all that it has started have
    ended too. confine: called in the child, last before it becomes the program (confinement.rules).
    `options` are subprocess.Popen's. Raises OSError when it cannot be started.
    """
    # A signal between the fork and the moment when we know the child would leave the child behind.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        # What runs before the exec takes no lock that a thread of ours could hold.
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=_prepare(before, confine), **options)  # noqa: PLW1509
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    guard = None
    try:
        guard = _guard(process.pid)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # a signal that came meanwhile raises here
        yield process
    finally:
        if guard is not None:  # before the process is gone and its number may be somebody else's
            guard.kill()
            guard.wait()
            assert guard.stdin is not None
            guard.stdin.close()
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def completed(
    command: Sequence[str], timeout_s: float | None = None, *, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, without input. Raises OSError, and subprocess.TimeoutExpired when it takes longer."""
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running(command, cwd=cwd, text=True, errors="replace", **pipes) as process:
        output, complaints = process.communicate(timeout=timeout_s)
    return subprocess.CompletedProcess(command, process.returncode, output, complaints)


def _guard(group: int) -> subprocess.Popen[bytes] | None:
    """Start a process that ends a group of processes after us: the kernel ends our child, not what that has started.

    The guard waits for the end of a pipe that only we hold open. So it wakes however we end.
    """
    words = ["/bin/sh", "-c", 'read -r _; kill -s KILL -- "-$1"', "sh", str(group)]
    try:
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:  # without a shell only the child itself ends
        return None


def end_with_parent() -> None:
    """Call it in a process that `multiprocessing` started: the process then ends as soon as its parent is gone.

    Workers of a pool wait for work on a pipe that they hold open themselves, so a killed parent would leave them.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _prepare(mask: set[signal.Signals | int], confine: Callable[[], None] | None) -> Callable[[], None]:
    """Prepare the child, before it becomes another program."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    parent = os.getpid()

    def prepare() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it ended meanwhile
                os._exit(1)
        if confine is not None:
            confine()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    return prepare
