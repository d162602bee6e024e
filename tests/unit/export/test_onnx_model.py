"""Paddle to ONNX: static, clean, named, and the same numbers."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from ocrm55.compiler.onnx_graph import entrance, frontend
from ocrm55.errors import InputError, ToolchainError, UnsupportedError
from ocrm55.export import constants, onnx_model
from ocrm55.tasks.recognizer.charset import load_dictionary
from ocrm55.tasks.recognizer.inference import OnnxRecognizer, PaddleRecognizer
from ocrm55.tasks.recognizer.model import RecognizerFolder, to_onnx


@pytest.fixture(scope="module")
def model(onnx_path: Path) -> onnx.ModelProto:
    return onnx.load(str(onnx_path))


def shape(value: onnx.ValueInfoProto) -> list[int]:
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]


def test_valid_and_static(model: onnx.ModelProto) -> None:
    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [17]
    assert [shape(value) for value in model.graph.input] == [[1, 3, 48, 320]]
    assert [shape(value) for value in model.graph.output] == [[1, 40, 97]]
    known = {value.name for value in model.graph.value_info if all(shape(value))}
    results = {name for node in model.graph.node for name in node.output} - {model.graph.output[0].name}
    assert results <= known


def test_only_the_arithmetic_of_the_network_is_left(model: onnx.ModelProto) -> None:
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["Conv"] == 36
    assert kinds["HardSwish"] == 27
    assert kinds["LayerNormalization"] == 5
    for gone in ("BatchNormalization", "Identity", "Constant", "Shape", "Cast", "Dropout"):
        assert kinds[gone] == 0


def test_operators_carry_the_names_of_their_layers(model: onnx.ModelProto) -> None:
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert names[:2] == ["backbone.conv1._conv", "backbone.conv1._conv/hardswish"]
    assert names[-1] == "head.ctc_head.fc/softmax"
    assert "backbone.block_list.11._se.conv2/mul" in names
    assert not [name for name in names if "p2o" in name]


def test_same_numbers_as_paddle_on_noise(model_dir: Path, onnx_path: Path) -> None:
    assert onnx_model.largest_difference(RecognizerFolder(model_dir), onnx_path, (1, 3, 48, 320)) <= 2e-6


def test_other_width(model_dir: Path, paddle_recognizer: PaddleRecognizer, tmp_path: Path) -> None:
    path = to_onnx(model_dir, tmp_path / "narrow.onnx", (1, 3, 48, 160), check=False)
    noise = np.random.default_rng(5).uniform(-1, 1, (1, 3, 48, 160)).astype(np.float32)
    ours = OnnxRecognizer(path).probabilities(noise)
    assert ours.shape == (20, 97)
    np.testing.assert_allclose(ours, paddle_recognizer.probabilities(noise), rtol=0, atol=2e-6)


def test_shape_arithmetic_is_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PaddleOCR's own network flattens and reshapes by sizes that it asks for at run time; ours does not."""
    import paddle

    from ocrm55.tasks.recognizer import network
    from ocrm55.tasks.recognizer.model import write

    def forward(self: network.SvtrEncoder, x: paddle.Tensor) -> paddle.Tensor:
        z = self.conv2(self.conv1(x))
        _, hidden, height, steps = z.shape
        z = z.flatten(2).transpose([0, 2, 1])
        for block in self.svtr_block:
            z = block(z)
        z = self.norm(z).reshape([0, height, steps, hidden]).transpose([0, 3, 1, 2])
        return self.conv1x1(self.conv4(paddle.concat([x, self.conv3(z)], axis=1)))

    monkeypatch.setattr(network.SvtrEncoder, "forward", forward)
    paddle.seed(2)
    folder = write(network.Recognizer(), load_dictionary(), tmp_path / "model").directory
    program = (folder / "inference.json").read_text()
    assert '"1.shape64"' in program or '"1.shape"' in program
    graph = onnx.load(str(to_onnx(folder, tmp_path / "model.onnx"))).graph
    kinds = Counter(node.op_type for node in graph.node)
    assert kinds["Conv"] == 36
    for gone in ("Shape", "Gather", "Cast", "BatchNormalization", "Identity"):
        assert kinds[gone] == 0
    constants = {initializer.name for initializer in graph.initializer}
    assert all(node.input[1] in constants for node in graph.node if node.op_type == "Reshape")


def test_difference_from_paddle_is_refused(
    model_dir: Path, onnx_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_model, "converted", lambda *_: onnx.load(str(onnx_path)))
    monkeypatch.setattr(onnx_model, "largest_difference", lambda *_: float("nan"))
    with pytest.raises(ToolchainError, match="differs from Paddle"):
        to_onnx(model_dir, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [{"data_type": 99}, {"data_type": 0}, {"dims": [7]}, {"data_location": 1}])
def test_a_constant_of_no_value_is_a_sentence(change: dict[str, Any]) -> None:
    node = helper.make_node("Constant", [], ["y"], value=numpy_helper.from_array(np.arange(6, dtype=np.float32)))
    held = node.attribute[0].t
    for name, value in change.items():
        held.ClearField(name)
        if isinstance(value, list):
            getattr(held, name).extend(value)
        else:
            setattr(held, name, value)
    model = helper.make_model(helper.make_graph([], "none", [], []), opset_imports=[helper.make_opsetid("", 17)])
    with pytest.raises(InputError, match="Constant of layer y cannot be computed"):
        constants.evaluate(node, {}, model)


