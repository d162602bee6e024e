"""The one place that prints: progress, tables, and every external command line as it is run.

Results (text, tables, JSON) go to stdout, and progress goes to stderr. So `ocrm55 run-fvp a.png > result.txt` keeps
only the result.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ocrm55 import processes
from ocrm55.errors import Ocrm55Error, OutputError, ToolchainError
from ocrm55.plain_text import shown

# Without emoji: `:x:` in a text that was read, or in a file's name, stays what it is.
_out = Console(highlight=False, soft_wrap=True, emoji=False)
_err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
_verbose = False
# The C library's words when a compiler or a linker meets a full disk.
NO_ROOM = re.compile("No space left on device|Disk quota exceeded|File too large|final close failed")


def set_verbose(verbose: bool) -> None:
    """Show the output of external commands even when they succeed."""
    global _verbose
    _verbose = verbose


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
    """Print a table to stdout; `right` names the columns that hold numbers."""
    grid = Table(title=escape(shown(title)) or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        grid.add_column(escape(shown(column)), justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*(escape(shown(str(cell))) for cell in row))
    if _out.is_terminal:
        _out.print(grid)
        return
    # Redirected output keeps whole lines: a table cut to 80 columns is no use in a log file.
    wide = Console(file=io.StringIO(), width=400, highlight=False, emoji=False)
    wide.print(grid)
    for line in cast(io.StringIO, wide.file).getvalue().splitlines():
        result(line.rstrip())


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Progress]:
    """A progress bar on stderr, if that is a terminal; advance it with `bar.advance(bar.task_ids[0])`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as bar:
        bar.add_task(escape(shown(label)), total=total)
        yield bar


def note_command(words: Sequence[str]) -> None:
    """Show an external command line as it is about to be run."""
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
