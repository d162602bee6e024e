"""--help in a narrow terminal: lines break between words, never within a choice or an option's name."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from ocrm55 import cli
from ocrm55.commands.help_text import spaced

COMMANDS: Any = typer.main.get_command(cli.app)
NAMES = [*COMMANDS.commands, "fvp install", "fvp where", "fvp check"]


@pytest.mark.parametrize("columns", [80, 60, 40])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("fvp", "tvmc")])
def test_no_choice_and_no_name_is_broken(name: str, columns: int) -> None:
    done = CliRunner().invoke(cli.app, [*name.split(), "--help"], env={"COLUMNS": str(columns), "TERM": "dumb"})
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= columns
    command = COMMANDS
    for word in name.split():
        command = command.commands[word]
    said = set(re.split(r"[\s│,<>]+", done.output))
    for option in command.params:
        if option.param_type_name == "option":
            words = [*option.opts, *option.secondary_opts]
            words += (option.metavar or "").replace(",", " ").replace("|", " ").split()
            assert set(words) <= said, option.name


class _Kind(StrEnum):
    SMALL = "small"
    VERY_LARGE = "very-large"


def test_choices_of_a_type_and_those_of_a_metavar() -> None:
    def command(
        kind: Annotated[_Kind, typer.Option("--kind")] = _Kind.SMALL,
        other: Annotated[_Kind | None, typer.Option("--other")] = None,
        place: Annotated[str, typer.Option("--place", metavar="DIR|NAME")] = "",
        count: Annotated[int, typer.Option("--count")] = 1,
    ) -> None:
        """Nothing."""

    spaced(spaced(command))
    shown = {name: each.__metadata__[0].metavar for name, each in command.__annotations__.items() if name != "return"}
    assert shown == {"kind": "small | very-large", "other": "small | very-large", "place": "DIR | NAME", "count": None}
