"""Runs a module of ours as a process of its own: what it calls, in C++, may print, hang or end the process."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from ocrm55 import console, processes
from ocrm55.errors import InputError, OutputError

PATIENCE_S = 300  # a conversion takes two


def run(what: str, module: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run `python -m module`. what: its name for messages.

    Raises InputError if it does not end, OutputError if it has no room to write.
    """
    words = [sys.executable, "-P", "-m", module, *arguments]  # -P: import nothing from the current folder
    try:
        done = processes.completed(words, PATIENCE_S)
    except subprocess.TimeoutExpired as late:
        raise InputError(
            f"{what} did not finish with the model within {PATIENCE_S} s.", ["export or copy the model again"]
        ) from late
    if done.returncode and (full := console.NO_ROOM.search(done.stdout + done.stderr)):
        raise OutputError(
            f"{what} cannot write to {tempfile.gettempdir()}: {full[0].lower()}.", ["free some space", "set TMPDIR"]
        )
    return done


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that a process printed, without colours; its exit status where it printed nothing."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in done.stdout.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else f"it ended with exit status {done.returncode}"
