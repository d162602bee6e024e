"""Start the programs. A Ctrl-C ends them with one word even while the toolkit is still being imported.

This module imports little of the standard library and nothing else.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

_GARBAGE = 50_000  # objects made, less those freed, before a search for unreachable cycles
_INTERRUPTED = (130, 143)  # exit statuses, by SIGINT and by SIGTERM


def ocrm55() -> None:
    """The program `ocrm55`, and `python -m ocrm55`."""
    _run("ocrm55.cli")


def tvmc() -> None:
    """The program `tvmc`, and `python -m ocrm55.tvmc`."""
    _run("ocrm55.tvmc.program")


def _run(module: str) -> None:
    # Imports and graphs make many objects and no cycles: looking for these after every 700 takes a fifth of an import.
    gc.set_threshold(_GARBAGE)
    stand_in_for_closed_streams()
    try:
        importlib.import_module(module).main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except SystemExit as end:
        if end.code in _INTERRUPTED:
            _say_no_more()
        raise


def stand_in_for_closed_streams() -> None:
    """Open nothing in place of the streams that are closed, as after `>&-`.

    The next file would otherwise get the stream's number, and what a library or another program prints there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(handle, handle == number)
            setattr(sys, name, os.fdopen(handle, "w" if number else "r", encoding="utf-8"))


def _say_no_more() -> None:
    """End without further output: TVM's C++ complains when unfinished objects are destroyed at the exit."""
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
