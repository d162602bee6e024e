"""Recognizers that come as ONNX files, and where their characters are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from ocrm55.compiler.onnx_graph import spelling
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.widths import sharing
from ocrm55.errors import InputError
from ocrm55.export import onnx_model
from ocrm55.tasks.recognizer import sources
from ocrm55.tasks.recognizer.inference import PaddleRecognizer
from ocrm55.tasks.recognizer.model import RecognizerFolder, settings_text, to_onnx
from tests.unit.compiler.onnx_networks import reference

CHARACTERS = ["a", "é", "中", " ", "~"]


def recognizer(
    classes: int = 7, *, opset: int = 11, width: int | str = "w", softmax: bool = True, characters: str = ""
) -> onnx.ModelProto:
    """A network with an open width: [1, 3, 32, w] becomes [1, w / 4, classes]."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(scale=0.2, size=(classes, 3, 32, 4)).astype(np.float32),
        "b": rng.normal(size=classes).astype(np.float32),
    }
    end = "logits" if softmax else "y"
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], strides=[32, 4], kernel_shape=[32, 4]),
        helper.make_node("Squeeze", ["c"], ["s"], axes=[2]),
        helper.make_node("Transpose", ["s"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Add", ["t", "b"], [end]),
        *([helper.make_node("Softmax", ["logits"], ["y"], axis=2)] if softmax else []),
    ]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, width]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "steps", classes]),
    ]
    graph = helper.make_graph(
        nodes, "recognizer", ends[:1], ends[1:], [numpy_helper.from_array(v, k) for k, v in weights.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6)
    if characters:
        helper.set_model_props(model, {"character": characters})
    return model


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    onnx.save(model, folder / "rec.onnx")
    return folder / "rec.onnx"


def written(folder: Path, lines: list[str], name: str = "dict.txt") -> Path:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def test_characters_of_the_metadata(tmp_path: Path) -> None:
    path = saved(recognizer(characters="\n".join(CHARACTERS)), tmp_path)
    model = sources.export(str(path), tmp_path / "model")
    assert model.charset == ["", *CHARACTERS, " "]
    assert model.input_shape == (3, 32, 320)
    assert sorted(each.name for each in (tmp_path / "model").iterdir()) == ["inference.onnx", "inference.yml"]


@pytest.mark.parametrize("name", ["rec.yml", "inference.yml"])
def test_characters_of_settings_beside_it(name: str, tmp_path: Path) -> None:
    path = saved(recognizer(), tmp_path)
    (tmp_path / name).write_text(settings_text(CHARACTERS, (32, 200)), encoding="utf-8")
    model = sources.export(str(path), tmp_path / "model")
    assert model.charset == ["", *CHARACTERS, " "]
    assert model.input_shape == (3, 32, 200)


def test_the_users_dictionary_comes_first(tmp_path: Path) -> None:
    path = saved(recognizer(characters="\n".join("vwxyz")), tmp_path)
    model = sources.export(str(path), tmp_path / "model", written(tmp_path, CHARACTERS))
    assert model.charset == ["", *CHARACTERS, " "]


def test_a_network_without_a_class_for_the_space(tmp_path: Path) -> None:
    path = saved(recognizer(classes=6), tmp_path)
    assert sources.export(str(path), tmp_path / "model", written(tmp_path, CHARACTERS)).charset == ["", *CHARACTERS]


def test_a_fixed_width_is_the_models(tmp_path: Path) -> None:
    path = saved(recognizer(width=64), tmp_path)
    (tmp_path / "rec.yml").write_text(settings_text(CHARACTERS, (48, 320)), encoding="utf-8")
    assert sources.export(str(path), tmp_path / "model").input_shape == (3, 32, 64)


@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("opset", [9, 11, 13])
def test_the_same_probabilities(opset: int, softmax: bool, tmp_path: Path) -> None:
    """ONNX Runtime gives those of the file itself before and after it got one static shape."""
    model = recognizer(opset=9 if opset == 9 else 11, softmax=softmax)
    if opset == 13:
        model = onnx.version_converter.convert_version(model, 13)
    folder = sources.export(str(saved(model, tmp_path)), tmp_path / "model", written(tmp_path, CHARACTERS))
    assert folder.gives_logits is not softmax
    static = to_onnx(folder.directory, tmp_path / "static.onnx", (1, 3, 32, 40))
    image = np.random.default_rng(1).uniform(-1, 1, (1, 3, 32, 40)).astype(np.float32)
    theirs = PaddleRecognizer(folder.directory).probabilities(image)
    import onnxruntime

    session = onnxruntime.InferenceSession(static, providers=["CPUExecutionProvider"])
    (ours,) = session.run(None, {session.get_inputs()[0].name: image})
    np.testing.assert_allclose(ours[0], theirs, atol=1e-6)
    np.testing.assert_allclose(theirs.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a", "b"], r"/rec\.onnx has 7 classes, but inference.yml names 4"),
        (["a", "", "b", "c", "d"], "line 2 .* is empty"),
        (["a", "\x1b[31m", "b", "c", "d"], r"U\+001B"),
        (["a", "b\u2028", "c", "d", "e"], r"U\+2028"),
        (["a", "b" * 17, "c", "d", "e"], "17 characters long"),
        ([str(number) for number in range(70_000)], "70000 characters"),
    ],
)
def test_dictionaries_that_do_not_fit(lines: list[str], words: str, tmp_path: Path) -> None:
    path = saved(recognizer(), tmp_path)
    with pytest.raises(InputError, match=words) as trouble:
        sources.export(str(path), tmp_path / "model", written(tmp_path, lines))
    assert ".ocrm55-" not in trouble.value.sentence  # no name of a folder that is gone
    assert not (tmp_path / "model").exists()


