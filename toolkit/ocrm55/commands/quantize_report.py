"""`ocrm55 quantize-report`: what int8 costs in accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocrm55 import console, files, stages
from ocrm55.commands.options import build_options
from ocrm55.errors import InputError
from ocrm55.pictures import read_image

if TYPE_CHECKING:
    import numpy as np

    from ocrm55.evaluation.words import Word


@build_options(without=["precision"])
def quantize_report(
    options: stages.Options,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR|FILE", help="Labelled word pictures, as `ocrm55 eval` takes.")
    ] = None,
    only: Annotated[
        Path | None, typer.Option("--only", metavar="LIST", help="A file that names the pictures of --data to read.")
    ] = None,
    synthetic: Annotated[
        int, typer.Option("--synthetic", metavar="N", min=0, help="Lines to draw, in fonts that training did not see.")
    ] = 200,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder for the files; otherwise one in the build folder."),
    ] = None,
) -> None:
    """Show each int8 tensor's error, and what the float and the int8 network read, side by side.

    The error is the signal to quantisation noise ratio in dB. It is given for rounding this tensor alone, and together
    with all errors before it. Both networks run in ONNX Runtime. The command writes quantization.json and
    quantization.svg.
    """
    from ocrm55.compiler import pipeline
    from ocrm55.compiler.onnx_graph import entrance
    from ocrm55.compiler.onnx_graph.folding import fold
    from ocrm55.compiler.onnx_graph.graph import Graph
    from ocrm55.evaluation import assess, quantization_error
    from ocrm55.tasks.recognizer.task import RECOGNIZER

    files.check_place(out, folder=True)
    if only is not None and data is None:
        raise InputError("--only names pictures of a set, and --data is missing.", ["--data DIR"])
    words = [] if data is None else assess.select(data, only=only)  # refused before anything is compiled
    compiled = stages.compiled(options)
    quantised = entrance.read(compiled.artifact / "model.onnx")
    network = RECOGNIZER.network(compiled.model)
    model = pipeline.load(network, options.compile)
    inputs = pipeline.calibration_inputs(model, network, options.compile.calibrate or RECOGNIZER.calibration)
    height, width = inputs[0].shape[2:]
    graph = Graph(model)
    fold(graph)
    rows = quantization_error.tensor_errors(graph, Graph(quantised), inputs)
    folded = graph.model()
    sets = [
        quantization_error.agreement(name, folded, quantised, pictures, network.charset)
        for name, pictures in labelled(data, words, synthetic, (height, width))
    ]
    quantization_error.show(rows, sets)
    folder = out or options.folder.root / "quantize-report"
    quantization_error.write(folder, rows, sets)
    console.result(str(folder))


def labelled(
    data: Path | None, words: Sequence[Word], synthetic: int, size: tuple[int, int]
) -> list[tuple[str, list[tuple[np.ndarray, str]]]]:
    """The sets of pictures with their texts, by name. Pictures have that height and at most that width.

    words: of the set `data`.
    """
    from ocrm55.tasks.recognizer import image
    from ocrm55.training.checks import unseen_fonts
    from ocrm55.training.fonts import find_fonts, split

    sets = []
    if synthetic:
        _, fonts = split(find_fonts())
        samples = unseen_fonts(fonts, synthetic, clean=False).samples
        drawn = [(image.resize(s.pixels[:, :, ::-1], *size), s.text) for s in samples]
        sets.append(("synthetic", drawn))
    if data is not None:
        read = [(image.resize(read_image(word.path), *size), word.text) for word in words]
        sets.append((data.name, read))
    return sets
