"""`ocrm55 finetune`: a recognizer learns a hundred pictures of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import build_folder, console, stages
from ocrm55.commands.options import build_options


@build_options(only=["source", "dictionary", "calibrate", "board", "build_dir", "force"])
def finetune(
    options: stages.Options,
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA...", help="Labelled pictures: a folder with labels.tsv (path, tab, text) or a rec_gt list."
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The new model's name, for --model.")],
    held_out: Annotated[
        float, typer.Option("--held-out", min=0.05, max=0.5, help="Share of the pictures to measure on, not to learn.")
    ] = 0.2,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, help="End the training after so long at the latest; 0 for no limit.")
    ] = 10.0,
    steps: Annotated[int, typer.Option(min=1, help="Batches of own pictures; the learning rate falls to the end.")] = (
        1920
    ),
    learning_rate: Annotated[
        float, typer.Option(min=0, help="Highest learning rate, for weights of a size of 0.1.")
    ] = (1.5e-4),
    fonts: Annotated[
        list[Path] | None, typer.Option("--fonts", metavar="DIR", help="Font folders instead of the system's.")
    ] = None,
    drawn: Annotated[int, typer.Option("--drawn", min=10, max=10_000, help="Drawn lines to measure on.")] = 100,
    seed: Annotated[int, typer.Option(help="Decides which pictures are held out, and how they are varied.")] = 1,
) -> None:
    """Teach a recognizer your own pictures, some hundred of them, in minutes. It needs PyTorch.

    It learns them beside drawn lines, of which it must say what it said before, so that it forgets little. A fifth of
    the pictures, of every length of text, is held out. The table says how many of them and of drawn lines are read
    exactly, in float and in int8, before and after. Then **ocrm55 run-fvp --model NAME** takes the new model. The same
    command goes on where it was interrupted.
    """
    from ocrm55.training.finetune import measure, run
    from ocrm55.training.fonts import FONT_FOLDERS

    chosen = run.FinetuneOptions(
        data=tuple(data),
        name=run.checked_name(name),
        held_out=held_out,
        steps=steps,
        minutes=minutes,
        learning_rate=learning_rate,
        seed=seed,
        drawn=drawn,
        fonts=tuple(fonts or FONT_FOLDERS),
    )
    result = run.finetune(chosen, options)
    measure.show(result.table)
    console.note(f"wrote {result.folder}")
    place = "" if options.build_dir == build_folder.DEFAULT_BUILD_DIR else f" --build-dir {options.build_dir}"
    console.note(f"next: ocrm55 run-fvp --model {name}{place} IMAGE")
