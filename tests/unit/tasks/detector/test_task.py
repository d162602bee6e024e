"""A small detector from its folder to C: against ONNX Runtime on the file itself, and the integer reference."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from ocrm55.compiler import pipeline
from ocrm55.compiler.options import CompileOptions
from ocrm55.normalisation import Normalisation
from ocrm55.tasks.detector import image
from ocrm55.tasks.detector.model import DEVIATION, MEAN, settings_text
from ocrm55.tasks.detector.task import DETECTOR, Merit
from tests import detectors
from tests.unit.compiler.host_program import build_host

SIZE = (64, 96)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("detector") / "small"
    detectors.write(made / "inference.onnx", seed=2)
    (made / "inference.yml").write_text(settings_text("small"))
    return made


def picture() -> np.ndarray:
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def of_onnxruntime(folder: Path, pixels: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(folder / "inference.onnx"), providers=["CPUExecutionProvider"])
    tensor = Normalisation(MEAN, DEVIATION, 1 / 255).tensor(pixels, *SIZE)
    return session.run(None, {"x": tensor})[0]


def test_float32(folder: Path, tmp_path: Path) -> None:
    options = CompileOptions(model_name="small", precision="float32", height=SIZE[0], width=SIZE[1])
    program = build_host(pipeline.compile_model(folder, tmp_path / "artifact", DETECTOR, options))
    found = program.read(picture())
    assert found.shape == (1, 1, *SIZE)
    np.testing.assert_allclose(found, of_onnxruntime(folder, picture()), rtol=0, atol=2e-5)


@pytest.mark.parametrize("kernels", [("m55",), ("cmsis-nn", "m55")])
def test_int8_ends_in_int8(kernels: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    """compile_model compares its C with the integer reference, and that with ONNX Runtime."""
    options = CompileOptions(model_name="small", height=SIZE[0], width=SIZE[1], kernels=kernels)
    written = pipeline.compile_model(folder, tmp_path / "artifact", DETECTOR, options)
    output = written.program.output
    assert (output.dtype, output.shape) == ("int8", (1, 1, *SIZE))
    values = json.loads((written.directory / "metadata.json").read_text())
    assert (values["output"]["scale"], values["output"]["zero_point"]) == (1 / 256, -128)
    assert values["task"] == "detector" and values["thresholds"]["pixel"] == 0.3
    text = (written.directory / "src" / "model.c").read_text()
    assert ".output_int8 = output_of," in text and ".output = output_of," not in text


def test_int8_is_near_float32(folder: Path, tmp_path: Path) -> None:
    from ocrm55.compiler.reference.int8.network import IntegerReference

    options = CompileOptions(model_name="small", height=SIZE[0], width=SIZE[1], check=False)
    program = pipeline.compile_model(folder, tmp_path / "artifact", DETECTOR, options).program
    found = (IntegerReference(program).probabilities(picture()).astype(np.float32) + 128) / 256
    wanted = of_onnxruntime(folder, picture())
    assert np.corrcoef(found.reshape(-1), wanted.reshape(-1))[0, 1] > 0.97


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (1, 500), (500, 1), (1, 1), (64, 96)])
def test_pictures_keep_their_shape(shape: tuple[int, int]) -> None:
    pixels = np.full((*shape, 3), 200, np.uint8)
    found = image.resize(pixels, *SIZE)
    rows, columns = image.size_within(*shape, *SIZE)
    assert found.shape == (SIZE[0], columns, 3)
    assert rows == SIZE[0] or columns == SIZE[1]
    assert (found[:rows] == 200).all() and (found[rows:] == image.EMPTY).all()
    assert abs(rows * shape[1] - columns * shape[0]) <= max(*shape) or 1 in (rows, columns)


def test_merit_falls_with_noise() -> None:
    merit, rng = Merit(), np.random.default_rng(1)
    wanted = rng.uniform(0, 1, (1, 1, 8, 8))
    near, far = (np.clip(wanted + rng.normal(0, s, wanted.shape), 0, 1) for s in (0.01, 0.3))
    assert 0 <= merit.divergence(wanted, wanted) < merit.divergence(near, wanted) < merit.divergence(far, wanted)
    answer = merit.answer(wanted)
    assert merit.sure(answer.astype(float), answer) == 1 > merit.sure(wanted, answer)
