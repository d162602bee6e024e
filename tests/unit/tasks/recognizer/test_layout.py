"""Names and shapes of weights: those of Paddle's own network, and refusals that do not import it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ocrm55.tasks.recognizer.layout import layout

REFUSE = """
import sys
from pathlib import Path
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer import sources

try:
    sources.export(sys.argv[1], Path(sys.argv[2]))
except InputError as refused:
    print(refused.sentence)
assert "paddle" not in sys.modules
"""


def test_names_and_shapes_are_those_of_the_network() -> None:
    from ocrm55.tasks.recognizer.network import Recognizer

    assert list(layout().items()) == [(name, list(value.shape)) for name, value in Recognizer().state_dict().items()]


def checkpoint(path: Path, changes: dict[str, np.ndarray]) -> Path:
    weights = {name: np.zeros(shape, np.float32) for name, shape in layout().items()} | changes
    path.write_bytes(pickle.dumps(weights, 2))
    return path


def convolution(path: Path) -> Path:
    """A recognizer of 97 classes in ONNX that is not PP-OCRv3, and has no input: all its tensors are constants."""
    info, weight = helper.make_tensor_value_info, np.ones((97, 3, 48, 8), np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], strides=[1, 8]),
        helper.make_node("Squeeze", ["c"], ["s"], axes=[2]),
        helper.make_node("Transpose", ["s"], ["y"], perm=[0, 2, 1]),
    ]
    constants = [
        numpy_helper.from_array(weight, "w"),
        numpy_helper.from_array(np.ones((1, 3, 48, 320), np.float32), "x"),
    ]
    inputs = [info("x", TensorProto.FLOAT, [1, 3, 48, 320]), info("w", TensorProto.FLOAT, weight.shape)]
    graph = helper.make_graph(nodes, "g", inputs, [info("y", TensorProto.FLOAT, [1, 40, 97])], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)]), path)
    return path


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"head.ctc_head.fc.bias": np.zeros(6625, np.float32)}, "has 6625 classes"),
        ({"backbone.conv9.weight": np.zeros(3, np.float32)}, "is of another network"),
        ({"backbone.conv1._conv.weight": np.zeros((16, 3, 5, 5), np.float32)}, r"has the shape [16, 3, 5, 5]"),
        ({"backbone.conv1._batch_norm.bias": np.full(16, np.nan, np.float32)}, "values that are no numbers"),
    ],
)  # fmt: skip
def test_checkpoints_are_refused_without_paddle(tmp_path: Path, changes: dict[str, np.ndarray], sentence: str) -> None:
    assert sentence in refused(checkpoint(tmp_path / "net.pdparams", changes), tmp_path / "model")


def test_onnx_files_are_refused_without_paddle(tmp_path: Path) -> None:
    assert "takes nothing, not one image" in refused(convolution(tmp_path / "net.onnx"), tmp_path / "model")


def refused(source: Path, destination: Path) -> str:
    """The sentence of a process of its own that asserts not to have imported Paddle."""
    words = [sys.executable, "-c", REFUSE, source, destination]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout
