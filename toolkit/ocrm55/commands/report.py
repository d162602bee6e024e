"""`ocrm55 report`: everything about a run on one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, stages
from ocrm55.commands.options import FvpPath, Images, SimulatorChoice, SimulatorOption, TimeLimit, build_options


@build_options()
def report(
    options: stages.Options,
    images: Images,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The page, FILE.html; otherwise one in the build folder."),
    ] = None,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(
            "--evaluation",
            metavar="PATH",
            help="An evaluation.json of `ocrm55 eval --output`, or its folder; otherwise those in the build folder.",
        ),
    ] = None,
    simulator: SimulatorOption = SimulatorChoice.QEMU,
    fvp: FvpPath = None,
    timeout: TimeLimit = 120,
) -> None:
    """Read IMAGEs on the simulated board and write a page about it: texts, alignment, layers, memory, versions.

    The page is one HTML file. It needs no other file, no network and no JavaScript.
    """
    from ocrm55.report import accuracy, page
    from ocrm55.report.measurement import measure
    from ocrm55.report.versions import versions
    from ocrm55.simulators import find_simulator

    accuracies = accuracy.collect(evaluation or [], options.folder.root)
    board = find_simulator(simulator.value, fvp, options.board)
    measured = measure(images, options, board, want_probabilities=True, timeout_s=timeout)
    destination = out or options.folder.root / f"{options.firmware_variant}-report.html"
    page.write(
        measured,
        destination,
        charset=measured.metadata.labels,
        accuracies=accuracies,
        versions=versions(measured, options.build.toolchain),
    )
    console.result(str(destination))
