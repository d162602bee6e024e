"""`ocrm55 profile`: what each layer costs on the target."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, files, plain_json, stages
from ocrm55.commands import effect
from ocrm55.commands.about import about
from ocrm55.commands.options import Images, TimeLimit, build_options
from ocrm55.errors import InputError
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
    cycles: Annotated[
        bool, typer.Option("--cycles", help="Estimate each layer's cycles on a Cortex-M55 too, from the first IMAGE.")
    ] = False,
    clock: Annotated[
        float | None,
        typer.Option("--clock", metavar="MHZ", min=0.001, help="With --cycles: say milliseconds at this clock."),
    ] = None,
    graph: Annotated[
        bool, typer.Option("--graph", help="Write the network with its costs for Model Explorer and Netron too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the tables.")] = False,
    timeout: TimeLimit = 120,
) -> None:
    """Count what each layer costs while IMAGEs are read on QEMU: instructions, MACs, bytes, and the core's bound.

    A layer's costs do not depend on the picture, so one IMAGE is enough; with --widths, give one for each width.
    Prints a table, and writes profile.csv, profile.json and pictures: instructions.svg (by layer), intensity.svg (MACs
    an instruction over MACs a byte), memory.svg (what lies where on the board) and arena.svg (the arena over time).
    With --graph it writes graph.json and overlay_*.json for Model Explorer, and graph.onnx for Netron (no weights).
    With --cycles it estimates what each layer takes a Cortex-M55, as a range; docs/cycles.md says how good that is.
    """
    files.check_place(out, folder=True)
    if clock is not None and not cycles:
        raise InputError("--clock says at which clock cycles are milliseconds, so it needs --cycles.", ["add --cycles"])
    effect.refuse("with --json", ["sort"] if as_json else ())
    effect.refuse("with --cycles, whose table is in the order of execution", ["sort"] if cycles else ())
    from ocrm55.report import cycles as in_cycles
    from ocrm55.report import graph as in_graph
    from ocrm55.report import profile as report
    from ocrm55.report.measurement import estimated, measure
    from ocrm55.simulators import find_simulator

    simulator = find_simulator("qemu", board=options.board)
    measured = measure(images, options, simulator, timeout_s=timeout)
    found = estimated(measured, options, simulator, timeout_s=timeout) if cycles else None
    folder = out or options.folder.root / f"{options.firmware_variant}-profile"
    extra = {} if found is None else {"cycles": in_cycles.values(measured.layers, found, clock)}
    with files.atomic_files(folder) as staging:
        written = report.write(measured, staging, extra)
        if graph:
            costs = extra["cycles"]["layers"] if extra else None
            written += in_graph.write(measured.metadata, measured.layers, staging, costs)
    if as_json:
        found_values = report.as_values(measured) | extra
        console.result(plain_json.text(about(options) | found_values))
    elif found is not None:
        in_cycles.show(measured.layers, found, clock)
    else:
        report.show(measured, sort)
    for path in written:
        console.note(f"wrote {folder / path.name}")
