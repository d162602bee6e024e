"""The program `tvmc`: TVMC's commands, and replacements for those that are missing."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from ocrm55 import __version__, console, files, processes, temporary
from ocrm55.errors import InputError, Ocrm55Error, UnsupportedError

_USAGE = """\
usage: {prog} compile [arguments] FILE

  compile   a Paddle or ONNX model becomes C for a Cortex-M: `{prog} compile --help`
  run       is missing: build the C and run it on the target, `ocrm55 run-fvp` for recognizers
  tune      is missing: schedules are this project's own
  micro     is missing: `make` with the archive, `ocrm55 build` for this project's firmware

TVMC's command line and C interface over ocrm55's compiler; docs/tvmc.md lists every argument.
"""
_GONE = {
    "run": ("TVMC's graph executor is gone from TVM", ["build codegen/host/src and run it", "ocrm55 run-fvp IMAGE"]),
    "tune": ("nothing is tuned: schedules are this project's own", ["tvmc compile"]),
    "micro": (
        "TVM's project generator is gone",
        ["tvmc compile --output-format=mlf and your own Makefile", "ocrm55 build"],
    ),
}


def run(arguments: Sequence[str], prog: str = "tvmc") -> None:
    """Run a command line, given without the program's name. Raises Ocrm55Error."""
    if not arguments or arguments[0] in ("-h", "--help"):
        console.result(_USAGE.format(prog=prog).rstrip())
        return
    command, *rest = arguments
    if command == "--version":
        console.result(f"ocrm55 {__version__}")
    elif command in ("-v", "--verbose"):
        console.set_verbose(True)
        run(rest, prog)
    elif command == "compile":
        _compile(rest, f"{prog} compile")
    elif command in _GONE:
        sentence, instead = _GONE[command]
        raise UnsupportedError(f"{prog} {command}: {sentence}.", instead)
    elif command.startswith("--config"):
        raise UnsupportedError(f"{prog} --config: argument files are not read.", ["write the arguments out"])
    else:
        raise InputError(f"{prog} has no command {command}.", [f"{prog} --help"])


def _compile(arguments: Sequence[str], prog: str) -> None:
    from ocrm55.tvmc import arguments as table
    from ocrm55.tvmc import settings

    if "-h" in arguments or "--help" in arguments:
        console.result(table.parser(prog).format_help().rstrip())
        return
    values, remarks = table.parse(arguments, prog)
    wanted = settings.from_arguments(values, remarks)
    for remark in wanted.remarks:
        console.note(f"tvmc: {remark}")
    if wanted.verbose:
        console.set_verbose(True)
    files.check_place(wanted.output)
    from ocrm55.tvmc import sources
    from ocrm55.tvmc.compile import compile_library

    built = compile_library(wanted)
    weight_bytes = sources.constant_bytes(built.program)
    console.result(
        f"{wanted.output}: {built.program.precision}, {built.program.macs:,} multiply-accumulates, "
        f"{weight_bytes:,} bytes of weights, {built.plan.arena_bytes:,} bytes of workspace"
    )


def main() -> None:
    """The console script `tvmc`, and `python -m ocrm55.tvmc`."""
    processes.end_in_good_order()
    temporary.remove_abandoned()
    os.environ.setdefault("GLOG_minloglevel", "2")
    warnings.filterwarnings("ignore", message="No ccache found", category=UserWarning)
    try:
        run(sys.argv[1:])
    except KeyboardInterrupt as stop:
        _end(stop)
    except Exception as trouble:
        if ended := processes.received():  # C++ turned the signal into an error on its way up
            _end(ended)
        if not isinstance(trouble, Ocrm55Error):
            raise
        console.error(trouble)
        sys.exit(trouble.exit_code)


def _end(stop: KeyboardInterrupt) -> NoReturn:
    console.note("interrupted")
    sys.exit(stop.exit_status if isinstance(stop, processes.EndedError) else 130)