def test_program_that_paddle2onnx_cannot_read(model_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in model_dir.glob("inference.*"):
        (folder / path.name).write_bytes(path.read_bytes().replace(b'"1.hardswish"', b'"1.softmurks"'))
    with pytest.raises(InputError, match=r"paddle2onnx cannot convert .*inference\.json") as refused:
        to_onnx(folder, tmp_path / "model.onnx")
    assert "\n" not in refused.value.sentence
    assert not (tmp_path / "model.onnx").exists()


def test_weights_that_paddle2onnx_misses(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in model_dir.glob("inference.*"):
        (folder / path.name).write_bytes(path.read_bytes()[:5_000_000])
    monkeypatch.setattr(RecognizerFolder, "_check_weights", lambda *_: None)
    with pytest.raises(InputError, match=r"inference\.pdiparams lacks the weights .*; it is cut short"):
        to_onnx(folder, tmp_path / "model.onnx")


def test_paddle2onnx_gives_the_same_with_and_without_its_python_part(model_dir: Path, tmp_path: Path) -> None:
    words = [str(model_dir / "inference.json"), str(model_dir / "inference.pdiparams")]
    script = "import sys; from ocrm55.export import paddle2onnx_process as p; {}; status = p.main(*sys.argv[1:]); "
    script += "sys.exit(status or ('paddle' in sys.modules) == {})"
    for name, change, alone in (("direct", "pass", True), ("usual", "p._converted = lambda *_: None", False)):
        arguments = [*words, str(tmp_path / name), str(onnx_model.OPSET)]
        done = subprocess.run([sys.executable, "-P", "-c", script.format(change, alone), *arguments], check=False)
        assert done.returncode == 0
    assert (tmp_path / "direct").read_bytes() == (tmp_path / "usual").read_bytes()


def test_modules_in_the_working_folder_do_not_run(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that somebody downloaded may hold a paddle2onnx.py."""
    for name in ("paddle2onnx", "onnx", "paddle", "numpy", "ocrm55"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger runs')")
    monkeypatch.chdir(tmp_path)
    assert to_onnx(model_dir, tmp_path / "model.onnx").is_file()


SIZES = {
    "ConstantOfShape": ([np.array([1 << 34])], {}),
    "Expand": ([np.ones(1, np.float32), np.array([1 << 34])], {}),
    "Tile": ([np.ones(1 << 10, np.float32), np.array([1 << 24])], {}),
    "Range": ([np.array(0, np.float32), np.array(2e10, np.float32), np.array(1, np.float32)], {}),
    "MatMul": ([np.ones((200_000, 1), np.float32), np.ones((1, 200_000), np.float32)], {}),
    "Add": ([np.ones((200_000, 1), np.float32), np.ones((1, 200_000), np.float32)], {}),
    "Pad": ([np.ones(2, np.float32), np.array([1 << 34, 0])], {}),
    "Resize": (
        [np.ones((1, 1, 2, 2), np.float32), np.zeros(0, np.float32), np.array([1, 1, 1e5, 1e5], np.float32)],
        {},
    ),
}


@pytest.mark.parametrize("kind", SIZES)
def test_constants_that_grow_are_refused_before_they_are_computed(kind: str, tmp_path: Path) -> None:
    """Each is a small file, and gigabytes where it is computed."""
    values, attributes = SIZES[kind]
    names = [f"c{place}" for place in range(len(values))]
    nodes = [
        onnx.helper.make_node(kind, names, ["large"], **attributes),
        onnx.helper.make_node("ReduceSum", ["large"], ["sum"], keepdims=0),
        onnx.helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    kinds = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy"]
    constants = [onnx.numpy_helper.from_array(value, name) for name, value in zip(names, values, strict=True)]
    graph = onnx.helper.make_graph(nodes, "g", kinds[:1], kinds[1:], constants)
    path = tmp_path / "large.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), path)
    with pytest.raises(UnsupportedError, match=f"^{kind} of layer large makes .* values of constants"):
        onnx_model.static_file(path, (1, 3, 8, 8))


def test_constants_that_grow_together_are_refused(tmp_path: Path) -> None:
    """None of them is large by itself; they are refused before the second is there."""
    kinds = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy"]
    nodes = [onnx.helper.make_node("Identity", ["x"], ["s0"])]
    for place in range(3):
        nodes.append(onnx.helper.make_node("Expand", ["c", "size"], [f"e{place}"]))
        nodes.append(onnx.helper.make_node("ReduceSum", [f"e{place}"], [f"r{place}"], keepdims=0))
        nodes.append(onnx.helper.make_node("Add", [f"s{place}", f"r{place}"], [f"s{place + 1}" if place < 2 else "y"]))
    constants = [onnx.numpy_helper.from_array(np.ones(1, np.float32), "c")]
    constants.append(onnx.numpy_helper.from_array(np.array([10_000_000]), "size"))
    graph = onnx.helper.make_graph(nodes, "g", kinds[:1], kinds[1:], constants)
    path = tmp_path / "large.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), path)
    with pytest.raises(UnsupportedError, match=r"^operators on constants add 19,999,996 values"):
        onnx_model.static_file(path, (1, 3, 8, 8))
    with pytest.raises(UnsupportedError, match=r"^operators on constants add 29,999,994 values"):
        frontend.check(entrance.read(path))


def test_a_tensor_that_no_memory_holds_is_refused(tmp_path: Path) -> None:
    pads = onnx.numpy_helper.from_array(np.array([0, 0, 0, 1 << 40, 0, 0, 0, 0]), "pads")
    kinds = [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 8, 8])]
    kinds.append(onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3, 8, (1 << 40) + 8]))
    nodes = [onnx.helper.make_node("Pad", ["x", "pads"], ["wide"]), onnx.helper.make_node("Relu", ["wide"], ["y"])]
    path = tmp_path / "wide.onnx"
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "g", kinds[:1], kinds[1:], [pads]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
    )
    onnx.save(model, path)
    with pytest.raises(UnsupportedError, match="values are the most"):
        onnx_model.static_file(path, (1, 3, 8, 8))
