"""The errors, sorted by who can fix them.

Every error is one sentence that says what is wrong and where, plus things to try. `cli.py` prints it and ends with the
class's exit code. A traceback that a user sees is a bug of ours.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from ocrm55 import plain_text

_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_WHOLE_LINE = re.compile(r"\b(?:ocrm55|pip|python|tvmc) [a-z-]")
_LONGEST = 1000  # characters: enough for an ordinary path and a sentence about it


class Ocrm55Error(Exception):
    """Base of all errors that are reported in one sentence.

    sentence: what is wrong and where, without a trailing line break.
    tries: things to try, each a short imperative sentence.
    """

    exit_code = 1

    def __init__(self, sentence: str, tries: Sequence[str] = ()) -> None:
        self.sentence = _one_line(sentence)
        super().__init__(self.sentence)
        self.tries = [_one_line(each) for each in tries]


def _one_line(text: str) -> str:
    """`text` as one line that a terminal can show; file names and simulators' output may hold anything."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST * 3 // 4]} … {text[-_LONGEST // 5 :]}"
    return "".join(c if c.isprintable() else plain_text.escaped(c) for c in text)


def can_be_tried(attempt: str, options: Container[str]) -> bool:
    """Whether a command with these options has those that a thing to try names; a whole command line has its own."""
    return bool(_WHOLE_LINE.search(attempt)) or all(name in options for name in _OPTION.findall(attempt))


class InputError(Ocrm55Error):
    """The user's input is wrong: an image, a model folder, labels, a value of an option."""

    exit_code = 3


class ToolchainError(Ocrm55Error):
    """Something on the host is missing or failed: a compiler, CMake, a simulator, a Python package, the network."""

    exit_code = 4


class UnsupportedError(Ocrm55Error):
    """The compiler refuses a model: an operator that no target takes, or memory that it would not fit."""

    exit_code = 5


class TargetError(Ocrm55Error):
    """The firmware ran and failed: a fault, a time limit, lost or damaged output, a wrong answer in `verify`."""

    exit_code = 6


class OutputError(Ocrm55Error):
    """A result cannot be written: a read-only folder, a full disk."""

    exit_code = 7


def first_line(trouble: Exception) -> str:
    """The first line of a library's message that says something."""
    lines = [line.strip() for line in str(trouble).splitlines() if line.strip(" -=\t")]
    return lines[0] if lines else type(trouble).__name__


class MiscompiledError(Ocrm55Error):
    """The compiled program computes other numbers than the model. This is a fault of ours, found before anything is
    written.
    """

    exit_code = 8


class StrictError(Ocrm55Error):
    """All went well, but there were warnings, and the user asked for none."""

    exit_code = 9
