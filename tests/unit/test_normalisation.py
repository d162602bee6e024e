"""What the bytes of a picture become: PaddleOCR's arithmetic, settings of any kind, an ONNX model's metadata."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml

from ocrm55.compiler.quantization import ranges
from ocrm55.errors import InputError
from ocrm55.export.paddle_folder import PaddleFolder
from ocrm55.normalisation import KEY, Normalisation
from tests.unit.compiler.onnx_networks import network

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": "1./255.", "order": "hwc"}


def paddleocr(pixels: np.ndarray, step: dict[str, Any]) -> np.ndarray:
    """PaddleOCR's NormalizeImage, ppocr/data/imaug/operators.py: channels last."""
    scale = np.float32(eval(step["scale"]))
    mean = np.array(step["mean"]).reshape((1, 1, 3)).astype("float32")
    std = np.array(step["std"]).reshape((1, 1, 3)).astype("float32")
    return (pixels.astype("float32") * scale - mean) / std


def model() -> onnx.ModelProto:
    return network((1, 3, 4, 4), [("Relu", ["x"], "y", {})], {}, (1, 3, 4, 4))


def test_as_paddleocr_normalises_to_the_last_bit() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    found = Normalisation.of_settings(IMAGENET).tensor(pixels, 20, 40)
    np.testing.assert_array_equal(found[0, :, :, :30], paddleocr(pixels, IMAGENET).transpose(2, 0, 1))
    assert found.dtype == np.float32 and (found[:, :, :, 30:] == 0).all()


def test_a_border_of_its_own() -> None:
    found = Normalisation(border=-0.25).tensor(np.zeros((2, 2, 3), np.uint8), 3, 4)
    assert (
        (found[:, :, 2:] == -0.25).all() and (found[:, :, :, 2:] == -0.25).all() and (found[:, :, :2, :2] == -1).all()
    )
    assert Normalisation((0.0,) * 3, (1.0,) * 3, border=-2.0).range == (-2.0, 1.0)


@pytest.mark.parametrize("scale", ["1./255.", "1/255", "1.0/255.0", 1 / 255, None])
def test_the_ways_to_write_a_scale(scale: object) -> None:
    assert Normalisation.of_settings({**IMAGENET, "scale": scale}).scale == 1 / 255


def test_the_recognizers_input_is_symmetric() -> None:
    """-1 .. 1 in steps of 1/127 around 0, as ever; an asymmetric range uses all of its integers."""
    found = ranges.of_input(*Normalisation().range)
    assert (found.scale, found.zero_point) == (np.float32(1 / 127), 0)
    low, high = Normalisation.of_settings(IMAGENET).range
    found = ranges.of_input(low, high)
    assert found.scale == np.float32((high - low) / 255) and found.zero_point == round(-128 - low / float(found.scale))


def test_an_onnx_model_keeps_it() -> None:
    kept, wanted = model(), Normalisation.of_settings(IMAGENET)
    onnx.helper.set_model_props(kept, {"other": "stays", KEY: "replaced"})
    wanted.write_to(kept)
    assert Normalisation.of_model(kept) == wanted
    Normalisation().write_to(kept)  # the default needs no note
    assert {each.key: each.value for each in kept.metadata_props} == {"other": "stays"}
    assert Normalisation.of_model(kept) is None


@pytest.mark.parametrize("noted", ["", "{}", "[]", "null", '{"mean": [0, 0], "deviation": [1, 1, 1]}', "[" * 9999])
def test_a_damaged_note_is_one_sentence(noted: str) -> None:
    damaged = model()
    onnx.helper.set_model_props(damaged, {KEY: noted})
    with pytest.raises(InputError, match="is damaged"):
        Normalisation.of_model(damaged)


def with_steps(model_dir: Path, tmp_path: Path, *steps: object) -> PaddleFolder:
    folder = shutil.copytree(model_dir, tmp_path / "model")
    settings = yaml.safe_load((folder / "inference.yml").read_text())
    settings["PreProcess"]["transform_ops"] = list(steps)
    (folder / "inference.yml").write_text(yaml.safe_dump(settings))
    return PaddleFolder(folder)


def test_a_folders_settings(model_dir: Path, tmp_path: Path) -> None:
    assert PaddleFolder(model_dir).normalisation is None
    found = with_steps(model_dir, tmp_path, {"DecodeImage": {"img_mode": "BGR"}}, {"NormalizeImage": IMAGENET})
    assert found.normalisation == Normalisation.of_settings(IMAGENET)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"DecodeImage": {"img_mode": "RGB"}}, "images in RGB"),
        ({"NormalizeImage": {**IMAGENET, "mean": [0.5]}}, "not understood"),
        ({"NormalizeImage": {**IMAGENET, "std": [0.5, 0, 0.5]}}, "not understood"),
        ({"NormalizeImage": {**IMAGENET, "std": ["a", "b", "c"]}}, "not understood"),
        ({"NormalizeImage": {**IMAGENET, "scale": "__import__('os')"}}, "not understood"),
        ({"NormalizeImage": {**IMAGENET, "scale": "1/0"}}, "not understood"),
        ({"NormalizeImage": {**IMAGENET, "scale": 0}}, "not understood"),
        ({"NormalizeImage": {**IMAGENET, "mean": [float("nan")] * 3}}, "not understood"),
        ({"NormalizeImage": {}}, "not understood"),
    ],
)
def test_settings_that_are_not_understood(model_dir: Path, tmp_path: Path, step: object, sentence: str) -> None:
    folder = with_steps(model_dir, tmp_path, step)
    with pytest.raises(InputError, match=sentence) as refused:
        _ = folder.normalisation
    assert str(folder.settings) in refused.value.sentence
