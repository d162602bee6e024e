"""Options that several commands share, written once so that they mean and say the same everywhere."""

from __future__ import annotations

import functools
import inspect
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ocrm55 import boards, libraries, stages
from ocrm55.build_folder import DEFAULT_BUILD_DIR, named
from ocrm55.commands import effect
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets.names import NAMES
from ocrm55.errors import InputError
from ocrm55.restriction import Restriction
from ocrm55.tasks.choice import task_of

NO_NPU = "none"
RESTRICTED_BY = ("allow", "pattern", "lexicon", "check_digits")
CHECK_DIGITS = ("luhn", "ean", "iban", "vin", "iso6346", "mrz")  # as tasks/recognizer/restriction/check_digits.py


class Precision(StrEnum):
    """Arithmetic of the network on the target."""

    INT8 = "int8"
    FLOAT32 = "float32"


class Toolchain(StrEnum):
    """The compiler of the firmware."""

    GCC = "gcc"
    CLANG = "clang"


class Weights(StrEnum):
    """Width of the weights."""

    INT8 = "int8"
    INT4 = "int4"


class Decoder(StrEnum):
    """The decoder, from probabilities to a text."""

    CONTEXT = "context"
    GREEDY = "greedy"


class SimulatorChoice(StrEnum):
    """The simulator that runs the firmware."""

    AUTO = "auto"
    QEMU = "qemu"
    FVP = "fvp"
    NATIVE = "native"


def _restricted_by(option: str) -> Callable[[str | None], str]:
    """What reads such an option. An empty one, as of a script's unset variable, must not let every text pass."""

    def read(given: str | None) -> str:
        if given is not None and not given:
            raise InputError(f"{option} is empty, and would restrict nothing.", [f"leave {option} out"])
        return given or ""

    return read


def _pattern(given: str | None) -> str:
    """A pattern. One that cannot be read with any model's characters is refused before all work."""
    text = _restricted_by("--pattern")(given)
    if text:
        from ocrm55.tasks.recognizer.restriction.patterns import check_pattern

        check_pattern(text, ["", *sorted({*string.printable, *text})])
    return text


def _accelerators() -> Any:
    """The names that --npu takes, as a type."""
    return StrEnum("Npu", {name.upper().replace("-", "_"): name for name in (NO_NPU, *NAMES)})


@dataclass(frozen=True)
class BuildOption:
    """An option that decides what is built: a field of stages.Options or of the options in it, as a user writes it.

    kind: type on the command line. shown: typer.Option(default, "--name", metavar=..., help=...).
    read: turns what the user wrote into what the field holds. usual: whether commands take it without asking.
    """

    kind: Any
    shown: Any
    read: Callable[[Any], Any] = lambda given: given
    usual: bool = True


