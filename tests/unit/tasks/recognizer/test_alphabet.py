"""Recognizers cut to fewer characters: what is kept has its probabilities, shared out anew, by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from ocrm55.errors import InputError, UnsupportedError
from ocrm55.tasks.recognizer import alphabet, sources
from ocrm55.tasks.recognizer.model import RecognizerFolder
from tests.unit.compiler.onnx_networks import reference
from tests.unit.tasks.recognizer.test_sources import CHARACTERS, recognizer, saved, written

IMAGE = np.random.default_rng(3).uniform(-1, 1, (1, 3, 32, 40)).astype(np.float32)


def dense(classes: int = 7) -> onnx.ModelProto:
    """A network that ends with a fully connected layer, a bias and a softmax."""
    model = recognizer(classes=9, softmax=False)
    graph, rng = model.graph, np.random.default_rng(1)
    weights = {"f": rng.normal(size=(9, classes)), "g": rng.normal(size=classes)}
    graph.initializer.extend([numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()])
    graph.node[-1].output[0] = "features"
    graph.node.extend(
        [
            helper.make_node("MatMul", ["features", "f"], ["m"]),
            helper.make_node("Add", ["m", "g"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["y"], axis=2),
        ]
    )
    graph.output[0].type.tensor_type.shape.dim[2].dim_value = classes
    return model


def whole(model: onnx.ModelProto, folder: Path) -> RecognizerFolder:
    return sources.export(str(saved(model, folder)), folder / "whole", written(folder, CHARACTERS))


@pytest.mark.parametrize(
    ("words", "kept"),
    [("ascii", [0, 1, 4, 5, 6]), ("latin", [0, 1, 2, 4, 5, 6]), ("LATIN", [0, 1, 2, 4, 5, 6]), ("file", [0, 2, 3, 6])],
)
def test_the_same_probabilities_shared_out_anew(words: str, kept: list[int], tmp_path: Path) -> None:
    model = dense()
    before = whole(model, tmp_path)
    asked = str(written(tmp_path, ["\u4e2d", "\u00e9"], "wanted.txt")) if words == "file" else words
    after = alphabet.cut(before, asked, tmp_path / "cut")
    assert after.charset == [before.charset[place] for place in kept]
    found = reference(onnx.load(after.program), IMAGE)
    expected = reference(model, IMAGE)[..., kept]
    np.testing.assert_allclose(found, expected / expected.sum(axis=-1, keepdims=True), atol=1e-6)


def test_the_bundled_model(model_dir: Path, tmp_path: Path) -> None:
    """A folder of Paddle becomes one with an ONNX file."""
    after = alphabet.cut(RecognizerFolder(model_dir), str(written(tmp_path, list("0123456789"))), tmp_path / "digits")
    assert after.charset == ["", *"0123456789", " "]
    assert sorted(each.name for each in (tmp_path / "digits").iterdir()) == ["inference.onnx", "inference.yml"]


def test_what_cannot_be_cut(tmp_path: Path) -> None:
    folder = whole(dense(), tmp_path)
    for words, said in (
        (str(written(tmp_path, ["a", "\u00df"], "unknown.txt")), "1 characters that the model does not know"),
        ("cyrillic", "no set of characters and no file"),
    ):
        with pytest.raises(InputError, match=said):
            alphabet.cut(folder, words, tmp_path / "cut")
    assert not (tmp_path / "cut").exists()


def test_a_last_layer_that_is_not_found(tmp_path: Path) -> None:
    """The bias is also the convolution's: no constant of the last layer alone."""
    with pytest.raises(UnsupportedError, match="cannot be cut"):
        alphabet.cut(whole(recognizer(), tmp_path), "ascii", tmp_path / "cut")
