"""`ocrm55 compile`: a recognizer becomes C for the Cortex-M55."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ocrm55 import console, stages
from ocrm55.commands import effect
from ocrm55.commands.options import build_options
from ocrm55.commands.page_options import SizeOption, page_options


class Core(StrEnum):
    """The processor for which the C is made."""

    CORTEX_M55 = "cortex-m55"


@build_options(also=["image", "stepwise"])
def compile_(
    options: stages.Options,
    target: Annotated[Core, typer.Option("--target", help="The processor for which the C is made.")] = Core.CORTEX_M55,
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            metavar="DIR|bundled|NAME",
            help="For whole pages: compile this network that finds lines too, and say where both lie in one program.",
        ),
    ] = None,
    size: SizeOption = "320x320",
) -> None:
    """Compile a recognizer to C: the network as a straight line of operators, its weights, and one arena.

    It first exports the model, if that is missing or out of date. The folder holds src/ (read model.c from top to
    bottom), include/ocrm55_model.h, labels.h, weights, and the ONNX model that was compiled. metadata.json has a row
    for every operator and tensor. The same C builds with the host's compiler and with the Arm GCC.

    It refuses what does not fit: an operator without a lowering, or an arena or weights over the board's memory.
    """
    from ocrm55.artifact import Artifact
    from ocrm55.page import program
    from ocrm55.report import compiled

    if detector is None:
        effect.refuse("without --detector", ["size"], "--detector bundled")
        artifact = Artifact.read(stages.compiled(options).artifact)
        compiled.show(artifact)
        console.result(str(artifact.folder))
        return
    both = program.compiled(page_options(options, detector, size))
    for network in (both.recognizer, both.detector):
        artifact = Artifact.read(network.artifact)
        compiled.show(artifact)
        console.result(str(artifact.folder))
    console.paragraph(f"both networks: {both.placement.words}")
