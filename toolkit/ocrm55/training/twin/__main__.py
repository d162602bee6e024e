"""`python -m ocrm55.training.twin`: train the PyTorch twin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console
from ocrm55.training.fonts import FONT_FOLDERS


def main(
    output: Annotated[
        Path, typer.Argument(help="Folder for best.pt, state.pt and log.jsonl; a training in it is resumed.")
    ],
    data: Annotated[list[Path] | None, typer.Option(help="Labelled pictures, as for `ocrm55 train`.")] = None,
    apart: Annotated[Path | None, typer.Option(help="List of pictures to measure on and never train on.")] = None,
    # Not --start: torchrun would take that as an option of its own.
    weights: Annotated[Path | None, typer.Option(help="A .pt to start from; otherwise random weights.")] = None,
    fonts: Annotated[list[Path] | None, typer.Option(help="Font folders instead of the system's.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Batches of each process.")] = 20000,
    minutes: Annotated[float, typer.Option(min=0, help="End the schedule after so long; 0 for no limit.")] = 0,
    lines: Annotated[bool, typer.Option("--lines", help="From weights: more print, of shapes that are alike.")] = False,
    both: Annotated[bool, typer.Option("--both", help="From weights: as many photographs as print.")] = False,
    network: Annotated[str, typer.Option(help="ppocrv3, or tiny for PP-OCRv6 tiny.")] = "ppocrv3",
    int8_noise: Annotated[float, typer.Option(min=0, help="Noise like int8's rounding, in its steps; 0 for none.")] = 0,
    agree: Annotated[
        float, typer.Option(min=0, help="With --int8-noise: weight of the same reading with and without it.")
    ] = 0,
    columns: Annotated[int, typer.Option(min=320, help="Pixels of a batch side by side.")] = 4096,
    learning_rate: float = 1.5e-3,
    weight_decay: float = 0.05,
    seed: int = 1,
    measure_every: Annotated[int, typer.Option(min=1, help="Steps between measurements.")] = 500,
    checked: Annotated[int, typer.Option(min=10, help="Lines of each synthetic check.")] = 250,
    threads: Annotated[int, typer.Option(min=0, help="Of each training process on a CPU; 0 to share the cores.")] = 0,
    processes: Annotated[int, typer.Option(min=0, help="Processes that make images, for each training process.")] = 1,
) -> None:
    """Train the PyTorch twin of the recognizer; run it under torchrun for several processes or GPUs."""
    from ocrm55.training.twin.loop import TwinOptions, train

    options = TwinOptions(
        output=output,
        data=tuple(data or ()),
        apart=apart,
        start=weights,
        fonts=tuple(fonts or FONT_FOLDERS),
        steps=steps,
        columns=columns,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        seed=seed,
        measure_every=measure_every,
        checked=checked,
        processes=processes,
        minutes=minutes,
        network=network,
        threads=threads,
        lines=lines,
        both=both,
        int8_noise=int8_noise,
        agree=agree,
    )
    with console.errors_end_the_program():
        train(options)


if __name__ == "__main__":
    typer.run(main)
