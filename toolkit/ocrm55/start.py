"""Where the programs begin: a Ctrl-C while the toolkit is still being imported ends them with one word too.

Nothing but the standard library is imported here, and little of that.
"""

from __future__ import annotations

import importlib
import os
import sys

_INTERRUPTED = (130, 143)  # exit statuses, by SIGINT and by SIGTERM


def ocrm55() -> None:
    """The program `ocrm55`, and `python -m ocrm55`."""
    _run("ocrm55.cli")


def tvmc() -> None:
    """The program `tvmc`, and `python -m ocrm55.tvmc`."""
    _run("ocrm55.tvmc.program")


def _run(module: str) -> None:
    try:
        importlib.import_module(module).main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except SystemExit as end:
        if end.code in _INTERRUPTED:
            _say_no_more()
        raise


def _say_no_more() -> None:
    """Let nothing follow the word: TVM's C++ complains when what it was building is destroyed at the exit."""
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
