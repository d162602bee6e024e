"""`python -m ocrm55.evaluation.calibrate`: how likely a text is right, fitted on labelled pictures.

The fit is a logistic regression on the text's lead over the next likely one and on the likelihood that CTC gives it.
The three numbers that come out belong into the model's inference.yml.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ocrm55 import console, stages
from ocrm55.build_folder import DEFAULT_BUILD_DIR
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError
from ocrm55.evaluation import assess
from ocrm55.evaluation.readings import Reading
from ocrm55.tasks.recognizer import decoding
from ocrm55.tasks.recognizer.confidence import Calibration, features

_ROUNDS, _RIDGE = 50, 1e-3
_LEAST = 100  # readings, so that three numbers mean something


def fit(readings: Sequence[Reading], *, with_lead: bool = True) -> Calibration:
    """The calibration under which the readings are likeliest. with_lead: greedy decoding knows no lead.

    Raises InputError for too few readings, or where all are right or wrong.
    """
    rows = [r for r in readings if r.lead is not None and r.likelihood is not None]
    right = np.array([r.read == r.written for r in rows], np.float64)
    if len(rows) < _LEAST or right.min() == right.max():
        raise InputError(f"{len(rows)} readings are too few to calibrate on, or all are alike.", ["more pictures"])
    values = np.array([features(r.lead or 0.0, r.likelihood or 0.0) for r in rows])
    values[:, 1] *= with_lead
    weights = np.zeros(3)
    for _ in range(_ROUNDS):
        expected = 1 / (1 + np.exp(-np.clip(values @ weights, -30, 30)))
        slope = values.T @ (expected - right) + _RIDGE * weights
        bend = (values * (expected * (1 - expected))[:, None]).T @ values + _RIDGE * np.eye(3)
        weights -= np.linalg.solve(bend, slope)
    return Calibration(*(round(float(weight / np.log(2)), 4) for weight in weights))  # of binary logarithms


def main(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Labelled pictures, as for `ocrm55 eval`.")],
    source: Annotated[str, typer.Option("--model", help="The recognizer.")] = "bundled",
    limit: Annotated[int, typer.Option(min=0, help="Take the first so many pictures of each set; 0 takes all.")] = 0,
    build_dir: Annotated[Path, typer.Option("--build-dir", help="Folder for everything that is made.")] = (
        DEFAULT_BUILD_DIR
    ),
) -> None:
    """Fit, for both decoders, how likely a text is right; print what to write into the model's inference.yml."""
    with console.errors_end_the_program():
        words = [word for folder in data for word in assess.select(folder, limit=limit)]
        console.result("  confidence:")
        for decoder in (decoding.CONTEXT, decoding.GREEDY):
            options = stages.Options(build_dir, source, CompileOptions(decoder=decoder))
            spec = assess.reader_spec("onnx", options)
            readings = assess.evaluate_with_bar(words, spec).readings
            found = fit(readings, with_lead=decoder != decoding.GREEDY)
            console.result(f"    {decoder}: [{', '.join(f'{value:g}' for value in found.values)}]")


if __name__ == "__main__":
    typer.run(main)
