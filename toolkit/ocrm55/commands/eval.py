"""`ocrm55 eval`: how well a model reads labelled pictures, on the host or on the target."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, stages
from ocrm55.commands.options import FvpPath, SimulatorChoice, SimulatorOption, TimeLimit, build_options


class Place(StrEnum):
    """The place where the pictures are read."""

    HOST = "host"
    ONNX = "onnx"
    TARGET = "target"


@build_options()
def eval_(
    options: stages.Options,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="Labelled pictures: a folder with labels.tsv (path, tab, text) or a rec_gt list."
        ),
    ],
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
        typer.Option("--output", "-o", metavar="DIR", help="Write evaluation.json and mistakes.png there."),
    ] = None,
    simulator: SimulatorOption = SimulatorChoice.AUTO,
    fvp: FvpPath = None,
    timeout: TimeLimit = 120,
) -> None:
    """Read the pictures of DATA. Say how many are right, by length and kind of character, and what is confused."""
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
