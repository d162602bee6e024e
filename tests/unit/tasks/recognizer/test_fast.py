"""The smaller recognizer that came with ocrm55: its characters, its file, its card, and what it reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55 import resources, stages
from ocrm55.errors import InputError
from ocrm55.tasks.choice import task_of
from ocrm55.tasks.recognizer import context, decoding, image
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.inference import PaddleRecognizer
from ocrm55.tasks.recognizer.model import BUNDLED, FAST, RecognizerFolder
from ocrm55.tasks.recognizer.task import RECOGNIZER

OFFICIAL = "9ef676d6ed3c88256a2d92c640c44f25b0c40947e111b14b8be8f594091563e6"  # PaddleOCR's rec.onnx
MOST_BYTES = 1_200_000


@pytest.fixture(scope="module")
def folder() -> Path:
    return resources.folder("models") / FAST


def test_its_word_is_the_recognizers() -> None:
    assert task_of("fast") is RECOGNIZER
    assert stages.Options(source="fast").model_name == FAST


def test_it_has_the_characters_of_the_other_one(tmp_path: Path) -> None:
    """In another order and with one class for the space, so that texts are decoded in context too."""
    exported = RECOGNIZER.export("fast", tmp_path / "model")
    assert set(exported.charset) == set(load_charset())
    assert len(exported.charset) == 96
    assert context.fits(exported.charset)
    assert decoding.for_network("context", exported.charset, 40) == "context"
    assert exported.input_shape == (3, 48, 320)


def test_its_weights_are_half_as_long(folder: Path) -> None:
    model = onnx.load(folder / "inference.onnx")
    kinds = {each.data_type for each in model.graph.initializer if np.prod(each.dims) >= 64}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert [node.op_type for node in model.graph.node].count("BatchNormalization") == 2, "those of one axis"
    assert sum(path.stat().st_size for path in RecognizerFolder(folder).files) < MOST_BYTES


def test_what_is_said_of_it(folder: Path) -> None:
    card = (folder / "MODEL_CARD.md").read_text()
    assert all(words in card for words in (OFFICIAL, "Apache-2.0", "PaddleOCR's weights, trained on"))
    notice = Path(__file__).parents[4] / "NOTICE"
    assert f"models/{FAST}" in notice.read_text()
    assert OFFICIAL in notice.read_text()
    assert OFFICIAL in (folder.parent / "make_recognizer.py").read_text()


def test_its_lead_reaches_the_program(folder: Path) -> None:
    """A narrow reading stands by less than usual: the settings say so, and C and metadata.json have it."""
    extras = RECOGNIZER.network(folder).extras((1, 40, 96), "context")
    assert ".lead = 0.05" in extras.sources("net")["recognizer.c"]
    assert extras.metadata["least_lead"] == 0.05
    usual = RECOGNIZER.network(resources.folder("models") / BUNDLED).extras((1, 40, 97), "context")
    assert ".lead = 0.5" in usual.sources("net")["recognizer.c"]
    assert "least_lead" not in usual.metadata


@pytest.mark.parametrize("wrong", ["1.5", "-0.1", "nan", "[]", "much"])
def test_a_lead_that_is_no_share_is_refused(wrong: str, folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "model"
    shutil.copytree(folder, copied)
    settings = (copied / "inference.yml").read_text(encoding="utf-8")
    (copied / "inference.yml").write_text(settings.replace("least_lead: 0.05", f"least_lead: {wrong}"))
    with pytest.raises(InputError, match="least_lead"):
        RecognizerFolder(copied)


def test_it_reads_the_samples(folder: Path) -> None:
    network, samples = PaddleRecognizer(folder), folder.parent / "samples"
    wrong = {}
    for name, text in json.loads((samples / "samples.json").read_text()).items():
        read = decoding.decode(network.probabilities(image.to_tensor(samples / name)), network.charset, "context").text
        if read != text:
            wrong[name] = read
    assert wrong == {}
