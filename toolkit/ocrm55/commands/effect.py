"""Options that would have no effect beside others are refused: nobody shall believe that they had one."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import typer
from typer.core import TyperCommand

from ocrm55 import stages
from ocrm55.commands import help_text
from ocrm55.errors import InputError, can_be_tried

# Parameter -> names of the option, of what the user wrote on the command line, even if it holds without that.
_WRITTEN: ContextVar[Mapping[str, tuple[str, ...]]] = ContextVar("_WRITTEN", default={})  # noqa: B039
_KNOWN: ContextVar[frozenset[str] | None] = ContextVar("_KNOWN", default=None)  # all options of the command that runs
_PATHS = re.compile(r"\b(DIR|FILE|PATH|IMAGE|PAGE|DATA|LOG|A|B)\b")  # how a command names what is a path
_LEFT_OUT = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_OF_NPU = ("npu_memory_mode", "vela_config", "npu_fallback", "ethosu_driver")
_OF_INT8 = ("calibrate", "kernels")
# What decides neither a model in float nor how its output is read.
_OF_C = (
    *("calibrate", "arena_limit", "kernels", "cmsis_nn", "weights", "int4_max_drop", "npu", *_OF_NPU),
    *("prefix", "stepwise", "board", "memory_map", "image", "check", "toolchain"),
)


class Command(TyperCommand):
    """A command that knows which of its options the user wrote. Its help fits narrow terminals too."""

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        width = shutil.get_terminal_size().columns
        if width < help_text.NARROW:
            formatter.write(help_text.narrow(ctx, max(width, help_text.NARROWEST)) + "\n")
        else:
            super().format_help(ctx, formatter)

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """As of the base; an empty path, as of a script's unset variable, must not be the working directory."""
        options = {name: each for each in self.params for name in each.opts if each.param_type_name == "option"}
        arguments = [each for each in self.params if each.param_type_name == "argument"]
        for before, word in itertools.pairwise(["", *args]):
            name, equals, value = word.partition("=")
            taker = options.get(before) if not word else options.get(name) if equals and not value else None
            if not word and (taker is None or getattr(taker, "is_flag", False)):
                taker = next(iter(arguments), None)
            if taker is not None and _PATHS.search(str(taker.metavar)):
                named = taker.opts[0] if taker in options.values() else taker.metavar
                raise typer.BadParameter("it is empty.", ctx=ctx, param_hint=f"'{named}'")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        sources = {each: ctx.get_parameter_source(each.name) for each in self.params if each.name}
        written = _WRITTEN.set(
            {
                str(each.name): tuple(each.opts)
                for each, source in sources.items()
                if source is not None and source.name == "COMMANDLINE" and each.param_type_name == "option"
            }
        )
        options = frozenset(name for each in self.params for name in (*each.opts, *each.secondary_opts))
        known = _KNOWN.set(None if ctx.ignore_unknown_options else options)
        try:
            return super().invoke(ctx)
        finally:
            _WRITTEN.reset(written)
            _KNOWN.reset(known)


def is_written(parameter: str) -> bool:
    """Whether the user wrote this option of the command that runs."""
    return parameter in _WRITTEN.get()


def advice(tries: Sequence[str]) -> list[str]:
    """The things to try that can be done: no option that only others have, none to be left out that is not there."""
    known = _KNOWN.get()
    return [each for each in tries if known is None or (can_be_tried(each, known) and not _is_left_out(each))]


def _is_left_out(attempt: str) -> bool:
    """Whether all options that a thing to try leaves out are left out already."""
    named = _LEFT_OUT.findall(attempt) if attempt.startswith("leave ") else []
    return bool(named) and not set(named) & {name for each in _WRITTEN.get().values() for name in each}


def refuse(why: str, parameters: Sequence[str], *tries: str) -> None:
    """Raise InputError for the first of these options that the user wrote.

    why: when they have no effect, such as `without --page`. tries: what else may be meant.
    """
    for parameter in parameters:
        if is_written(parameter):
            option = _WRITTEN.get()[parameter][0]
            raise InputError(f"{option} has no effect {why}.", [*tries, f"leave {option} out"])


def check_built(options: stages.Options) -> None:
    """Of the options that decide what is built. Raises InputError."""
    chosen = options.compile
    if not chosen.npu:
        refuse("without --npu", _OF_NPU, "--npu ethos-u55-128")
    if chosen.precision == "float32":
        refuse("on a network in float32", _OF_INT8, "--precision int8")
    if options.task.name == "detector":
        refuse("on a detector, which gives no text", ["decoder"])


def check_simulator(name: str, options: stages.Options) -> None:
    """Of the options that say what runs a program. name: of the simulator. Raises InputError."""
    if name in ("qemu", "native"):
        refuse(f"with --simulator {name}", ["fvp"], "--simulator fvp")
    elif "fvp" not in options.board.machines:
        refuse(f"on the board {options.board.name}, which the FVP is not", ["fvp"])
    if name == "native":
        refuse("on a program of this computer, whose own compiler builds it", ["toolchain"])


def check_float_on_host(options: stages.Options) -> None:
    """Of an evaluation by the model itself, in float on the host, for which nothing is compiled. Raises InputError."""
    if options.compile.precision == "int8":
        refuse("on the host, where the model is read in float", ["precision"], "--on reference")
    refuse("on the host, where no C is made", _OF_C, "--on reference")
