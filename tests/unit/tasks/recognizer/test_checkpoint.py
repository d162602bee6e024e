"""Checkpoints: PaddleOCR's layouts load, others are refused in one sentence."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.checkpoint import load_checkpoint
from ocrm55.tasks.recognizer.inference import PaddleRecognizer

Weights = dict[str, Any]


@pytest.fixture(scope="module")
def weights() -> Weights:
    """Weights of a network that nobody trained, with batch norms that do something."""
    import paddle

    from ocrm55.tasks.recognizer.network import Recognizer

    paddle.seed(3)
    network = Recognizer()
    network.train()
    network(paddle.randn([2, 3, 48, 64]))
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def save(path: Path, content: object) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def under(prefix: str, weights: Weights) -> Weights:
    return {f"{prefix}{name}": value for name, value in weights.items()}


def teacher(weights: Weights) -> Weights:
    return {f"Teacher.{name}": np.zeros_like(value) for name, value in weights.items()}


SAR = {
    "head.sar_head.encoder.rnn_encoder.weight_ih_l0": np.zeros((2048, 512), np.float32),
    "head.sar_head.decoder.prediction.bias": np.zeros(98, np.float32),
}
LAYOUTS: dict[str, Callable[[Weights], object]] = {
    "plain": lambda w: w,
    "state_dict": lambda w: {"state_dict": w, "epoch": 500},
    "student": lambda w: under("Student.", w) | teacher(w),
    "teacher only": lambda w: under("Teacher.", w),
    "data parallel": lambda w: under("_layers.", w),
    "sar": lambda w: w | SAR,
    "student with sar": lambda w: under("Student.", w | SAR) | teacher(w),
    "structured names": lambda w: w | {"StructuredToParameterName@@": {name: name for name in w}},
    "float64": lambda w: {name: value.astype(np.float64) for name, value in w.items()},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_paddleocr(tmp_path: Path, weights: Weights, layout: str) -> None:
    loaded = load_checkpoint(save(tmp_path / "best_accuracy.pdparams", LAYOUTS[layout](weights))).state_dict()
    for name, value in weights.items():
        np.testing.assert_array_equal(loaded[name].numpy(), value)


def test_what_paddle_saves(tmp_path: Path, weights: Weights) -> None:
    import paddle

    path = tmp_path / "saved.pdparams"
    paddle.save({name: paddle.to_tensor(value) for name, value in weights.items()}, str(path))
    loaded = load_checkpoint(path).state_dict()
    for name, value in weights.items():
        np.testing.assert_array_equal(loaded[name].numpy(), value)


def test_left_out_branch_is_noted(tmp_path: Path, weights: Weights, capsys: pytest.CaptureFixture[str]) -> None:
    load_checkpoint(save(tmp_path / "a.pdparams", weights | SAR))
    assert "2 weights of head.sar_head serve training only" in capsys.readouterr().err


def test_exported_checkpoint_computes_the_same(tmp_path: Path, weights: Weights) -> None:
    import paddle

    from ocrm55.tasks.recognizer.sources import export

    path = save(tmp_path / "a.pdparams", weights)
    noise = np.random.default_rng(1).uniform(-1, 1, (1, 3, 48, 320)).astype(np.float32)
    wanted = load_checkpoint(path)(paddle.to_tensor(noise)).numpy()[0]
    folder = export(str(path), tmp_path / "model").directory
    np.testing.assert_allclose(PaddleRecognizer(folder).probabilities(noise), wanted, rtol=0, atol=2e-6)


def without(weights: Weights, *names: str) -> Weights:
    return {name: value for name, value in weights.items() if name not in names}


BAD: dict[str, tuple[Callable[[Weights], object], str]] = {
    "one weight missing": (lambda w: without(w, "head.ctc_head.fc.bias"), r"it lacks head\.ctc_head\.fc\.bias\."),
    "nothing of it": (lambda w: {"conv.weight": np.zeros(3)}, "it lacks .* and 193 more"),
    "another network": (
        lambda w: w | {"backbone.blocks2.0.dw_conv.lab.scale": np.zeros(1)},
        r"of another network: it has backbone\.blocks2",
    ),
    "another dictionary": (
        lambda w: w | {"head.ctc_head.fc.bias": np.zeros(6625), "head.ctc_head.fc.weight": np.zeros((64, 6625))},
        "has 6625 classes; the English dictionary has 97",
    ),
    "another shape": (
        lambda w: w | {"backbone.conv1._conv.weight": np.zeros((8, 3, 3, 3))},
        r"backbone\.conv1\._conv\.weight has the shape \[8, 3, 3, 3\], the network has \[16, 3, 3, 3\]",
    ),
    "diverged": (
        lambda w: w | {"backbone.conv1._conv.weight": np.full((16, 3, 3, 3), np.nan)},
        "holds values that are no numbers",
    ),
    "a list": (lambda w: [1, 2, 3], "holds a list, not the weights"),
    "empty": (lambda w: {}, "it lacks"),
}


@pytest.mark.parametrize("case", BAD)
def test_other_checkpoints_are_refused(tmp_path: Path, weights: Weights, case: str) -> None:
    content, sentence = BAD[case]
    path = save(tmp_path / "bad.pdparams", content(weights))
    with pytest.raises(InputError, match=sentence) as refused:
        load_checkpoint(path)
    assert str(path) in refused.value.sentence
    assert "\n" not in refused.value.sentence


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x04\x95"])
def test_files_that_are_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.pdparams"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a Paddle checkpoint") as refused:
        load_checkpoint(path)
    assert "\n" not in refused.value.sentence


def test_truncated_checkpoint(tmp_path: Path, weights: Weights) -> None:
    path = save(tmp_path / "cut.pdparams", weights)
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(InputError, match="cut short"):
        load_checkpoint(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none.pdparams")
