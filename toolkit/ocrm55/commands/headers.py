"""`ocrm55 headers`: an image and the labels as C arrays, for programs around TVM's C interface."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console
from ocrm55.commands import effect


def headers(
    image: Annotated[Path | None, typer.Argument(metavar="[IMAGE]", help="A picture of one word or line.")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the headers.")] = Path("include"),
    library: Annotated[
        Path | None,
        typer.Option("--library", metavar="TAR", help="Take the sizes from an archive of **ocrm55 tvmc compile**."),
    ] = None,
    height: Annotated[int | None, typer.Option("--height", min=1, help="Height of the input; 48 by default.")] = None,
    width: Annotated[int | None, typer.Option("--width", min=1, help="Width of the input; 320 by default.")] = None,
    outputs: Annotated[int | None, typer.Option("--outputs", min=1, help="Numbers in the output.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="TXT", help="A text file, one label a line; otherwise the English characters."
        ),
    ] = None,
    section: Annotated[
        str, typer.Option("--section", help="Section of the arrays; the linker script places it.")
    ] = ".data.tvm",
) -> None:
    """Write labels.h, and with an image inputs.h and outputs.h, as the scripts of TVM's demos did.

    You then do not need convert_image.py and convert_labels.py of those demos. The arrays are called `input`, `output`
    and `labels`. The image is scaled and normalised as PaddleOCR does it.
    """
    sizes = ["height", "width", "outputs"]
    if library is not None:
        effect.refuse("with --library, which has the sizes", sizes)
    if image is None:
        effect.refuse("without an IMAGE", ["library", *sizes], "name an IMAGE")
    from ocrm55.tasks.recognizer.charset import load_charset
    from ocrm55.tvmc import headers as tvm_headers

    names = load_charset() if labels is None else tvm_headers.read_labels(labels)
    interface = tvm_headers.options(library, height=height, width=width, outputs=outputs)
    for path in tvm_headers.write(out, image, names, interface, section):
        console.result(str(path))
