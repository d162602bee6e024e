"""`ocrm55 compare-board`: cycles that a board measured, beside the estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, plain_json, stages
from ocrm55.commands.options import TimeLimit, build_options


@build_options()
def compare_board(
    options: stages.Options,
    log: Annotated[Path, typer.Argument(metavar="LOG", help="What the board's UART printed, from reset on.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    timeout: TimeLimit = 120,
) -> None:
    """Put the cycles in a board's LOG beside the estimate, operator by operator.

    The firmware prints them with stats=1 on a core that counts cycles (DWT), with stalls where it has a PMU. Give the
    options that it was built with. The estimate comes from QEMU, which reads a blank picture: no layer's work depends
    on the picture. Send us the log: it tells all of us how wrong the estimate is.
    """
    from ocrm55.artifact import Artifact
    from ocrm55.report import board as report
    from ocrm55.report.layers import layers
    from ocrm55.report.measurement import estimated_blank
    from ocrm55.simulators import find_simulator

    report.check_log(log)  # refuse a wrong log before anything is built
    simulator = find_simulator("qemu", board=options.board)
    prepared = stages.prepare(options)
    metadata = Artifact.read(prepared.artifact).metadata
    measured = report.read_log(log, metadata)
    found = estimated_blank(prepared, simulator, measured.width, timeout_s=timeout)
    compared = report.rows(layers(metadata.at_width(measured.width)), measured, found)
    if as_json:
        console.result(plain_json.text(report.values(compared, measured, found)))
    else:
        report.show(compared, measured, found)
