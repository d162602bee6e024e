"""`ocrm55 profile`: what each layer costs on the target."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, stages
from ocrm55.commands.options import Images, TimeLimit, build_options
from ocrm55.report.profile import Sort


@build_options()
def profile(
    options: stages.Options,
    images: Images,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder for the files; otherwise one in the build folder."),
    ] = None,
    sort: Annotated[
        Sort, typer.Option("--sort", help="Order of the table: by execution, or the largest first.")
    ] = Sort.ORDER,
    timeout: TimeLimit = 120,
) -> None:
    """Count what each layer costs while IMAGEs are read on QEMU: instructions, MACs, bytes, and the core's bound.

    A layer's costs do not depend on the picture, so one IMAGE is enough; with --widths, give one for each width.
    Prints a table, and writes profile.csv, profile.json and pictures: instructions.svg (by layer), intensity.svg (MACs
    an instruction over MACs a byte), memory.svg (what lies where on the board) and arena.svg (the arena over time).
    """
    from ocrm55.report import profile as report
    from ocrm55.report.measurement import measure
    from ocrm55.simulators import find_simulator

    measured = measure(images, options, find_simulator("qemu", board=options.board), timeout_s=timeout)
    folder = out or options.folder.root / f"{options.firmware_variant}-profile"
    written = report.write(measured, folder)
    report.show(measured, sort)
    for path in written:
        console.note(f"wrote {path}")
