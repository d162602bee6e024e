"""Options that several commands share, written once so that they mean and say the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Precision(StrEnum):
    """Arithmetic of the network on the target."""

    INT8 = "int8"
    FLOAT32 = "float32"


class Toolchain(StrEnum):
    """Which compiler builds the firmware."""

    GCC = "gcc"
    CLANG = "clang"


class SimulatorChoice(StrEnum):
    """Which simulator runs the firmware."""

    AUTO = "auto"
    QEMU = "qemu"
    FVP = "fvp"


BuildDir = Annotated[
    Path, typer.Option("--build-dir", metavar="DIR", help="Folder for everything that is made; one folder a model.")
]
Source = Annotated[
    str,
    typer.Option(
        "--source",
        metavar="bundled|pp-ocrv3|DIR|CHECKPOINT",
        help="The recognizer: **bundled**, the official **pp-ocrv3** (fetched), a Paddle inference model folder, "
        "or a .pdparams training checkpoint.",
    ),
]
PrecisionOption = Annotated[Precision, typer.Option("--precision", help="Arithmetic of the network on the target.")]
CalibrateOption = Annotated[
    Path | None,
    typer.Option(
        "--calibrate", metavar="DIR", help="Images to find int8 ranges on; otherwise a bundled set of words and lines."
    ),
]
ArenaLimitOption = Annotated[
    int | None,
    typer.Option(
        "--arena-limit",
        metavar="BYTES",
        min=1,
        help="The most bytes that the arena may take; int8 layers then write over their inputs, chunk by chunk.",
    ),
]
MemoryMapOption = Annotated[
    Path | None,
    typer.Option(
        "--memory-map",
        metavar="FILE",
        help="Memories of another board, as firmware/platform/corstone300/memory.json describes the Corstone-300's.",
    ),
]
KernelsOption = Annotated[
    str,
    typer.Option(
        "--kernels",
        metavar="m55|cmsis-nn|cmsis-nn,m55",
        help="Who computes int8 operators: our own **m55**, **cmsis-nn** for all that it has, or of both, operator by "
        "operator, whoever needs fewer instructions.",
    ),
]
CmsisNnOption = Annotated[
    Path | None,
    typer.Option(
        "--cmsis-nn",
        metavar="PATH|fetch",
        help="CMSIS-NN: a source tree, an installed prefix, or **fetch** for a release off the network; otherwise "
        "CMSIS_NN_ROOT.",
    ),
]
WidthsOption = Annotated[
    str,
    typer.Option(
        "--widths",
        metavar="PIXELS,...",
        help="Widths of the input that one program serves, such as **96,160,320**: a short word takes less work. "
        "int8 only.",
    ),
]
ToolchainOption = Annotated[
    Toolchain,
    typer.Option("--toolchain", help="Compiler of the firmware: the Arm **gcc**, or **clang** with its newlib."),
]
ImageIn = Annotated[
    Path | None,
    typer.Option("--image", metavar="IMAGE", help="Compile a picture in, for a board that no host hands images to."),
]
Force = Annotated[bool, typer.Option("--force", help="Run the stage even if its result is up to date.")]
Images = Annotated[
    list[Path], typer.Argument(metavar="IMAGE...", help="Pictures of one word or line each: PNG, JPEG and others.")
]
SimulatorOption = Annotated[
    SimulatorChoice,
    typer.Option("--simulator", help="**auto** takes the Corstone-300 FVP where one is found, otherwise QEMU."),
]
FvpPath = Annotated[
    Path | None,
    typer.Option("--fvp", metavar="PATH", help="The FVP executable or its folder; otherwise FVP_PATH, then PATH."),
]
TimeLimit = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=1, help="Stop the simulator after this long per image.")
]