# Field -> option, in the order of --help. A new option is an entry here and a field of what it decides: stages.Options,
# CompileOptions or BuildOptions. `board` and `memory_map` are one field, the board.
BUILD_OPTIONS: dict[str, BuildOption] = {
    "source": BuildOption(
        str,
        typer.Option(
            "bundled",
            "--model",
            "--source",
            metavar="DIR|bundled|fast|pp-ocrv3|NAME|CHECKPOINT",
            help="The recognizer: a Paddle inference model folder as PaddleOCR exports it, **bundled**, the smaller "
            "**fast** (bundled too), the official English **pp-ocrv3** (fetched), another of PaddleOCR's by its "
            "name, such as PP-OCRv6_tiny_rec (fetched), its .pdparams training checkpoint, any "
            ".onnx file of a recognizer, or the --name of one that `ocrm55 finetune` made.",
        ),
    ),
    "dictionary": BuildOption(
        Path | None,
        typer.Option(
            None,
            "--dict",
            metavar="FILE",
            help="The characters of the model, one a line in the order of its classes, or an inference.yml; otherwise "
            "what the model says of itself.",
        ),
    ),
    "height": BuildOption(
        int | None,
        typer.Option(
            None, "--height", metavar="PIXELS", help="Rows of the input; otherwise as the model's folder says."
        ),
    ),
    "width": BuildOption(
        int | None,
        typer.Option(
            None,
            "--width",
            metavar="PIXELS",
            help="Columns of the input, to which longer lines are squeezed; otherwise as the model's folder says.",
        ),
    ),
    "precision": BuildOption(
        Precision,
        typer.Option(Precision.INT8, "--precision", help="Arithmetic of the network on the target."),
        read=lambda precision: precision.value,
    ),
    "calibrate": BuildOption(
        Path | None,
        typer.Option(
            None,
            "--calibrate",
            metavar="DIR",
            help="Images to find int8 ranges on; otherwise a bundled set of words and lines.",
        ),
    ),
    "widths": BuildOption(
        str,
        typer.Option(
            "",
            "--widths",
            metavar="PIXELS,...",
            help="Widths of the input that one program serves, such as **96,160,320**: a short word takes less work. "
            "int8 only.",
        ),
        read=stages.parse_widths,
    ),
    "arena_limit": BuildOption(
        int | None,
        typer.Option(
            None,
            "--arena-limit",
            metavar="BYTES",
            min=1,
            help="The most bytes that the arena may take; int8 layers then write over their inputs, chunk by chunk, or "
            "run in stripes of rows.",
        ),
    ),
    "kernels": BuildOption(
        str,
        typer.Option(
            libraries.OWN,
            "--kernels",
            metavar="m55|cmsis-nn|cmsis-nn,m55",
            help="Who computes int8 operators: our own **m55**, **cmsis-nn** for all that it has, or of both, operator "
            "by operator, whoever needs fewer instructions.",
        ),
        read=libraries.kernels,
    ),
    "cmsis_nn": BuildOption(
        Path | None,
        typer.Option(
            None,
            "--cmsis-nn",
            metavar="PATH|fetch",
            help="CMSIS-NN: a source tree, an installed prefix, or **fetch** for a release off the network; otherwise "
            "CMSIS_NN_ROOT.",
        ),
        read=libraries.named,
    ),
    "weights": BuildOption(
        Weights,
        typer.Option(
            Weights.INT8,
            "--weights",
            help="**int4**: half the bytes, in as many layers as --int4-max-drop allows; --kernels cmsis-nn only.",
        ),
        read=lambda weights: weights.value,
    ),
    "int4_max_drop": BuildOption(
        float | None,
        typer.Option(
            None,
            "--int4-max-drop",
            metavar="SHARE",
            min=0,
            max=1,
            help="With --weights int4: by how much the mean probability of the calibration images' texts may fall; "
            "otherwise 0.01, one per cent.",
        ),
    ),
    "npu": BuildOption(
        _accelerators(),
        typer.Option(
            NO_NPU,
            "--npu",
            metavar="ethos-u55-32|64|128|256",
            help="Let an Ethos-U55 of so many multiply-accumulates a cycle compute what it can; int8 only.",
        ),
        read=lambda npu: "" if npu == NO_NPU else str(npu),
    ),
    "npu_memory_mode": BuildOption(
        str,
        typer.Option(
            "Shared_Sram",
            "--npu-memory-mode",
            metavar="NAME",
            help="Vela's memory mode: **Shared_Sram** (weights off the chip), **Sram_Only**, or one of --vela-config.",
        ),
    ),
    "vela_config": BuildOption(
        Path | None,
        typer.Option(
            None,
            "--vela-config",
            metavar="FILE",
            help="Vela's configuration (.ini) of your system and its memory modes; otherwise the one that Vela brings.",
        ),
    ),
    "npu_fallback": BuildOption(
        bool,
        typer.Option(
            False, "--npu-fallback", help="Build the core's kernels in too, for a board where the NPU is absent."
        ),
    ),
    "decoder": BuildOption(
        Decoder,
        typer.Option(
            Decoder.CONTEXT,
            "--decoder",
            help="How probabilities become a text: in **context**, by what words, numbers and codes look like, or "
            "**greedy**, each step by itself.",
        ),
        read=lambda decoder: decoder.value,
    ),
    "allow": BuildOption(
        str | None,
        typer.Option(
            None,
            "--allow",
            metavar="CHARACTERS",
            show_default=False,
            help="Texts of these characters only, such as **0-9A-HJ-NPR-Z**.",
        ),
        read=_restricted_by("--allow"),
    ),
    "pattern": BuildOption(
        str | None,
        typer.Option(
            None,
            "--pattern",
            metavar="REGEX",
            show_default=False,
            help="Texts of this pattern only, such as **\\\\d{6}\\\\.\\\\d**: a subset of regular expressions.",
        ),
        read=_pattern,
    ),
    "lexicon": BuildOption(
        Path | None,
        typer.Option(None, "--lexicon", metavar="FILE", help="Only the words of this file, one a line."),
    ),
    "check_digits": BuildOption(
        str | None,
        typer.Option(
            None,
            "--check-digits",
            metavar="|".join(CHECK_DIGITS),
            show_default=False,
            help="Only texts whose check digit of this kind is right.",
        ),
        read=_restricted_by("--check-digits"),
    ),
    "prefix": BuildOption(
        str,
        typer.Option(
            "",
            "--prefix",
            metavar="NAME",
            show_default=False,
            help="The network's name in C, for programs of several; otherwise ocrm55_ and the model's name.",
        ),
        read=stages.parse_prefix,
    ),
    "stepwise": BuildOption(
        bool,
        typer.Option(
            False,
            "--stepwise",
            help="Let the network run step by step in C, for schedulers that cooperate, and be stopped in between.",
        ),
        usual=False,
    ),
    "ethosu_driver": BuildOption(
        Path | None,
        typer.Option(
            None,
            "--ethosu-driver",
            metavar="PATH",
            help="Arm's ethos-u-core-driver, to drive the NPU instead of ours; otherwise ETHOSU_DRIVER_ROOT.",
        ),
    ),
    "board": BuildOption(
        str,
        typer.Option(
            boards.DEFAULT,
            "--board",
            metavar="NAME|DIR",
            help="The board: a folder of firmware/platform, or one of your own with a board.json.",
        ),
    ),
    "memory_map": BuildOption(
        Path | None,
        typer.Option(
            None,
            "--memory-map",
            metavar="FILE",
            help="Other memories than the board's own, in a file like its board.json.",
        ),
    ),
    "image": BuildOption(
        Path | None,
        typer.Option(
            None, "--image", metavar="IMAGE", help="Compile a picture in, for a board that no host hands images to."
        ),
        usual=False,
    ),
    "check": BuildOption(
        bool,
        typer.Option(
            True,
            "--check/--no-check",
            help="End a compilation by comparing what was made with ONNX Runtime on three pictures.",
        ),
    ),
    "toolchain": BuildOption(
        Toolchain,
        typer.Option(
            Toolchain.GCC,
            "--toolchain",
            help="Compiler of the firmware: the Arm **gcc**, or **clang** with its newlib.",
        ),
        read=lambda toolchain: toolchain.value,
    ),
    "build_dir": BuildOption(
        Path,
        typer.Option(
            DEFAULT_BUILD_DIR,
            "--build-dir",
            metavar="DIR",
            help="Folder for everything that is made; one folder a model.",
        ),
    ),
    "force": BuildOption(bool, typer.Option(False, "--force", help="Make everything anew, even what is up to date.")),
}
_PANEL = "What is built"
_Command = Callable[..., None]


