"""`ocrm55 profile`: what each layer costs on the target."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, stages
from ocrm55.commands.options import (
    ArenaLimitOption,
    BuildDir,
    CalibrateOption,
    Precision,
    PrecisionOption,
    Source,
    TimeLimit,
    Toolchain,
    ToolchainOption,
)
from ocrm55.report.profile import Sort
from ocrm55.workspace import DEFAULT_BUILD_DIR


def profile(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="A picture of one word or line: PNG, JPEG and others.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder for the files; otherwise one in the build folder."),
    ] = None,
    sort: Annotated[
        Sort, typer.Option("--sort", help="Order of the table: that of execution, or the largest first.")
    ] = Sort.ORDER,
    source: Source = "bundled",
    precision: PrecisionOption = Precision.INT8,
    calibrate: CalibrateOption = None,
    arena_limit: ArenaLimitOption = None,
    toolchain: ToolchainOption = Toolchain.GCC,
    timeout: TimeLimit = 120,
    build_dir: BuildDir = DEFAULT_BUILD_DIR,
) -> None:
    """Count what each layer costs while IMAGE is read on QEMU: instructions, MACs, bytes, and the core's bound.

    Prints a table, and writes profile.csv, profile.json and pictures: instructions.svg (by layer), intensity.svg (MACs
    an instruction over MACs a byte), memory.svg (what lies where on the board) and arena.svg (the arena over time).
    """
    from ocrm55.report import profile as report
    from ocrm55.report.measurement import measure

    options = stages.Options(
        build_dir=build_dir,
        source=source,
        precision=precision.value,
        calibrate=calibrate,
        arena_limit=arena_limit,
        toolchain=toolchain.value,
    )
    measured = measure([image], options, timeout_s=timeout)
    folder = out or options.workspace.root / f"{options.firmware_variant}-profile"
    written = report.write(measured, folder)
    report.show(measured, sort)
    for path in written:
        console.note(f"wrote {path}")
