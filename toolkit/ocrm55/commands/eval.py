"""`ocrm55 eval`: how well a model reads labelled pictures, on the host or on the target."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, stages
from ocrm55.commands.options import FvpPath, SimulatorChoice, SimulatorOption, TimeLimit, build_options
from ocrm55.errors import InputError


class Place(StrEnum):
    """The place where the pictures are read."""

    HOST = "host"
    ONNX = "onnx"
    TARGET = "target"


@build_options()
def eval_(
    options: stages.Options,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]", help="Labelled pictures: a folder with labels.tsv (path, tab, text) or a rec_gt list."
        ),
    ] = None,
    pages: Annotated[
        Path | None,
        typer.Option(
            "--pages",
            metavar="DIR",
            help="Labelled whole pages instead: a folder with pages/NAME.jpg and boxes/NAME.tsv (8 numbers, text).",
        ),
    ] = None,
    detector: Annotated[
        str,
        typer.Option(
            "--detector",
            metavar="DIR|bundled|NAME",
            help="With --pages, the network that finds lines: **bundled**, PaddleOCR's name of one, a model folder or "
            "an .onnx file.",
        ),
    ] = "bundled",
    size: Annotated[
        str,
        typer.Option(
            "--size",
            metavar="WIDTHxHEIGHT",
            help="With --pages, the detector's input in pixels, into which a page is scaled down.",
        ),
    ] = "640x640",
    only: Annotated[
        Path | None, typer.Option("--only", metavar="FILE", help="Take only the pictures that this list names.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Take only the first so many pictures; 0 takes all.")] = 0,
    on: Annotated[
        Place,
        typer.Option(
            "--on", help="Read by Paddle on the **host**, by **onnx** Runtime, or by the firmware on the **target**."
        ),
    ] = Place.HOST,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read, on this machine.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="A Dask scheduler, tcp://HOST:8786, instead of --workers."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Write evaluation.json and mistakes.png there, or pages.*."),
    ] = None,
    simulator: SimulatorOption = SimulatorChoice.AUTO,
    fvp: FvpPath = None,
    timeout: TimeLimit = 120,
) -> None:
    """Read the pictures of DATA. Say how many are right, by length and kind of character, and what is confused.

    With --pages, find the lines of whole pages and read them. Say how many are found and right, by height of text.
    """
    if pages is not None and data is None:
        _eval_pages(options, pages, detector, size, only, limit, on, workers, cluster, output)
        return
    if data is None or pages is not None:
        raise typer.BadParameter("name either DATA or --pages DIR", param_hint="DATA")
    from ocrm55.evaluation import assess
    from ocrm55.simulators import Choice

    words = assess.select(data, only=only, limit=limit)
    chosen = Choice(simulator.value, fvp, options.board)
    spec = assess.reader_spec(on.value, options, simulator=chosen, timeout_s=timeout)
    evaluation = assess.evaluate_with_bar(words, spec, workers=workers, cluster=cluster)
    for title, columns, rows in assess.tables(evaluation):
        console.table(title, columns, rows, right=columns[1:])
        console.result()
    if output:
        about = {"data": str(data), "on": on.value, "source": options.source}
        assess.write(
            output,
            words,
            evaluation,
            **about,
            precision=options.compile.precision,
            variant=options.compile.variant,
            decoder=options.compile.decoder,
        )
        console.note(f"wrote {output / 'evaluation.json'} and {output / 'mistakes.png'}")


def _eval_pages(
    options: stages.Options,
    data: Path,
    detector: str,
    size: str,
    only: Path | None,
    limit: int,
    on: Place,
    workers: int,
    cluster: str | None,
    output: Path | None,
) -> None:
    from ocrm55.evaluation import page_labels, page_specs
    from ocrm55.evaluation import pages as evaluation

    if on != Place.HOST:
        raise InputError(f"Whole pages are not read on `{on.value}` yet.", ["--on host"])
    labelled = page_labels.load_pages(data, only=only, limit=limit)
    spec = page_specs.host_spec(options, detector, page_specs.parse_size(size))
    found = evaluation.evaluate_with_bar(labelled, spec, workers=workers, cluster=cluster)
    for title, columns, rows in evaluation.tables(found):
        console.table(title, columns, rows, right=columns[1:])
        console.result()
    if output:
        about = {"data": str(data), "on": on.value, "detector": detector, "size": size, "recognizer": options.source}
        evaluation.write(output, labelled, found, **about)
        console.note(f"wrote {output / 'pages.json'} and {output / 'pages.png'}")
