"""What can go wrong, sorted by who can mend it.

Every error is one sentence that says what is wrong and where, plus things to try. `cli.py` prints it and ends with
the class's exit code; a traceback that a user sees is a bug of ours.
"""

from __future__ import annotations

from collections.abc import Sequence


class Ocrm55Error(Exception):
    """Base of all errors that are reported in one sentence.

    sentence: what is wrong and where, without a trailing line break.
    tries: things to try, each a short imperative sentence.
    """

    exit_code = 1

    def __init__(self, sentence: str, tries: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.tries = list(tries)


class InputError(Ocrm55Error):
    """The user's input: an image, a model folder, labels, a value of an option."""

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
