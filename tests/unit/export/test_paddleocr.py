"""PaddleOCR 3 itself opens the exported folder and reads the samples as this project does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import ctc, image
from ocrm55.tasks.recognizer.inference import PaddleRecognizer
from ocrm55.tasks.recognizer.sources import export


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export("bundled", tmp_path_factory.mktemp("export") / "model").directory


@pytest.fixture(scope="module")
def text_recognition(exported: Path) -> Any:
    from paddleocr import TextRecognition

    return TextRecognition(
        model_name="en_PP-OCRv3_mobile_rec", model_dir=str(exported), device="cpu", enable_mkldnn=False
    )


def open_width(pixels: np.ndarray) -> np.ndarray:
    """PaddleOCR's tensor: as ours up to 320:48, and wider for a longer line, where ours is squeezed."""
    height, width = pixels.shape[:2]
    wide = max(320, int(48 * width / height))
    return image.normalise(image.resize(pixels, width=wide), wide)


@pytest.mark.slow
def test_same_text_and_score(exported: Path, text_recognition: Any, samples: dict[Path, str]) -> None:
    recognizer = PaddleRecognizer(exported)
    for path, text in samples.items():
        theirs = next(iter(text_recognition.predict(str(path)))).json["res"]
        pixels = read_image(path)
        ours = ctc.decode(recognizer.probabilities(open_width(pixels)), recognizer.charset)
        assert (theirs["rec_text"], ours.text) == (text, text)
        assert theirs["rec_score"] == pytest.approx(ours.score, abs=2e-6)
        squeezed = ctc.decode(recognizer.probabilities(image.normalise(image.resize(pixels))), recognizer.charset)
        assert squeezed.text == text
        if 48 * pixels.shape[1] <= 320 * pixels.shape[0]:
            assert squeezed == ours


@pytest.mark.slow
def test_longer_lines_are_among_the_samples(samples: dict[Path, str]) -> None:
    """Otherwise the sentence about squeezing would be tested by nothing."""
    sizes = {path.name: read_image(path).shape for path in samples}
    assert [name for name, (height, width, _) in sizes.items() if 48 * width > 320 * height]
