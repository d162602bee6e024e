"""`ocrm55 export`: a recognizer, wherever it comes from, as a Paddle inference model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, stages, temporary
from ocrm55.commands.options import build_options
from ocrm55.errors import InputError


@build_options(only=["source", "dictionary", "build_dir", "force"])
def export(
    options: stages.Options,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write the model folder here instead of below the build folder."),
    ] = None,
    characters: Annotated[
        str,
        typer.Option(
            "--characters",
            metavar="ascii|latin|FILE",
            help="Keep only these classes of the last layer: **ascii**, **latin**, or a file with one character a "
            "line. The folder then holds an ONNX file; needs --out.",
        ),
    ] = "",
) -> None:
    """Write a recognizer as a Paddle inference model folder, as PaddleOCR 3 does.

    The folder holds inference.json (the network), inference.pdiparams (its
    weights) and inference.yml (its characters and preprocessing). PaddleOCR
    opens it too, as TextRecognition(model_name="en_PP-OCRv3_mobile_rec",
    model_dir=DIR, device="cpu", enable_mkldnn=False).

    **bundled** and **fast** came with ocrm55. **pp-ocrv3** is PaddleOCR's official English model,
    fetched once from the hosts that PaddleOCR uses and kept in ~/.paddlex. So are others by PaddleOCR's names, such
    as PP-OCRv6_tiny_rec, PP-OCRv6_small_rec, PP-OCRv5_mobile_rec and en_PP-OCRv4_mobile_rec.
    A **folder** is checked and copied; one of Paddle 2 (inference.pdmodel) is
    translated. A **.pdparams checkpoint** of PaddleOCR or of `ocrm55 train`
    becomes a folder; its arrays are read, and no code in it runs.
    So does the same model as an **.onnx file** that paddle2onnx wrote. Any
    other .onnx file of a recognizer is kept as it is, with its characters.

    PaddleOCR widens its input for a line longer than 320:48; the target's input
    has a fixed size, and such a line is squeezed into it.
    """
    from ocrm55.tasks.recognizer import alphabet, sources

    if characters:
        if out is None:
            raise InputError("--characters writes a model of its own.", ["name a folder for it with --out DIR"])
        console.stage("export", f"{options.source} with the characters of {characters} -> {out}")
        with temporary.folder() as whole:
            model = sources.export(options.source, whole / "model", options.dictionary)
            folder = alphabet.cut(model, characters, out).directory
    elif out is None:
        folder = stages.model(options)
    else:
        console.stage("export", f"{options.source} -> {out}")
        folder = sources.export(options.source, out, options.dictionary).directory
    console.result(str(folder))
