"""Models with open shapes, Paddle models that are no recognizers, and files that are no models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from ocrm55.errors import InputError
from ocrm55.export import onnx_model
from ocrm55.tvmc import models
from tests.unit.tvmc.mlf import reference, small_network

WRITE_PADDLE = """
import sys, paddle, numpy
paddle.seed(1)
nn = paddle.nn
network = nn.Sequential(nn.Conv2D(3, 4, 3, padding=1), nn.Hardswish(), nn.AdaptiveAvgPool2D(1), nn.Flatten(),
                        nn.Linear(4, 6), nn.Softmax())
network.eval()
ones = paddle.ones([1, 3, 8, 8])
network(ones).numpy().tofile(sys.argv[1] + "/ones.bin")
spec = [paddle.static.InputSpec([-1, 3, -1, -1], "float32", name="x")]
paddle.jit.save(paddle.jit.to_static(network, input_spec=spec, full_graph=True), sys.argv[1] + "/classes")
"""


@pytest.fixture(scope="module", params=["classes.json", "classes.pdmodel"])
def paddle_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Paddle model that is no recognizer, in the format of Paddle 3 and of Paddle 2."""
    folder = tmp_path_factory.mktemp("paddle")
    (folder / "write.py").write_text(WRITE_PADDLE)
    environment = os.environ | {"FLAGS_enable_pir_api": "1" if request.param.endswith("json") else "0"}
    command = [sys.executable, folder / "write.py", folder]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    assert (folder / request.param).is_file()
    return folder / request.param


def test_any_paddle_model(paddle_model: Path) -> None:
    model = models.load(paddle_model, "paddle", {"x": (1, 3, 8, 8)})
    truth = np.fromfile(paddle_model.parent / "ones.bin", np.float32).reshape(1, 6)
    np.testing.assert_allclose(reference(model, np.ones((1, 3, 8, 8), np.float32)), truth, atol=1e-6)


@pytest.mark.parametrize("name", ["net.json", "net.pdmodel"])
def test_file_that_stands_for_a_paddle_model(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text("program")
    (tmp_path / "net.pdiparams").write_text("weights")
    seen: list[tuple[str, str]] = []

    def convert(program: Path, parameters: Path, shapes: dict) -> onnx.ModelProto:
        seen.append((program.name, parameters.name))
        return small_network()

    monkeypatch.setattr(onnx_model, "static_graph", convert)
    for file in (tmp_path / name, tmp_path / "net.pdiparams", tmp_path):
        models.load(file, "paddle", {})
    assert seen == [(name, "net.pdiparams")] * 3


def test_paddle_model_with_open_shapes(model_dir: Path) -> None:
    with pytest.raises(InputError, match="`x` leaves its shape open") as refused:
        models.load(model_dir, "paddle", {})
    assert "--input-shapes" in refused.value.tries[0]


def test_shapes_that_do_not_fit_a_paddle_model(monkeypatch: pytest.MonkeyPatch, model_dir: Path) -> None:
    monkeypatch.setattr(onnx_model, "converted", lambda *_: small_network(("n", 3, "h", "w")))
    with pytest.raises(InputError, match="no input `image`"):
        models.load(model_dir, "paddle", {"image": (1, 3, 8, 8)})
    with pytest.raises(InputError, match="has 4 dimensions, not 2"):
        models.load(model_dir, "paddle", {"x": (3, 8)})


def test_paddle_model_without_weights(tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(json.dumps({}))
    with pytest.raises(InputError, match=r"has no net\.pdiparams"):
        models.load(tmp_path / "net.json", "paddle", {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no Paddle model"):
        models.load(tmp_path / "empty", "paddle", {})


def test_shapes_of_an_onnx_model() -> None:
    fixed = models.with_shapes(small_network((1, 3, "height", "width")), {"x": (1, 3, 5, 20)})
    assert [d.dim_value for d in fixed.graph.output[0].type.tensor_type.shape.dim] == [1, 10, 5]
    image = np.random.default_rng(0).normal(size=(1, 3, 5, 20)).astype(np.float32)
    np.testing.assert_array_equal(reference(fixed, image), reference(small_network((1, 3, 5, 20)), image))
    onnx.checker.check_model(fixed)


@pytest.mark.parametrize(
    ("shape", "given", "sentence"),
    [
        ((1, 3, "height", 14), {}, "`x` leaves its shape open"),
        ((1, 3, 9, 14), {"y": (1,)}, "no input `y`"),
        ((1, 3, 9, 14), {"x": (1, 3, 9)}, r"has the shape \[1,3,9,14\], which \[1,3,9\] does not fit"),
        ((1, 3, 9, 14), {"x": (1, 3, 9, 15)}, "does not fit"),
        (("n", "c", "h", "w"), {"x": (1, 4, 9, 14)}, "does not run with these shapes"),
    ],
)
def test_shapes_that_do_not_fit(shape: tuple, given: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        models.with_shapes(small_network(shape), given)
    assert "\n" not in refused.value.sentence


def test_missing_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no model"):
        models.load(tmp_path / "net.onnx", "onnx", {})
    with pytest.raises(InputError, match="is a folder"):
        models.load(tmp_path, "onnx", {})


def test_precision() -> None:
    model = small_network()
    assert models.precision(model) == "float32"
    node = onnx.helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"])
    model.graph.node.append(node)
    assert models.precision(model) == "int8"


def test_an_old_opset_is_read_with_open_shapes(tmp_path: Path) -> None:
    """Softmax over all axes behind the first, of an input whose width is open."""
    nodes = [onnx.helper.make_node("Relu", ["x"], ["r"]), onnx.helper.make_node("Softmax", ["r"], ["y"], axis=2)]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 2, "w"]) for name in "xy"]
    graph = onnx.helper.make_graph(nodes, "old", ends[:1], ends[1:])
    original = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 9)], ir_version=4)
    onnx.save(original, tmp_path / "old.onnx")
    model = models.load(tmp_path / "old.onnx", "onnx", {"x": [1, 3, 2, 5]})
    image = np.random.default_rng(0).normal(size=(1, 3, 2, 5)).astype(np.float32)
    np.testing.assert_allclose(reference(model, image), reference(original, image), atol=1e-6)
