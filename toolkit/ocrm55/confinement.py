"""Keeps a program that runs a stranger's firmware inside one folder, by Linux's Landlock.

Semihosting lets firmware open any file that the simulator's process may open. So the simulator gets a process that may
write in the folder of its run and nowhere else, and read what programs need to start: libraries and its own files.
Landlock (Linux 5.13 and newer) holds for QEMU and for the FVP alike and needs no privileges.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# <linux/landlock.h>; the numbers of the system calls are the same on all architectures.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_RULE_PATH_BENEATH, _QUERY_VERSION = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_FS_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET_RIGHTS = {4: 0b11}  # binding and connecting by TCP
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | (1 << 14) | (1 << 15)  # with truncate and ioctl
_PR_SET_NO_NEW_PRIVS = 38

VARIABLE = "OCRM55_SIMULATOR_READS"  # more folders, by os.pathsep: of a simulator that is installed in an odd place

# Paths that programs read to start. From /etc only the linker's list, because /etc contains secrets.
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/etc/ld.so.cache", "/etc/ld.so.conf")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The version of Landlock's interface that this kernel has; 0 where it has none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(ctypes.CDLL(None).syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_QUERY_VERSION))))


@contextmanager
def rules(folder: Path, readable: Sequence[Path] = ()) -> Iterator[Callable[[], None] | None]:
    """A function for the child to call before it becomes the program; from then on it may write only in `folder`.

    readable: files and folders that it may also read and run, besides the system's and those that the environment
    variable OCRM55_SIMULATOR_READS names. None where the kernel cannot
    confine; the program then runs as the user does.
    """
    known = version()
    libc = ctypes.CDLL(None, use_errno=True) if known else None
    rights = _FS_RIGHTS[min(known, 5)] if known else 0
    wanted = _Ruleset(rights, _NET_RIGHTS[4] if known >= 4 else 0)
    size = ctypes.sizeof(wanted) if known >= 4 else ctypes.sizeof(ctypes.c_uint64)
    ruleset = libc.syscall(_CREATE, ctypes.byref(wanted), ctypes.c_size_t(size), ctypes.c_uint32(0)) if libc else -1
    if libc is None or ruleset < 0:
        yield None
        return
    try:
        read = (_EXECUTE | _READ_FILE | _READ_DIR) & rights
        for path in (*map(Path, _SYSTEM), *map(Path, _named()), *readable):
            _allow(libc, ruleset, path, read)
        for path in map(Path, _DEVICES):
            _allow(libc, ruleset, path, (_READ_FILE | _WRITE_FILE) & rights)
        _allow(libc, ruleset, folder, rights & ~_EXECUTE)

        def confine() -> None:
            libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            if libc.syscall(_RESTRICT, ruleset, ctypes.c_uint32(0)) != 0:
                os._exit(126)

        yield confine
    finally:
        os.close(ruleset)


def _named() -> list[str]:
    return [place for place in os.environ.get(VARIABLE, "").split(os.pathsep) if place]


def installation_of(executable: Path) -> Path:
    """The folder that a program was installed to: for `PREFIX/bin/NAME` the prefix, else the folder that it is in."""
    folder = executable.resolve().parent
    return folder.parent if folder.name in ("bin", "libexec") else folder


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    """Add one path that is there, itself and everything below it."""
    with suppress(OSError):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rights = rights if path.is_dir() else rights & _FOR_FILES
            rule = _PathBeneath(rights, handle)
            libc.syscall(_ADD, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0))
        finally:
            os.close(handle)
