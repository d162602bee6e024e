"""--help: choices with spaces between them, so that lines break there alone; no columns in a narrow terminal."""

from __future__ import annotations

import inspect
import re
import textwrap
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any

import typer
from typer.models import OptionInfo

NARROW = 80  # cells, below which names, values and help have no room side by side
NARROWEST = 40
_INDENT = 6
_BETWEEN = re.compile(r"(?<=\S)\|(?=\S)")


def spaced(command: Callable[..., None]) -> Callable[..., None]:
    """The command itself, each of whose options with choices has a metavar `a | b`."""
    signature = inspect.signature(command, eval_str=True)
    for parameter in signature.parameters.values():
        shown = [*typing.get_args(parameter.annotation)[1:], parameter.default]
        for option in shown:
            if isinstance(option, OptionInfo):
                found = option.metavar or _choices(parameter.annotation)
                option.metavar = _BETWEEN.sub(" | ", found) if found else None
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    return command


def _choices(annotation: Any) -> str:
    """`a|b` of an enumeration, or of one that may be left out; empty for every other type."""
    kinds = (annotation, *typing.get_args(annotation))
    kinds += tuple(each for kind in kinds for each in typing.get_args(kind))
    for kind in kinds:
        if inspect.isclass(kind) and issubclass(kind, Enum):
            return "|".join(str(each.value) for each in kind)
    return ""


def narrow(context: typer.Context, width: int) -> str:
    """The help of a command for a terminal of so many cells: below each option what it does, without markup."""
    command = context.command
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))
    lines = [*_wrap(command.get_usage(context), width)]
    for paragraph in paragraphs:
        lines += ["", *_wrap(_plain(paragraph), width)]
    title = None
    for each in command.get_params(context):
        record = each.get_help_record(context)
        if record is None:
            continue
        panel = getattr(each, "rich_help_panel", None) or f"{each.param_type_name}s".capitalize()
        if panel != title:
            lines += ["", f"{panel}:"]
        title = panel
        lines += [f"  {line}" for line in _wrap(_plain(record[0]), width - 2)]
        lines += [" " * _INDENT + line for line in _wrap(_plain(record[1]), width - _INDENT)]
    return "\n".join(lines)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _plain(text: str) -> str:
    """Markdown as people read it without."""
    return " ".join(re.sub(r"\*\*|`|\\\\", "", text).split())
