"""`ocrm55 eval`: how well a model reads labelled pictures, on the host or on the target."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocrm55 import console, files, plain_json, stages
from ocrm55.commands import effect
from ocrm55.commands.about import about
from ocrm55.commands.options import (
    SECONDS,
    AnyTimeLimit,
    FvpPath,
    Precision,
    SimulatorChoice,
    SimulatorOption,
    build_options,
)
from ocrm55.commands.page_options import DetectorOption, SizeOption, page_options
from ocrm55.errors import InputError
from ocrm55.restriction import UNRESTRICTED

if TYPE_CHECKING:
    from ocrm55.page.program import PageOptions
    from ocrm55.simulators import Choice


class Place(StrEnum):
    """The place where the pictures are read."""

    HOST = "host"
    ONNX = "onnx"
    REFERENCE = "reference"
    NATIVE = "native"
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
    detector: DetectorOption = "bundled",
    size: SizeOption = "640x640",
    only: Annotated[
        Path | None, typer.Option("--only", metavar="FILE", help="Take only the pictures that this list names.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Take only the first so many pictures; 0 takes all.")] = 0,
    on: Annotated[
        Place | None,
        typer.Option(
            "--on",
            show_default=False,
            help="Read in float by Paddle on the **host**, by **onnx** Runtime, in int8 by the integer **reference** "
            "on the host, every bit as the target, by the firmware's C on this computer (**native**), or by the "
            "firmware on the **target**; without it an int8 model by the reference, and a float32 one on the host. "
            "Pages: in float on the **host**, as without it, with the detector in int8 (**onnx**), with the target's "
            "own steps in int8 (**reference**), or by the firmware as before.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default=False,
            help="Processes that read, on this machine; the reference and native take one a core.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="A Dask scheduler, tcp://HOST:8786, instead of --workers."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Write evaluation.json, mistakes.png and accepted.svg there, or pages.*.",
        ),
    ] = None,
    reject: Annotated[
        float | None,
        typer.Option(
            "--reject", metavar="P", min=0, max=1, help="Count texts apart that are right with a probability under P."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the tables.")] = False,
    simulator: SimulatorOption = SimulatorChoice.AUTO,
    fvp: FvpPath = None,
    timeout: AnyTimeLimit = None,
) -> None:
    """Read the pictures of DATA. Say how many are right, by length and kind of character, and what is confused.

    It says first what read them, and how fast. It also names the calibrated probability from which on texts can be
    accepted with 0.1, 1 and 5 % of them wrong.

    With --pages, find the lines of whole pages and read them. Say how many are found and right, by height of text.
    """
    from ocrm55.evaluation import assess
    from ocrm55.page.read import SECONDS_PER_PAGE
    from ocrm55.simulators import Choice

    files.check_place(output, folder=True)
    chosen = Choice(simulator.value, fvp, options.board)
    of_words = Place.REFERENCE if options.compile.precision == Precision.INT8 else Place.HOST
    place = on or (of_words if pages is None else Place.HOST)
    _check_effects(pages is not None, place, options, simulator, cluster)
    if pages is not None and options.compile.restriction != UNRESTRICTED:
        raise InputError(
            "whole pages are evaluated without a restriction of texts.", ["leave --allow and its like out"]
        )
    if pages is not None and data is None:
        both, limit_s = page_options(options, detector, size), timeout or SECONDS_PER_PAGE
        _eval_pages(both, pages, place, chosen, limit_s, only, limit, workers or 1, cluster, output, as_json)
        return
    if data is None or pages is not None:
        raise typer.BadParameter("name either DATA or --pages DIR", param_hint="DATA")
    words = assess.select(data, only=only, limit=limit)
    count = workers or (assess.cores() if place in (Place.REFERENCE, Place.NATIVE) else 1)
    spec = assess.reader_spec(place.value, options, simulator=chosen, timeout_s=timeout or SECONDS)
    evaluation = assess.evaluate_with_bar(words, spec, workers=count, cluster=cluster)
    ran = assess.what_ran(place.value, options, evaluation, None if cluster else count)
    chosen_values = {"decoder": options.compile.decoder, "variant": options.compile.variant}
    values = {"data": str(data), "on": place.value, "source": options.source, "ran": ran}
    values |= {"precision": options.compile.precision, **chosen_values}
    if as_json:
        console.result(plain_json.text(evaluation.as_values(**about(options), **values)))
    else:
        console.result(ran)
        for title, columns, rows in [*assess.tables(evaluation), *assess.acceptance_tables(evaluation, reject)]:
            console.result()
            console.table(title, columns, rows, right=columns[1:])
    if output:
        assess.write(output, words, evaluation, **about(options), **values)
        console.note(f"wrote {output / 'evaluation.json'}, {output / 'mistakes.png'} and {output / 'accepted.svg'}")


def _check_effects(
    pages: bool, place: Place, options: stages.Options, simulator: SimulatorChoice, cluster: str | None
) -> None:
    """Refuse options that would have no effect."""
    if pages:
        effect.refuse("with --pages", ["reject"])
    else:
        effect.refuse("without --pages", ["detector", "size"], "--pages DIR")
    if cluster is not None:
        effect.refuse("with --cluster", ["workers"])
    if place == Place.HOST:
        effect.check_float_on_host(options)
    if place == Place.TARGET:
        effect.check_simulator(simulator.value, options)
        return
    effect.refuse("without --on target", ["simulator", "fvp"], "--on target")
    if place != Place.NATIVE:
        effect.refuse("without --on target", ["timeout"], "--on target")


def _eval_pages(
    options: PageOptions,
    data: Path,
    on: Place,
    simulator: Choice,
    timeout: float,
    only: Path | None,
    limit: int,
    workers: int,
    cluster: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    from ocrm55.evaluation import page_labels, page_specs
    from ocrm55.evaluation import pages as evaluation

    labelled = page_labels.load_pages(data, only=only, limit=limit)
    spec = page_specs.spec_of(on.value, options, simulator=simulator, timeout_s=timeout)
    found = evaluation.evaluate_with_bar(labelled, spec, workers=workers, cluster=cluster)
    chosen = options.detector
    said = {"data": str(data), "on": on.value, "recognizer": options.recognizer.source, "detector": chosen.source}
    said |= {"size": f"{chosen.compile.width}x{chosen.compile.height}"}
    said |= {"precision": options.recognizer.compile.precision}
    if as_json:
        console.result(plain_json.text(found.as_values(**said)))
    else:
        for title, columns, rows in evaluation.tables(found):
            console.table(title, columns, rows, right=columns[1:])
            console.result()
    if output:
        evaluation.write(output, labelled, found, **said)
        console.note(f"wrote {output / 'pages.json'} and {output / 'pages.png'}")
