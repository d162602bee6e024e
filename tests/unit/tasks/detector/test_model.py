"""A detector's model folder: what its settings say, what is refused, and which task a model is of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from ocrm55 import resources
from ocrm55.errors import InputError, Ocrm55Error
from ocrm55.normalisation import Normalisation
from ocrm55.tasks.choice import task_of
from ocrm55.tasks.detector.model import DEVIATION, MEAN, DetectorFolder, Thresholds, settings_text
from ocrm55.tasks.detector.sources import BUNDLED, OFFICIAL
from ocrm55.tasks.detector.task import DETECTOR
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests import detectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a small detector as an ONNX file."""
    made = tmp_path / "folder"
    detectors.write(made / "inference.onnx", seed=3)
    (made / "inference.yml").write_text(settings_text("small"))
    return made


def settings(folder: Path, **post: object) -> None:
    values = yaml.safe_load(settings_text("small"))
    values["PostProcess"] |= post
    (folder / "inference.yml").write_text(yaml.safe_dump(values))


@pytest.mark.parametrize(
    ("word", "thresholds"),
    [("detector", Thresholds(0.3, 0.6, 1.5, 1000)), ("detector-v6", Thresholds(0.2, 0.4, 1.4, 3000))],
)
def test_the_bundled_ones(word: str, thresholds: Thresholds, tmp_path: Path) -> None:
    bundled = DETECTOR.export(word, tmp_path / "model")
    assert (tmp_path / "model" / "inference.onnx").samefile(bundled.onnx)
    assert bundled.levels == Normalisation(MEAN, DEVIATION, 1 / 255)
    assert bundled.thresholds == thresholds
    assert sum(path.stat().st_size for path in bundled.files) < 1_300_000
    card = resources.folder("models") / BUNDLED[word] / "MODEL_CARD.md"
    assert "Apache-2.0" in card.read_text() and "SHA-256" in card.read_text()


def test_thresholds_of_the_settings(folder: Path) -> None:
    settings(folder, thresh=0.2, box_thresh=0.4, unclip_ratio=1.4, max_candidates=3000)
    assert DetectorFolder(folder).thresholds == Thresholds(0.2, 0.4, 1.4, 3000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"thresh": "high"},
        {"box_thresh": 2},
        {"max_candidates": []},
        {"max_candidates": 0},
        {"thresh": "nan"},
        {"unclip_ratio": "nan"},
    ],
)
def test_thresholds_that_are_no_numbers(wrong: dict, folder: Path) -> None:
    settings(folder, **wrong)
    with pytest.raises(InputError, match="thresholds"):
        DetectorFolder(folder)


def test_another_task(folder: Path) -> None:
    settings(folder, name="CTCLabelDecode")
    with pytest.raises(InputError, match="does not describe a text detector"):
        DetectorFolder(folder)
    with pytest.raises(InputError, match="does not describe a text detector"):
        DetectorFolder(resources.folder("models") / "en_ppocrv3_rec")


@pytest.mark.parametrize("size", [(320, 300), (0, 32), (33, 64)])
def test_sizes_are_multiples(size: tuple[int, int], folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="multiples of 32"):
        DetectorFolder(folder).to_onnx(tmp_path / "x.onnx", *size)
    assert not (tmp_path / "x.onnx").exists()


def test_a_file_becomes_a_folder(folder: Path, tmp_path: Path) -> None:
    """With the settings beside it, or without any; a name for the folder's file is the folder's."""
    given = tmp_path / "alone" / "det.onnx"
    given.parent.mkdir()
    shutil.copyfile(folder / "inference.onnx", given)
    assert DETECTOR.export(str(given), tmp_path / "a").thresholds == Thresholds()
    settings(folder, thresh=0.25)
    shutil.copyfile(folder / "inference.yml", given.with_name("inference.yml"))
    assert DETECTOR.export(str(given), tmp_path / "b").thresholds.pixel == 0.25
    assert DETECTOR.export(str(folder), tmp_path / "c").thresholds.pixel == 0.25


def test_a_file_of_another_task(tmp_path: Path) -> None:
    from tests.unit.tasks.test_second_task import map_network

    model = map_network(1, ends="Sigmoid")
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2
    path = tmp_path / "two.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(Ocrm55Error, match="no map"):
        DETECTOR.export(str(path), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_which_task(folder: Path, tmp_path: Path) -> None:
    file = detectors.write(tmp_path / "named.onnx", seed=1)
    for source in (*BUNDLED, *OFFICIAL, str(folder), str(folder / "inference.yml"), str(file)):
        assert task_of(source) is DETECTOR, source
    recognizer = resources.folder("models") / "en_ppocrv3_rec"
    (tmp_path / "damaged.onnx").write_bytes(b"damaged")
    (tmp_path / "empty").mkdir()
    others = ("bundled", "pp-ocrv3", "nowhere", tmp_path / "damaged.onnx", tmp_path / "empty", recognizer)
    for source in map(str, others):
        assert task_of(source) is RECOGNIZER, source
