"""Trainable weights out of inference models, against the network that they were written from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from ocrm55.errors import InputError
from ocrm55.export import onnx_model
from ocrm55.tasks.recognizer import model as paddle_model
from ocrm55.tasks.recognizer import sources
from ocrm55.tasks.recognizer.charset import load_dictionary
from ocrm55.tasks.recognizer.checkpoint import load_checkpoint
from ocrm55.tasks.recognizer.inference import OnnxRecognizer, PaddleRecognizer
from ocrm55.tasks.recognizer.onnx_weights import read_weights


@pytest.fixture(scope="module")
def network():  # type: ignore[no-untyped-def]
    """The recognizer with random weights, and batch norms that have seen something."""
    import paddle

    from ocrm55.tasks.recognizer.network import Recognizer

    paddle.seed(5)
    network = Recognizer()
    generator = np.random.default_rng(5)
    for name, value in network.state_dict().items():
        if name.endswith(("_mean", "_variance")):
            drawn = generator.uniform(0.5, 1.5, value.shape).astype(np.float32)
            value.set_value(paddle.to_tensor(drawn * (0.1 if name.endswith("_mean") else 1.0)))
    network.eval()
    return network


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    return paddle_model.write(network, load_dictionary(), tmp_path_factory.mktemp("inference") / "model").directory


@pytest.fixture(scope="module")
def file(folder: Path) -> Path:
    """The folder as paddle2onnx writes it, of any width, as PaddleOCR's own model is found."""
    model = paddle_model.RecognizerFolder(folder)
    path = folder.parent / "recognizer.onnx"
    onnx.save(onnx_model.converted(model.program, model.parameters), str(path))
    return path


def test_a_folder_and_an_onnx_file_give_back_every_weight(network, folder: Path, file: Path) -> None:  # type: ignore[no-untyped-def]
    wanted = {name: value.numpy() for name, value in network.state_dict().items()}
    for source in (folder, file):
        found = read_weights(source)
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[name], value) for name, value in wanted.items())


def test_an_onnx_file_is_exported_as_a_folder_that_answers_alike(file: Path, tmp_path: Path) -> None:
    model = sources.export(str(file), tmp_path / "model")
    noise = np.random.default_rng(1).uniform(-1, 1, (1, 3, 48, 320)).astype(np.float32)
    theirs = OnnxRecognizer(file).probabilities(noise)
    np.testing.assert_allclose(PaddleRecognizer(model.directory).probabilities(noise), theirs, atol=1e-4)


def test_folded_batch_norms_are_refused(folder: Path, tmp_path: Path) -> None:
    path = paddle_model.to_onnx(folder, tmp_path / "folded.onnx", check=False)
    with pytest.raises(InputError, match="has no batch norms"):
        read_weights(path)


def test_other_networks_are_refused(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(InputError, match="not a valid ONNX model: it is damaged or cut short"):
        load_checkpoint(path)
    fewer = onnx.load(str(file))
    del fewer.graph.node[-4:]
    fewer.graph.output[0].name = fewer.graph.node[-1].output[0]
    onnx.save(fewer, str(path))
    with pytest.raises(InputError, match=r"has \d+ weights where"):
        load_checkpoint(path)
    wider = onnx.load(str(file))
    constants = [each.t for node in wider.graph.node if node.op_type == "Constant" for each in node.attribute]
    first = next(each for each in [*wider.graph.initializer, *constants] if list(each.dims) == [16, 3, 3, 3])
    first.dims[:] = [16, 3, 1, 9]
    onnx.save(wider, str(path))
    with pytest.raises(InputError, match="shape"):
        load_checkpoint(path)


def test_the_same_weights_in_another_arithmetic_are_refused(model_dir: Path, tmp_path: Path) -> None:
    """What no shape gives away: a network that halves its input."""
    bundled = paddle_model.RecognizerFolder(model_dir)
    model = onnx_model.converted(bundled.program, bundled.parameters)
    source = model.graph.input[0].name
    for node in model.graph.node:
        node.input[:] = ["halved" if name == source else name for name in node.input]
    model.graph.initializer.append(helper.make_tensor("half", onnx.TensorProto.FLOAT, [1], [0.5]))
    model.graph.node.insert(0, helper.make_node("Mul", [source, "half"], ["halved"]))
    onnx.save(model, str(tmp_path / "halved.onnx"))
    with pytest.raises(InputError, match="give different outputs"):
        load_checkpoint(tmp_path / "halved.onnx")
