"""`ocrm55 train`: the recognizer learns from synthetic text and labelled words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, files, resources
from ocrm55.commands import effect
from ocrm55.tasks.recognizer.model import BUNDLED


def train(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for checkpoints, log.jsonl and curve.png.")
    ] = Path("training"),
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Labelled word pictures to learn from, beside synthetic ones: a folder with labels.tsv (path, tab, "
            "text) or PaddleOCR's rec_gt list, or such a file. May be given several times.",
        ),
    ] = None,
    apart: Annotated[
        Path | None,
        typer.Option("--apart", metavar="FILE", help="List of pictures in --data to measure on and never train on."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            metavar="bundled|CHECKPOINT|DIR",
            help="The bundled weights, a .pdparams file or a model folder to go on from; otherwise random weights.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training in DIR exactly where it stopped.")
    ] = False,
    fonts: Annotated[
        list[Path] | None, typer.Option("--fonts", metavar="DIR", help="Font folders instead of the system's.")
    ] = None,
    steps: Annotated[
        int, typer.Option(min=1, help="Batches to learn from; the learning rate falls to its end.")
    ] = 20000,
    columns: Annotated[
        int, typer.Option(min=320, help="Pixels of a batch, side by side: 4096 is 32 words of 128 pixels.")
    ] = 4096,
    learning_rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 1.5e-3,
    weight_decay: Annotated[
        float, typer.Option(min=0, help="Weight decay of matrices and kernels, not of norms and biases.")
    ] = 0.05,
    dropout: Annotated[float, typer.Option(min=0, max=0.9, help="Dropout in the attention blocks.")] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same batches.")] = 1,
    measure_every: Annotated[int, typer.Option(min=1, help="Steps between measurements and checkpoints.")] = 500,
    patience: Annotated[int, typer.Option(min=0, help="Stop after so many measurements without a better one.")] = 0,
    checked: Annotated[int, typer.Option(min=10, help="Lines in fonts never seen, in each measurement.")] = 200,
    processes: Annotated[int, typer.Option(min=0, help="Processes that make images.")] = 1,
) -> None:
    """Train the English PP-OCRv3 recognizer on synthetic text, in the fonts of this machine, and on labelled words.

    Every eighth family of fonts is kept out of the training and used to measure. On several machines or GPUs:
    **python -m paddle.distributed.launch "$(which ocrm55)" train …** The result, best.pdparams, goes into
    **ocrm55 export --source**.
    """
    effect.refuse("without --data", [] if data else ["apart"], "--data DIR")
    from ocrm55.training.fonts import FONT_FOLDERS
    from ocrm55.training.loop import TrainOptions
    from ocrm55.training.loop import train as run

    options = TrainOptions(
        output=output,
        data=tuple(data or ()),
        apart=apart,
        start=resources.folder("models") / BUNDLED if start == Path("bundled") and not start.exists() else start,
        fonts=tuple(fonts or FONT_FOLDERS),
        steps=steps,
        columns=columns,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        dropout=dropout,
        seed=seed,
        measure_every=measure_every,
        patience=patience,
        checked=checked,
        processes=processes,
    )
    files.check_place(output, folder=True)
    record = run(options, resume=resume)
    if record.rows:
        console.result(f"best at step {record.best_step}: {output / 'best.pdparams'}")