def test_damaged_dictionaries(tmp_path: Path) -> None:
    path = saved(recognizer(), tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "none.yml").write_text("PostProcess: {name: CTCLabelDecode}")
    for name, words in (("missing", "does not exist"), ("bytes", "cannot be read"), ("none.yml", "character_dict")):
        with pytest.raises(InputError, match=words):
            sources.export(str(path), tmp_path / "model", tmp_path / name)
    with pytest.raises(InputError, match="not a regular file"):
        sources.export(str(path), tmp_path / "model", Path("/dev/zero"))


def test_characters_that_nothing_names(tmp_path: Path) -> None:
    path = saved(recognizer(), tmp_path)
    with pytest.raises(InputError, match="nothing says which characters the 7 classes") as refused:
        sources.export(str(path), tmp_path / "model")
    assert "--dict FILE" in refused.value.tries[0]


def test_settings_as_a_dictionary_for_a_folder_of_paddle(tmp_path: Path, model_dir: Path) -> None:
    """The user's characters, with everything else of the folder's settings."""
    own = RecognizerFolder(model_dir).charset[1:-1]
    (tmp_path / "other.yml").write_text(settings_text(own[::-1]), encoding="utf-8")
    model = sources.export(str(model_dir), tmp_path / "model", tmp_path / "other.yml")
    assert model.charset == ["", *own[::-1], " "]
    described = yaml.safe_load((tmp_path / "model" / "inference.yml").read_text(encoding="utf-8"))
    assert described["Global"]["model_name"] == "en_PP-OCRv3_mobile_rec"


def test_a_width_that_the_network_computes_stays_open(tmp_path: Path) -> None:
    """A reshape to sizes that are computed from the input's: with a static input they are constants but for one."""
    model = recognizer(opset=11)  # its softmax is one of a tensor whose axes are not known before
    graph = model.graph
    graph.initializer.extend(
        [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in (("three", 3), ("seven", [7]), ("one", [1]))]
    )
    nodes = [
        helper.make_node("Shape", ["c"], ["size"]),
        helper.make_node("Gather", ["size", "three"], ["width"], axis=0),
        helper.make_node("Unsqueeze", ["width"], ["steps"], axes=[0]),
        helper.make_node("Concat", ["one", "seven", "steps"], ["sizes"], axis=0),
        helper.make_node("Reshape", ["c", "sizes"], ["s"]),
    ]
    rest = [node for node in graph.node if node.op_type != "Squeeze"]
    del graph.node[:]
    graph.node.extend([rest[0], *nodes, *rest[1:]])
    folder = sources.export(str(saved(model, tmp_path)), tmp_path / "model", written(tmp_path, CHARACTERS))
    static = onnx.load(to_onnx(folder.directory, tmp_path / "static.onnx", (1, 3, 32, 40)))
    read = {node.input[1] for node in static.graph.node if node.op_type == "Reshape"}
    sizes = [numpy_helper.to_array(each).tolist() for each in static.graph.initializer if each.name in read]
    assert sorted(sizes) == [[1, -1, 7], [1, 7, -1]]
    graph = Graph(static)
    spelling.rewrite(graph)
    assert [node.op_type for node in graph.nodes][-1] == "Softmax"
    image = np.random.default_rng(1).uniform(-1, 1, (1, 3, 32, 40)).astype(np.float32)
    np.testing.assert_allclose(reference(graph.model(), image), reference(model, image), atol=1e-6)
    wider = sharing.at_width(static, 80)
    assert [size.dim_value for size in wider.graph.output[0].type.tensor_type.shape.dim] == [1, 26, 7]


def test_sizes_without_an_axis_are_joined(tmp_path: Path) -> None:
    """Paddle 2 joins sizes of which some are computed, and some have no axis."""
    model = recognizer(opset=11)
    graph = model.graph
    graph.initializer.extend([numpy_helper.from_array(np.array(v, np.int64), k) for k, v in (("n", 1), ("seven", [7]))])
    nodes = [
        helper.make_node("Shape", ["c"], ["size"]),
        helper.make_node("Slice", ["size", "from", "to"], ["steps"]),
        helper.make_node("Concat", ["n", "seven", "steps"], ["sizes"], axis=0),
        helper.make_node("Reshape", ["c", "sizes"], ["s"]),
    ]
    graph.initializer.extend([numpy_helper.from_array(np.array([v], np.int64), k) for k, v in (("from", 3), ("to", 4))])
    rest = [node for node in graph.node if node.op_type != "Squeeze"]
    del graph.node[:]
    graph.node.extend([rest[0], *nodes, *rest[1:]])
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    cleaned = onnx_model._static(model, {None: (1, 3, 32, 40)})
    assert [size.dim_value for size in cleaned.graph.output[0].type.tensor_type.shape.dim] == [1, 10, 7]