def build_options(
    only: Sequence[str] = (), also: Sequence[str] = (), without: Sequence[str] = ()
) -> Callable[[_Command], _Command]:
    """Give a command the options that decide what is built; it takes them as its parameter `options`.

    only: names of BUILD_OPTIONS instead of the usual ones. also, without: names more, or less, than the usual ones.
    """
    usual = [name for name, option in BUILD_OPTIONS.items() if option.usual or name in also]
    chosen = [name for name in (only or usual) if name not in without]

    def wrap(command: _Command) -> _Command:
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for name, parameter in signature.parameters.items() if name != "options"]

        @functools.wraps(command)
        def wrapped(**given: Any) -> None:
            values = {name: BUILD_OPTIONS[name].read(given.pop(name)) for name in chosen}
            options = options_of(values)
            effect.check_built(options)
            command(options=options, **given)

        parameters = [*own, *map(_parameter, chosen)]
        wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapped

    return wrap


def options_of(values: Mapping[str, Any]) -> stages.Options:
    """The options of the stages, of values by the names in BUILD_OPTIONS; what is left out keeps its default.

    Raises InputError for a board that is not there, or whose memories are not described as they should be.
    """
    chosen = dict(values)
    if "board" in chosen or "memory_map" in chosen:
        chosen["board"] = boards.find(chosen.get("board", boards.DEFAULT), chosen.pop("memory_map", None))

    chosen["restriction"] = Restriction(**{name: chosen.pop(name) for name in RESTRICTED_BY if name in chosen})

    def of(kind: type) -> dict[str, Any]:
        return {each.name: chosen[each.name] for each in fields(kind) if each.name in chosen}

    inner = CompileOptions(**of(CompileOptions)), stages.BuildOptions(**of(stages.BuildOptions))
    given = of(stages.Options)
    if "source" in given:
        given["source"] = located(given["source"], given.get("build_dir", DEFAULT_BUILD_DIR))
        given["task"] = task_of(given["source"])
    return stages.Options(**given, compile=inner[0], build=inner[1])


def located(source: str, build_dir: Path) -> str:
    """A model as the user named it, or the folder of one that `ocrm55 finetune` made under this name."""
    folder = named(build_dir, source)
    is_name = Path(source).name == source and source not in task_of(source).models
    return str(folder) if is_name and not Path(source).exists() and folder.is_dir() else source


def _parameter(name: str) -> inspect.Parameter:
    option = BUILD_OPTIONS[name]
    option.shown.rich_help_panel = _PANEL
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option.shown, annotation=option.kind)


Images = Annotated[
    list[Path], typer.Argument(metavar="IMAGE...", help="Pictures of one word or line each: PNG, JPEG and others.")
]
SimulatorOption = Annotated[
    SimulatorChoice,
    typer.Option(
        "--simulator",
        help="**auto** takes the Corstone-300 FVP where one is found, otherwise QEMU. **native** runs the same C on "
        "this computer: the same bits in int8, far faster than QEMU, and no counts of instructions.",
    ),
]
FvpPath = Annotated[
    Path | None,
    typer.Option("--fvp", metavar="PATH", help="The FVP executable or its folder; otherwise FVP_PATH, then PATH."),
]
TimeLimit = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=1, help="Stop the simulator after this long per image.")
]
SECONDS = 120.0  # of an image, where the user gives no limit
# Of commands that read words or whole pages, which take longer.
AnyTimeLimit = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=1,
        help="Stop the simulator after this long per image; usually 120, and 600 per page.",
        show_default=False,
    ),
]
