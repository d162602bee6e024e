"""Host inference: the samples are read, and Paddle and ONNX Runtime agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.tasks.recognizer import ctc, image
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.inference import OnnxRecognizer, PaddleRecognizer

Probabilities = dict[Path, np.ndarray]


def test_samples_are_read_right(sample_probabilities: Probabilities, samples: dict[Path, str]) -> None:
    charset = load_charset()
    assert {path: ctc.decode(each, charset).text for path, each in sample_probabilities.items()} == samples
    assert len(samples) > 24


def test_onnx_runtime_agrees(sample_probabilities: Probabilities, onnx_path: Path) -> None:
    onnx = OnnxRecognizer(onnx_path)
    for path, truth in sample_probabilities.items():
        assert truth.shape == (40, 97)
        # 1.2e-5 was measured, where two classes are near each other: the two libraries sum in another order.
        np.testing.assert_allclose(onnx.probabilities(image.to_tensor(path)), truth, rtol=0, atol=2e-5)


def test_blank_image_is_empty(paddle_recognizer: PaddleRecognizer) -> None:
    blank = np.full((48, 200, 3), 255, np.uint8)
    read = ctc.decode(paddle_recognizer.probabilities(image.normalise(blank)), paddle_recognizer.charset)
    assert read == ctc.Recognition("", 0.0)


@pytest.mark.parametrize("content", [None, b"", b"no model at all"])
def test_bad_onnx_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.onnx cannot be loaded") as refused:
        OnnxRecognizer(path)
    assert "\n" not in refused.value.sentence


def test_damaged_weights(tmp_path: Path, model_dir: Path) -> None:
    for path in model_dir.glob("inference.*"):
        content = path.read_bytes()
        # As long as it should be, so that only Paddle can tell.
        (tmp_path / path.name).write_bytes(bytes(len(content)) if path.suffix == ".pdiparams" else content)
    with pytest.raises(InputError, match="holds a model that Paddle cannot load") as refused:
        PaddleRecognizer(tmp_path)
    assert "\n" not in refused.value.sentence
