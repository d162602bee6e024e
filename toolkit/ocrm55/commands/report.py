"""`ocrm55 report`: everything about a run on one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocrm55 import console, files, stages
from ocrm55.commands import effect
from ocrm55.commands.options import (
    SECONDS,
    AnyTimeLimit,
    FvpPath,
    Images,
    SimulatorChoice,
    SimulatorOption,
    build_options,
)
from ocrm55.commands.page_options import DetectorOption, PageFlag, SizeOption, page_options
from ocrm55.commands.run_fvp import check_counts

if TYPE_CHECKING:
    from ocrm55.page.program import PageOptions


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
    cycles: Annotated[
        bool, typer.Option("--cycles", help="Estimate each layer's cycles on a Cortex-M55 too, on QEMU.")
    ] = False,
    timeout: AnyTimeLimit = None,
    page: PageFlag = False,
    detector: DetectorOption = "bundled",
    size: SizeOption = "320x320",
) -> None:
    """Read IMAGEs on the simulated board and write a page about it: texts, alignment, layers, memory, versions.

    The page is one HTML file. It needs no other file, no network and no JavaScript.
    With --page it shows whole pages: boxes, the detector's map, each crop with its alignment, costs by stage.
    """
    from ocrm55.report import accuracy
    from ocrm55.report import page as html
    from ocrm55.report.measurement import estimated, measure
    from ocrm55.report.versions import versions
    from ocrm55.simulators import find_simulator

    files.check_place(out)
    effect.check_simulator(simulator.value, options)
    if not page:
        effect.refuse("without --page", ["detector", "size"], "--page")
    else:
        effect.refuse("with --page", ["cycles", "evaluation"])
        destination = out or options.folder.root / "pages-report.html"
        _report_pages(images, page_options(options, detector, size), simulator, fvp, timeout, destination)
        console.result(str(destination))
        return
    accuracies = accuracy.collect(evaluation or [], options.folder.root)
    board = find_simulator(simulator.value, fvp, options.board)
    check_counts(board, True)
    measured = measure(
        images, options, board, want_probabilities=True, want_confidence=True, timeout_s=timeout or SECONDS
    )
    found = None
    if cycles:
        found = estimated(measured, options, find_simulator("qemu", board=options.board), timeout_s=timeout or SECONDS)
    destination = out or options.folder.root / f"{options.firmware_variant}-report.html"
    html.write(
        measured,
        destination,
        charset=measured.metadata.labels,
        accuracies=accuracies,
        versions=versions(measured, options.build.toolchain),
        cycles=found,
    )
    console.result(str(destination))


def _report_pages(
    paths: list[Path],
    options: PageOptions,
    simulator: SimulatorChoice,
    fvp: Path | None,
    timeout: float | None,
    destination: Path,
) -> None:
    from ocrm55.page import host, program, read
    from ocrm55.report import whole_page
    from ocrm55.simulators import find_simulator

    host.check(options)
    pictures = read.load(paths)
    board = find_simulator(simulator.value, fvp, options.recognizer.board)
    check_counts(board, True)
    prepared = program.prepare(options)
    limit = timeout or read.SECONDS_PER_PAGE
    runs = read.run(pictures, prepared, board, stats=True, want_maps=True, want_confidence=True, timeout_s=limit)
    whole_page.write(prepared, runs, destination)
