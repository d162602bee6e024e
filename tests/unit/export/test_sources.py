"""Sources of models: the bundled one, folders new and old, checkpoints, and what is none of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import InputError, OutputError
from ocrm55.tasks.recognizer import sources
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.inference import PaddleRecognizer
from ocrm55.tasks.recognizer.model import RecognizerFolder

# Paddle 3 can still write Paddle 2's format, but not of a network with matrix products; this one has the right ends.
OLD_NETWORK = """
import sys
import paddle
from paddle import nn

class Network(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(3, 97, (48, 8), stride=8)
        self.norm = nn.BatchNorm2D(97)

    def forward(self, x):
        return nn.functional.softmax(self.norm(self.conv(x)).squeeze(2).transpose([0, 2, 1]), axis=2)

paddle.seed(1)
network = Network()
network.eval()
network(paddle.ones([1, 3, 48, 320])).numpy().tofile(sys.argv[1] + "/ones.bin")
spec = [paddle.static.InputSpec([-1, 3, 48, -1], "float32", name="x")]
paddle.jit.save(paddle.jit.to_static(network, input_spec=spec, full_graph=True), sys.argv[1] + "/inference")
"""


@pytest.fixture(scope="module")
def old_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of Paddle 2: inference.pdmodel, inference.pdiparams, no inference.yml."""
    return write_old(tmp_path_factory.mktemp("old"), OLD_NETWORK)


def write_old(folder: Path, network: str) -> Path:
    (folder / "write.py").write_text(network)
    environment = {**os.environ, "FLAGS_enable_pir_api": "0"}
    subprocess.run(
        [sys.executable, folder / "write.py", folder], env=environment, check=True, capture_output=True, timeout=120
    )
    assert (folder / "inference.pdmodel").is_file()
    return folder


def test_bundled(tmp_path: Path, model_dir: Path) -> None:
    model = sources.export("bundled", tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [path.name for path in model.files]
    for ours, theirs in zip(model.files, RecognizerFolder(model_dir).files, strict=True):
        assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("named", ["", "inference.json", "inference.pdiparams", "inference.yml"])
def test_folder_or_a_file_in_it(tmp_path: Path, model_dir: Path, named: str) -> None:
    assert sources.export(str(model_dir / named), tmp_path / "model").charset == load_charset()


def test_export_onto_itself_changes_nothing(tmp_path: Path, model_dir: Path) -> None:
    folder = Path(shutil.copytree(model_dir, tmp_path / "model"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    sources.export(str(folder), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_replacing_a_model_keeps_its_card(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MODEL_CARD.md").write_text("about")
    (folder / "left-over.bin").write_text("old")
    sources.export("bundled", folder)
    assert (folder / "MODEL_CARD.md").read_text() == "about"
    assert not (folder / "left-over.bin").exists()


def test_folder_of_paddle_2(tmp_path: Path, old_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = sources.export(str(old_folder), tmp_path / "model")
    assert "PaddleOCR's English dictionary is taken" in capsys.readouterr().err
    assert model.charset == load_charset()
    ones = PaddleRecognizer(model.directory).probabilities(np.ones((1, 3, 48, 320), np.float32))
    wanted = np.fromfile(old_folder / "ones.bin", np.float32).reshape(40, 97)
    np.testing.assert_allclose(ones, wanted, rtol=0, atol=1e-6)


def test_folder_of_paddle_2_becomes_clean_onnx(tmp_path: Path, old_folder: Path) -> None:
    import onnx

    from ocrm55.tasks.recognizer.model import to_onnx

    model = sources.export(str(old_folder), tmp_path / "model")
    graph = onnx.load(str(to_onnx(model.directory, tmp_path / "model.onnx"))).graph
    assert [node.op_type for node in graph.node] == ["Conv", "Squeeze", "Transpose", "Softmax"]
    assert graph.node[0].name == "conv2d_0"


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_damaged_folder_of_paddle_2(tmp_path: Path, old_folder: Path, content: bytes) -> None:
    folder = Path(shutil.copytree(old_folder, tmp_path / "damaged"))
    (folder / "inference.pdmodel").write_bytes(content)
    with pytest.raises(InputError, match="not a Paddle 2 program, or is cut short") as refused:
        sources.export(str(folder), tmp_path / "model")
    assert "\n" not in refused.value.sentence
    assert not (tmp_path / "model").exists()


def test_a_program_of_paddle_2_that_paddle_refuses(tmp_path: Path, old_folder: Path) -> None:
    folder = Path(shutil.copytree(old_folder, tmp_path / "damaged"))
    content = (folder / "inference.pdmodel").read_bytes()
    (folder / "inference.pdmodel").write_bytes(content.replace(b"conv2d", b"conv9d"))
    with pytest.raises(InputError, match="cannot be translated to Paddle 3") as refused:
        sources.export(str(folder), tmp_path / "model")
    assert "\n" not in refused.value.sentence
    assert not (tmp_path / "model").exists()


def test_other_characters_are_refused_before_paddle_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_old(tmp_path, OLD_NETWORK.replace("97", "101"))
    monkeypatch.setattr("ocrm55.export.apart.run", lambda *_: pytest.fail("Paddle is imported"))
    with pytest.raises(InputError, match="nothing else says which characters its 101 classes are") as refused:
        sources.export(str(folder), tmp_path / "model")
    assert "--dict FILE" in refused.value.tries[0]


def test_folder_of_paddle_2_without_weights(tmp_path: Path, old_folder: Path) -> None:
    folder = Path(shutil.copytree(old_folder, tmp_path / "damaged"))
    (folder / "inference.pdiparams").unlink()
    with pytest.raises(InputError, match=r"has no inference\.pdiparams"):
        sources.export(str(folder), tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("absent", None, "there is no model"),
        ("model.tflite", b"x", "neither a model folder nor a .pdparams checkpoint nor an .onnx file"),
        ("model.onnx", b"x", "not a valid ONNX model: it is damaged or cut short"),
        ("model.pdparams", b"x", "not a Paddle checkpoint"),
    ],
)
def test_what_is_no_model(tmp_path: Path, name: str, content: bytes | None, sentence: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as refused:
        sources.export(str(path), tmp_path / "out")
    assert refused.value.tries
    assert not (tmp_path / "out").exists()


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no inference\.json"):
        sources.export(str(tmp_path / "empty"), tmp_path / "out")


def test_destination_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for destination in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError):
            sources.export("bundled", destination)


# A reshape by sizes of which one is a slice of a shape. Before Paddle 2.5 such a slice was declared with one element.
SLICED_NETWORK = """
import sys
import paddle
with paddle.pir_utils.OldIrGuard():
    paddle.enable_static()
    program, start = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(program, start):
        x = paddle.static.data("x", [-1, 3, 48, -1], "float32")
        y = paddle.nn.functional.avg_pool2d(paddle.nn.Conv2D(3, 97, 3, 2, 1)(x), (24, 4), (24, 4))
        size = [paddle.full([1], extent, "int32") for extent in (1, 97)] + [paddle.shape(y)[3]]
        y = paddle.nn.functional.softmax(y.reshape(size).transpose([0, 2, 1]), -1)
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(start)
        block = program.global_block()
        for operator in (each for each in block.ops if each.type == "slice"):
            block.var(operator.output("Out")[0]).desc.set_shape([1])
        paddle.static.save_inference_model(sys.argv[1] + "/inference", [x], [y], executor, program=program)
"""


def test_a_size_that_is_sliced_and_declared_with_one_element(tmp_path: Path) -> None:
    import onnx

    from ocrm55.tasks.recognizer.model import to_onnx

    (tmp_path / "old").mkdir()
    (tmp_path / "write.py").write_text(SLICED_NETWORK)
    words = [sys.executable, tmp_path / "write.py", tmp_path / "old"]
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    model = sources.export(str(tmp_path / "old"), tmp_path / "model")
    graph = onnx.load(str(to_onnx(model.directory, tmp_path / "model.onnx"))).graph  # compared with Paddle
    assert [size.dim_value for size in graph.output[0].type.tensor_type.shape.dim] == [1, 40, 97]


def test_an_old_folder_of_other_characters_needs_a_dictionary(tmp_path: Path) -> None:
    folder = write_old(tmp_path, OLD_NETWORK.replace("97", "6"))
    with pytest.raises(InputError, match=r"has no inference\.yml, .* its 6 classes are") as refused:
        sources.export(str(folder), tmp_path / "model")
    assert str(folder) in refused.value.sentence
    assert "--dict FILE" in refused.value.tries[0]
    assert not (tmp_path / "model").exists()
    (tmp_path / "dict.txt").write_text("a\nb\nc\nd\n")
    assert sources.export(str(folder), tmp_path / "model", tmp_path / "dict.txt").charset == ["", *"abcd", " "]


def test_a_folder_without_settings_needs_a_dictionary(tmp_path: Path, model_dir: Path) -> None:
    folder = Path(shutil.copytree(model_dir, tmp_path / "bare"))
    (folder / "inference.yml").unlink()
    with pytest.raises(InputError, match=r"has no inference\.yml, which names its characters"):
        sources.export(str(folder), tmp_path / "model")
    (tmp_path / "dict.txt").write_text("\n".join(load_charset()[1:-1]))
    assert sources.export(str(folder), tmp_path / "model", tmp_path / "dict.txt").charset == load_charset()
