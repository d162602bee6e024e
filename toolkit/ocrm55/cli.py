"""The `ocrm55` program: it collects the commands, and turns errors into one sentence and an exit code."""

from __future__ import annotations

import errno
import functools
import importlib
import io
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from ocrm55 import __version__, console, processes, temporary
from ocrm55.commands import effect
from ocrm55.commands.help_text import spaced
from ocrm55.errors import InputError, Ocrm55Error, OutputError

app = typer.Typer(
    name="ocrm55",
    help="Put an English text recognizer on an Arm Cortex-M55: export, compile, build, and run on a simulated board.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

_LOOP, _OTHER_PATH = "Symlink loop from ", "name another path"

# name of the command -> module and function; in the order in which a newcomer meets them.
_PIPELINE = "The pipeline"
_PROOF = "Proof and insight"
_MODELS = "Models"
_TVM = "For programs of TVM's time"
_SETUP = "Set-up"
_COMMANDS = [
    ("run-fvp", "run_fvp", "run_fvp", _PIPELINE),
    ("read", "read", "read", _PIPELINE),
    ("live", "live", "live", _PIPELINE),
    ("export", "export", "export", _PIPELINE),
    ("compile", "compile", "compile_", _PIPELINE),
    ("build", "build", "build", _PIPELINE),
    ("package", "package", "package", _PIPELINE),
    ("boards", "boards", "boards", _PIPELINE),
    ("verify", "verify", "verify", _PROOF),
    ("agree", "agree", "agree", _PROOF),
    ("eval", "eval", "eval_", _PROOF),
    ("quantize-report", "quantize_report", "quantize_report", _PROOF),
    ("profile", "profile", "profile", _PROOF),
    ("compare", "compare", "compare", _PROOF),
    ("compare-board", "compare_board", "compare_board", _PROOF),
    ("report", "report", "report", _PROOF),
    ("bench", "bench", "bench", _PROOF),
    ("finetune", "finetune", "finetune", _MODELS),
    ("train", "train", "train", _MODELS),
    ("tvmc", "tvmc", "tvmc", _TVM),
    ("headers", "headers", "headers", _TVM),
    ("doctor", "doctor", "doctor", _SETUP),
    ("fvp install", "fvp", "install", _SETUP),
    ("fvp where", "fvp", "where", _SETUP),
    ("fvp check", "fvp", "check", _SETUP),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        console.result(f"ocrm55 {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what external commands print.")] = False,
) -> None:
    console.set_verbose(verbose)


def _reporting(command: Callable[..., None]) -> Callable[..., None]:
    """Run the command; turn a failure into one sentence and an exit status."""

    @functools.wraps(command)
    def reported(*arguments: object, **options: object) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt as stop:
            _end(stop)
        except Exception as trouble:
            if ended := processes.received():  # C++ turned the signal into an error on its way up
                _end(ended)
            known = _of_system(trouble)
            if not isinstance(known, Ocrm55Error):
                raise
            known.tries = effect.advice(known.tries)
            console.error(known)
            raise typer.Exit(known.exit_code) from trouble

    return reported


def _of_system(trouble: Exception) -> Exception:
    """What the system says of any file, as a sentence: a full disk, and a path that it does not follow.

    Both can appear wherever a path is looked at, temporary files too. Everything else stays as it is.
    """
    if isinstance(trouble, RuntimeError) and str(trouble).startswith(_LOOP):  # Path.resolve until Python 3.12
        return InputError(f"{str(trouble).removeprefix(_LOOP)} is a link that leads to itself.", [_OTHER_PATH])
    if not isinstance(trouble, OSError):
        return trouble
    place = trouble.filename or f"the output, or a file in {tempfile.gettempdir()},"  # which one, nobody says
    if trouble.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(f"{place} cannot be written: {trouble.strerror}.", ["free some space", "set TMPDIR"])
    if trouble.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES):
        return InputError(f"{place} cannot be used: {trouble.strerror}.", [_OTHER_PATH])
    return trouble


def _end(stop: KeyboardInterrupt) -> NoReturn:
    console.note("interrupted")
    raise typer.Exit(stop.exit_status if isinstance(stop, processes.EndedError) else 130) from stop


_groups: dict[str, typer.Typer] = {}
for _name, _module, _function, _panel in _COMMANDS:
    _imported = importlib.import_module(f"ocrm55.commands.{_module}")
    _settings = getattr(_imported, "CONTEXT_SETTINGS", None)  # of a command that reads its own command line
    _command = spaced(_reporting(getattr(_imported, _function)))
    if " " in _name:  # a command of a group
        _group, _name = _name.split(" ")
        if _group not in _groups:
            _groups[_group] = typer.Typer(help=_imported.HELP, no_args_is_help=True, rich_markup_mode="markdown")
            app.add_typer(_groups[_group], name=_group, rich_help_panel=_panel)
        _groups[_group].command(_name, cls=effect.Command)(_command)
    else:
        app.command(_name, cls=effect.Command, rich_help_panel=_panel, context_settings=_settings)(_command)


def main() -> None:
    """Run the program and exit with its status."""
    processes.end_in_good_order()
    temporary.remove_abandoned()
    # Paddle and oneDNN print on stdout and stderr; ocrm55 itself says what a user must know.
    os.environ.setdefault("GLOG_minloglevel", "2")
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold what the terminal's encoding lacks
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for name in ("COLUMNS", "LINES"):  # Rich takes what it believes to be digits, and as many as there are
        if not re.fullmatch("[0-9]{1,5}", os.environ.get(name, "0")):
            del os.environ[name]
    warnings.filterwarnings("ignore", message="No ccache found", category=UserWarning)
    try:
        app()
    except SystemExit as end:
        if ended := processes.received():  # wherever it came up: click makes 130 of every interruption
            sys.exit(ended.exit_status)
        if end.code:
            _drop_output()
        raise
    except OSError as trouble:  # where no command runs yet: help for a full disk
        known = _of_system(trouble)
        if not isinstance(known, Ocrm55Error):
            raise
        console.error(known)
        _drop_output()
        sys.exit(known.exit_code)


def _drop_output() -> None:
    """Forget what cannot be written: Python would try again at its end, and make the exit status 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
