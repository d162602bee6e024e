"""The arguments of `tvmc compile` as TVMC 0.9 to 0.18 documented them, and their present meaning.

There are three tables: arguments that are used, arguments that are accepted without effect, and arguments that are
refused with a replacement. The parser, the help text and the tests are made from them.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ocrm55.errors import InputError, UnsupportedError


@dataclass(frozen=True)
class Idle:
    """An argument that is accepted and changes nothing. reason: the line that is printed for it."""

    flags: tuple[str, ...]
    reason: str
    nargs: str | int | None = None


@dataclass(frozen=True)
class Refused:
    """An argument for a missing feature. sentence: the reason. instead: what to use."""

    flags: tuple[str, ...]
    sentence: str
    instead: str
    nargs: str | int | None = None


USED: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (
        ("--target",),
        {
            "metavar": "TARGETS",
            "help": "`c`, `cmsis-nn,c` or `ethos-u,cmsis-nn,c`: all of them give C for a Cortex-M with this project's "
            "own kernels, but see --kernels; with ethos-u, an Ethos-U55 computes what it can of an int8 model; one "
            "line names what a target of the list does not do",
        },
    ),
    (
        ("--kernels",),
        {
            "metavar": "KERNELS",
            "default": "m55",
            "help": "an argument of ocrm55's own: with cmsis-nn in the target list and an int8 model, `cmsis-nn` calls "
            "that library wherever it can, `cmsis-nn,m55` where that takes fewer instructions; by default `m55`, this "
            "project's kernels and no library",
        },
    ),
    (
        ("--model-format",),
        {
            "metavar": "FORMAT",
            "help": "`paddle` or `onnx`; known from the file's name when left out",
        },
    ),
    (
        ("--input-shapes",),
        {
            "metavar": "SHAPES",
            "help": "static shapes for inputs that leave theirs open: `x:[1,3,32,320]`, several with blanks between",
        },
    ),
    (
        ("--module-name",),
        {
            "metavar": "NAME",
            "default": "default",
            "help": "the NAME in tvmgen_NAME.h and tvmgen_NAME_run; `default` when left out",
        },
    ),
    (
        ("-o", "--output"),
        {
            "metavar": "TAR",
            "default": "module.tar",
            "help": "the archive to write; `module.tar` when left out",
        },
    ),
    (("-f", "--output-format"), {"metavar": "FORMAT", "help": "`mlf`, Model Library Format (`so` is refused)"}),
    (("--runtime",), {"metavar": "RUNTIME", "help": "`crt`, the C runtime (`cpp` is refused)"}),
    (("--executor",), {"metavar": "EXECUTOR", "help": "`aot`, ahead of time (`graph` is refused)"}),
    (("--executor-aot-interface-api",), {"metavar": "API", "help": "`c`, a header with structs (`packed` is refused)"}),
    (("--executor-aot-unpacked-api",), {"metavar": "0|1", "help": "`1`, plain C arguments (`0` is refused)"}),
    (
        ("--executor-aot-workspace-byte-alignment",),
        {"metavar": "BYTES", "help": "up to 16, which is what the workspace has"},
    ),
    (("--executor-aot-constant-byte-alignment",), {"metavar": "BYTES", "help": "up to 16, which is what weights have"}),
    (
        ("--pass-config",),
        {
            "metavar": "KEY=VALUE",
            "action": "append",
            "default": [],
            "help": "`tir.usmp.enable=1` puts the workspace into the generated C, in the section .bss.noinit.tvm; "
            "without it the program hands it over (TVMPlatformMemoryAllocate). The others have no effect",
        },
    ),
    (
        ("--workspace-pools",),
        {
            "metavar": "NAME",
            "help": "the run function takes the workspace as a pointer: struct tvmgen_NAME_workspace_pools; one pool",
        },
    ),
    (
        ("--workspace-pools-size-hint-bytes",),
        {"metavar": "POOL:BYTES", "help": "the pool's size: a workspace that is larger is refused"},
    ),
    (
        ("--dump-offloads",),
        {"metavar": "FILE", "help": "list which target took which operator; `-` lists it on the terminal"},
    ),
    (
        ("--no-check",),
        {
            "action": "store_true",
            "help": "an argument of ocrm55's own: do not end by comparing the C with ONNX Runtime on three inputs",
        },
    ),
    (("-v", "--verbose"), {"action": "count", "default": 0, "help": "show what external commands print"}),
]

TARGET_OPTIONS = [
    ("c", "mcpu", "`cortex-m55`, for which the kernels are written; another cortex-m gets their portable C"),
    ("cmsis-nn", "mcpu", "the same, for a target list with cmsis-nn"),
    ("ethos-u", "accelerator_config", "`ethos-u55-128` and its like, for a target list with ethos-u"),
]

# TVMC's arguments about a pool of memory.
_POOL = [
    "size-hint-bytes",
    "target-access",
    "clock-frequency-hz",
    "read-bandwidth-bytes-per-cycle",
    "write-bandwidth-bytes-per-cycle",
    "read-latency-cycles",
    "write-latency-cycles",
    "target-burst-bytes",
]

IDLE = [
    Idle(("--desired-layout",), "inputs and outputs keep the model's layout; each kernel packs its own weights", "+"),
    Idle(
        ("--desired-layout-ops",), "each kernel packs its own weights, so no operator's layout is chosen by hand", "+"
    ),
    Idle(("-O", "--opt-level"), "there is one way to compile; the optimisation that counts is your C compiler's"),
    Idle(("--disabled-pass",), "TVM's passes of that time are gone, so none is left to disable"),
    Idle(("--tuning-records",), "schedules are this project's own, nothing is tuned"),
    Idle(("--cross-compiler",), "the archive holds C, which your Makefile compiles"),
    Idle(("--cross-compiler-options",), "the archive holds C, which your Makefile compiles"),
    Idle(("--dump-code",), "the archive holds the C, and the compiled model as ONNX in src/"),
    Idle(("--print-pass-times",), "TVM's passes of that time are gone", 0),
    Idle(("--print-ir-before",), "TVM's passes of that time are gone"),
    Idle(("--print-ir-after",), "TVM's passes of that time are gone"),
    Idle(("--executor-aot-link-params",), "weights are always constants of the generated C"),
    Idle(("--runtime-crt-system-lib",), "the run function is called by name, so there is no registry of functions"),
    Idle(("--workspace-pools-target-access",), "the CPU reads and writes the one pool"),
    *(
        Idle((f"--workspace-pools-{what}",), "nothing is scheduled by the speed of memories")
        for what in _POOL
        if what not in ("size-hint-bytes", "target-access")
    ),
]

_INT8 = "quantise the model to int8 (ONNX Runtime's quantize_static, QDQ) and compile that"

REFUSED = [
    Refused(("--mixed-precision",), "there is no float16 arithmetic", _INT8, 0),
    Refused(("--mixed-precision-ops",), "there is no float16 arithmetic", _INT8, "+"),
    Refused(("--mixed-precision-calculation-type",), "there is no float16 arithmetic", _INT8),
    Refused(("--mixed-precision-acc-type",), "there is no float16 arithmetic", _INT8),
    Refused(("--use-vm",), "the virtual machine needs a heap and an operating system", "--executor=aot", 0),
    Refused(("--target-host",), "the generated C runs on the target itself", "leave it out"),
    Refused(("--executor-graph-link-params",), "the graph executor needs a heap", "--executor=aot"),
    Refused(("--runtime-cpp-system-lib",), "the C++ runtime needs an operating system", "--runtime=crt"),
    *(
        Refused(
            (f"--constant-pools{what}",),
            "weights lie in the section .rodata.tvm",
            "place that section in the linker script",
        )
        for what in ("", *(f"-{each}" for each in _POOL))
    ),
]

_TARGET_OPTION = re.compile(
    r"--target-(?P<kind>cmsis-nn|ethos-u|[a-z0-9]+)-(?P<option>[A-Za-z0-9_-]+)=(?P<value>.*)", re.S
)

DESCRIPTION = """\
Compile a Paddle or ONNX model to C for a Cortex-M, in TVM's Model Library Format. The command line is that of TVMC
0.9 to 0.18; the compiler behind it is ocrm55's. A program written for TVM's C interface needs no change:

  #include <tvmgen_rec.h>
  struct tvmgen_rec_inputs inputs = {.x = image};
  struct tvmgen_rec_outputs outputs = {.output = probabilities};
  tvmgen_rec_run(&inputs, &outputs);
