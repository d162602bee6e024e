"""Temporary folders that a killed process does not leave behind for ever.

Each folder is locked by the process that made it, and the kernel gives the lock back when the process ends, however it
ends. So the next ocrm55 can tell the folders of dead processes from those in use, and removes them.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = re.compile(r"ocrm55-tmp-[0-9a-f]{16}")
_PRIVATE = 0o700


class Unfinished:
    """A file or folder that is removed by whoever began it. It is noted before it is made, and the lock on it as well:
    Ctrl-C may come between any two lines, and then nothing is left.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self._lock: int | None = None

    def hold(self, handle: int, path: Path) -> bool:
        """Lock what was just made at `path`. False when another ocrm55 has taken it for abandoned before."""
        self._lock = handle
        if keep(handle, path):
            return True
        self._close()
        return False

    def remove(self) -> None:
        """Remove it if it is there, and give the lock back."""
        if self.path is not None and self.path.is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
        elif self.path is not None:
            self.path.unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, private to this user, in TMPDIR; removed when the block ends. Raises OSError."""
    unfinished = Unfinished()
    try:
        yield _make(unfinished)
    finally:
        unfinished.remove()


def _make(unfinished: Unfinished) -> Path:
    """The folder, locked. Another ocrm55 may take a folder for abandoned before it is locked: try again."""
    while True:
        unfinished.path = path = Path(tempfile.gettempdir()) / f"ocrm55-tmp-{secrets.token_hex(8)}"
        path.mkdir(_PRIVATE)
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if unfinished.hold(lock, path):
                return path


def keep(handle: int, path: Path) -> bool:
    """Lock what was just made at `path`. False when another ocrm55 has taken it for abandoned before."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # where no locks are to be had, nobody else can take it either
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def is_abandoned(handle: int) -> bool:
    """Whether nobody holds the lock of an open file or folder; we do from now on, until the handle is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_abandoned() -> None:
    """Remove the temporary folders of dead processes of this user."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                with suppress(OSError):
                    _remove(Path(entry.path))


def _remove(path: Path) -> None:
    about = path.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) != _PRIVATE:
        return  # not one that we make: a link leads to what is not ours
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if is_abandoned(lock) and os.path.samestat(os.fstat(lock), about):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)
