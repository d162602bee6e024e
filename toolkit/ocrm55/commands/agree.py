"""`ocrm55 agree`: the int8 network on the target against ONNX Runtime on the same model, text by text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import stages
from ocrm55.commands.options import build_options


@build_options(without=["precision"])
def agree(
    options: stages.Options,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Labelled word pictures, as `ocrm55 eval` takes.", show_default=False)
    ],
    count: Annotated[int, typer.Option("--count", min=0, help="Pictures to read; 0 for all.")] = 0,
    sample: Annotated[int, typer.Option("--sample", min=0, help="Of these, how many to run on QEMU as well.")] = 8,
) -> None:
    """Count on how many pictures of DATA the int8 network reads what ONNX Runtime reads with the same QDQ model.

    The host's integer reference stands for the target, which it equals bit for bit; a sample runs on QEMU to show it.
    Make pictures with `python -m ocrm55.training.synthesize`.
    """
    from ocrm55.evaluation import agreement
    from ocrm55.evaluation.words import load_words
    from ocrm55.simulators import find_simulator

    words = [(word.path, word.text) for word in load_words(data)]
    qemu = find_simulator("qemu", board=options.board)
    agreement.show(agreement.read(words[:count] if count else words, options, qemu, sample=sample))
