"""Facts about a recognizer's ONNX file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrm55.errors import InputError
from ocrm55.tasks.recognizer import onnx_file
from tests.unit.tasks.recognizer.test_sources import recognizer, saved


@pytest.mark.parametrize("softmax", [True, False])
def test_its_shapes_and_its_end(softmax: bool, tmp_path: Path) -> None:
    found = onnx_file.read(saved(recognizer(softmax=softmax), tmp_path))
    assert found.inputs == [[-1, 3, 32, -1]]
    assert found.outputs == [[-1, -1, 7]]
    assert found.last == ("softmax" if softmax else "matmul")


def test_classes_that_the_file_leaves_open(tmp_path: Path) -> None:
    model = recognizer()
    model.graph.output[0].type.tensor_type.shape.dim[2].ClearField("dim_value")
    path = saved(model, tmp_path)
    assert onnx_file.read(path).outputs == [[-1, -1, -1]]
    assert onnx_file.classes(path, (1, 3, 32, 320)) == 7


def test_settings_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "rec.yml").write_text("just words")
    path = saved(recognizer(), tmp_path)
    assert onnx_file.characters(path, onnx_file.read(path), None) is None
    with pytest.raises(InputError, match="not a description"):
        onnx_file.settings_with(tmp_path / "rec.yml", {}, ["a"], None)


def test_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "rec.onnx").write_bytes(recognizer().SerializeToString()[:100])
    with pytest.raises(InputError, match="not a valid ONNX model"):
        onnx_file.read(tmp_path / "rec.onnx")