"""

EXAMPLE = """\
example, in an empty folder:
  {prog} --target=cmsis-nn,c --target-c-mcpu=cortex-m55 --runtime=crt --executor=aot \\
      --executor-aot-interface-api=c --executor-aot-unpacked-api=1 --pass-config tir.usmp.enable=1 \\
      --output-format=mlf --module-name=rec --input-shapes x:[1,3,48,320] --output=rec.tar model/inference.json
  tar -xf rec.tar
  arm-none-eabi-gcc -mcpu=cortex-m55 -mfloat-abi=hard -O2 -Icodegen/host/include -c codegen/host/src/*.c
"""


class Parser(argparse.ArgumentParser):
    """A parser that raises InputError where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"tvmc: {message}.", [f"{self.prog} --help"])

    @property
    def flags(self) -> list[str]:
        """All arguments that it knows, refused ones too."""
        return [flag for action in self._actions for flag in action.option_strings]


def parser(prog: str) -> Parser:
    """The parser of `compile`. Arguments without effect and refused ones are stored under their first flag, as a
    list.
    """
    command = Parser(
        prog=prog,
        usage=f"{prog} [arguments] FILE",
        description=DESCRIPTION,
        epilog=EXAMPLE.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument(
        "FILE", help="the model: inference.pdmodel or inference.json of Paddle with the weights beside it, or .onnx"
    )
    used = command.add_argument_group("used")
    for flags, options in USED:
        used.add_argument(*flags, **options)
    # Only for the help text; split_target_options removes them before the parser runs.
    for kind, option, text in TARGET_OPTIONS:
        used.add_argument(f"--target-{kind}-{option}", metavar=option.upper(), help=text)
    idle = command.add_argument_group("accepted, without effect")
    for each in IDLE:
        _add(idle, each.flags, each.nargs, each.reason)
    refused = command.add_argument_group("refused, with what to use instead")
    for other in REFUSED:
        _add(refused, other.flags, other.nargs, f"{other.sentence}; instead: {other.instead}")
    return command


def _add(group: Any, flags: Sequence[str], nargs: str | int | None, text: str) -> None:
    options: dict[str, Any] = {"help": text.replace("%", "%%"), "dest": flags[0]}
    if nargs == 0:
        group.add_argument(*flags, action="store_const", const="", **options)
    else:
        group.add_argument(*flags, metavar="VALUE", nargs=nargs, **options)


def split_target_options(arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Remove `--target-KIND-OPTION=VALUE` from a command line; return the rest, and (kind, option, value) of each.

    TVMC had one such argument for every option of every target that TVM knew.
    """
    left: list[str] = []
    found: list[tuple[str, str, str]] = []
    known = {flag for each in REFUSED for flag in each.flags}
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word.startswith("--target-") and word.partition("=")[0] not in known:
            if "=" not in word and waiting:
                word = f"{word}={waiting.pop(0)}"
            match = _TARGET_OPTION.fullmatch(word)
            if match is None:
                raise InputError(
                    f"tvmc: {word} is not of the form --target-KIND-OPTION=VALUE.", ["--target-c-mcpu=cortex-m55"]
                )
            found.append((match["kind"], match["option"], match["value"]))
        else:
            left.append(word)
    return left, found


def parse(arguments: Sequence[str], prog: str) -> tuple[argparse.Namespace, list[str]]:
    """The values of a command line of `compile`, and a line for each argument without effect.

    `targets` of the namespace holds (kind, option, value) of every --target-KIND-OPTION.
    Raises InputError for an argument that TVMC did not know either, UnsupportedError for a refused one.
    """
    left, targets = split_target_options(arguments)
    command = parser(prog)
    values, unknown = command.parse_known_args(left)
    if unknown:
        near = difflib.get_close_matches(unknown[0].partition("=")[0], command.flags, 1)
        raise InputError(f"tvmc compile has no argument {unknown[0]}.", [*near, f"{prog} --help"])
    for refused in REFUSED:
        if getattr(values, refused.flags[0]) is not None:
            raise UnsupportedError(f"{refused.flags[0]}: {refused.sentence}.", [refused.instead])
    remarks = [f"{idle.flags[-1]}: {idle.reason}" for idle in IDLE if getattr(values, idle.flags[0]) is not None]
    values.targets = targets
    return values, remarks
