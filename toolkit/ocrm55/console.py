"""The one place that prints: progress, tables, and every external command line as it is run.

Results (text, tables, JSON) go to stdout, and progress goes to stderr. So `ocrm55 run-fvp a.png > result.txt` keeps
only the result.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ocrm55 import processes, table_layout
from ocrm55.errors import Ocrm55Error, OutputError, ToolchainError
from ocrm55.plain_text import shown

# Without emoji: `:x:` in a text that was read, or in a file's name, stays what it is.
_out = Console(highlight=False, soft_wrap=True, emoji=False)
_err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
_verbose = False
_commands_are_told = True
_NARROWEST, _UNLIMITED = 40, 10_000  # cells of a table's line
# The C library's words when a compiler or a linker meets a full disk.
NO_ROOM = re.compile("No space left on device|Disk quota exceeded|File too large|final close failed")


def set_verbose(verbose: bool) -> None:
    """Show the output of external commands even when they succeed."""
    global _verbose
    _verbose = verbose


def is_verbose() -> bool:
    """Whether the user asked for the output of external commands."""
    return _verbose


def result(line: str = "") -> None:
    """Print the command's result to stdout; what a terminal would not show as a character is written as its escape."""
    _out.print(shown(line, keep="\n\t"), markup=False)


def note(line: str) -> None:
    """Print one line about progress to stderr."""
    _err.print(shown(line, keep="\n\t"), markup=False)


def stage(name: str, detail: str = "") -> None:
    """Announce a stage of the pipeline: `compile   float32 -> build/...`."""
    _err.print(f"[bold cyan]{escape(name):<10}[/] {escape(shown(detail))}")


def warning(line: str) -> None:
    """Print a warning to stderr."""
    _err.print(f"[yellow]warning:[/] {escape(shown(line))}")


def error(trouble: Ocrm55Error) -> None:
    """Print an error as one sentence, with the things to try below it."""
    _err.print(f"[bold red]error:[/] {escape(trouble.sentence)}")
    for attempt in trouble.tries:
        _err.print(f"  try: {escape(attempt)}")


@contextmanager
def errors_end_the_program() -> Iterator[None]:
    """For a program beside `ocrm55` (`python -m ...`): print an Ocrm55Error as sentences and exit with its status."""
    try:
        yield
    except Ocrm55Error as trouble:
        error(trouble)
        raise SystemExit(trouble.exit_code) from trouble


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print a table to stdout; `right` names the columns that hold numbers.

    It is as wide as the terminal at most, and every cell stays whole: table_layout says how. Redirected output has
    whole rows, because tables are read by programs too, unless COLUMNS says how wide it is.
    """
    names = [shown(column) for column in columns]
    cells = [[shown(str(cell)) for cell in row] for row in rows]
    if title:
        for line in table_layout.wrap(shown(title), _table_width()):
            _out.print(line, style="bold", markup=False, highlight=False)
    count = len(table_layout.lines(names, [], _table_width(), right))
    for number, line in enumerate(table_layout.lines(names, cells, _table_width(), [shown(name) for name in right])):
        _out.print(line, style="bold" if number < count else None, markup=False, highlight=False)


def paragraph(line: str, most: int = _UNLIMITED) -> None:
    """Print a sentence of a result to stdout, wrapped between words to a table's width; lines below are indented.

    most: cells of a line, also where the width is not known.
    """
    width = min(most, _table_width())
    text = shown(line)
    start = " " * (len(text) - len(text.lstrip()))
    first, *others = table_layout.wrap(text.lstrip(), width - len(start))
    _out.print(f"{start}{first}", markup=False, highlight=False)
    start += " " * table_layout.INDENT
    for part in table_layout.wrap(" ".join(others), width - len(start)) if others else ():
        _out.print(f"{start}{part}", markup=False, highlight=False)


def _table_width() -> int:
    """Cells in a line of a table."""
    if _out.is_terminal:
        return _out.width
    said = os.environ.get("COLUMNS", "")
    return max(_NARROWEST, int(said)) if said.isascii() and said.isdigit() else _UNLIMITED


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Progress]:
    """A progress bar on stderr, if that is a terminal; advance it with `bar.advance(bar.task_ids[0])`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as bar:
        bar.add_task(escape(shown(label)), total=total)
        yield bar


def keep_commands_quiet() -> None:
    """Leave out the external command lines, unless the user asked for what they print."""
    global _commands_are_told
    _commands_are_told = _verbose


@contextmanager
def commands_told(wanted: bool) -> Iterator[None]:
    """Show the external command lines of a block only if wanted, or if the user asked for what they print."""
    global _commands_are_told
    before, _commands_are_told = _commands_are_told, _commands_are_told and (wanted or _verbose)
    try:
        yield
    finally:
        _commands_are_told = before


def note_command(words: Sequence[str]) -> None:
    """Show an external command line as it is about to be run."""
    if not _commands_are_told:
        return
    _err.print(f"[dim]$ {escape(shown(shlex.join(words)))}[/]")


def command(
    arguments: Sequence[str | Path],
    *,
    tries: Sequence[str] = (),
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    explain: Callable[[str], str | None] | None = None,
) -> str:
    """Run an external command to its end and return its standard output.

    The exact command line is shown first. Raises ToolchainError for a command that is missing, fails or runs out of
    time, with the last lines that it printed; `explain` may find a better sentence in the whole output. Raises
    OutputError if the command finds no room to write.
    """
    words = [str(word) for word in arguments]
    note_command(words)
    try:
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with processes.running(words, cwd=cwd, env=env, text=True, errors="replace", **pipes) as process:
            output, complaints = map(str, process.communicate(timeout=timeout_s))
    except FileNotFoundError as missing:
        raise ToolchainError(f"`{words[0]}` is not installed or not on PATH.", tries or ["ocrm55 doctor"]) from missing
    except OSError as trouble:
        raise ToolchainError(f"`{words[0]}` cannot be started: {trouble.strerror}.", tries) from trouble
    except subprocess.TimeoutExpired as late:
        raise ToolchainError(f"`{words[0]}` did not finish within {timeout_s:g} s.", tries) from late
    printed = f"{output}{complaints}".strip()
    if process.returncode != 0:
        if printed:
            note("\n".join(printed.splitlines()[-25:]))
        if full := NO_ROOM.search(printed):
            raise OutputError(f"`{words[0]}` cannot write its results: {full[0].lower()}.", ["free some space"])
        known = explain(printed) if explain else None
        raise ToolchainError(known or f"`{words[0]}` failed with exit status {process.returncode}.", tries)
    if _verbose and printed:
        note(printed)
    return output
