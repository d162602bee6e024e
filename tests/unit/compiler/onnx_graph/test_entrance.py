"""ONNX files of strangers: one sentence each, no crash, no hang, no byte of another file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ocrm55.compiler.onnx_graph import entrance
from ocrm55.errors import InputError, Ocrm55Error, UnsupportedError
from tests.unit.compiler.onnx_networks import network

IMAGE = [1, 3, 8, 16]
Change = Callable[[onnx.ModelProto], object]


def convolution(**attributes: object) -> onnx.ModelProto:
    weights = {"w": np.ones((3, 3, 1, 1), np.float32)}
    return network(IMAGE, [("Conv", ["x", "w"], "y", attributes)], weights, IMAGE)


def one(operator: str, inputs: list[str] | None = None, opset: int = 17, **attributes: object) -> onnx.ModelProto:
    return network(IMAGE, [(operator, inputs or ["x"], "y", attributes)], {}, IMAGE, opset)


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_model_comes_back_as_it_is(tmp_path: Path) -> None:
    model = convolution()
    assert entrance.read(saved(model, tmp_path)) == model


# --- external data ---


def with_external(location: str, offset: object = 0, length: object = 36) -> onnx.ModelProto:
    model = convolution()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", str(offset)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return model


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for a model, beside a secret that is not the model's."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(100))
    (folder / "data.bin").write_bytes(np.arange(10, dtype=np.float32).tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret")
    (folder / "inside.bin").symlink_to("data.bin")
    (folder / "loop.bin").symlink_to("loop.bin")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "sub").mkdir()
    os.link(tmp_path / "secret", folder / "hard.bin")
    os.mkfifo(folder / "fifo.bin")
    return folder


@pytest.mark.parametrize("location", ["data.bin", "./sub/../data.bin", "inside.bin"])
def test_external_data_in_the_models_folder(place: Path, location: str) -> None:
    model = entrance.read(saved(with_external(location, offset=4), place))
    np.testing.assert_array_equal(numpy_helper.to_array(model.graph.initializer[0]).ravel(), np.arange(1, 10))
    assert not model.graph.initializer[0].external_data


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/etc/passwd", "outside"),
        ("../secret", "outside"),
        ("sub/../../secret", "outside"),
        ("link.bin", "outside"),
        ("folder/secret", "outside"),
        ("", "outside"),
        ("/dev/zero", "outside"),
        ("hard.bin", "one name"),
        ("fifo.bin", "regular"),
        ("sub", "regular"),
        ("none.bin", "regular"),
        ("loop.bin", "cannot be read|outside|regular"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read|regular"),
    ],
)
def test_external_data_from_elsewhere_is_refused(place: Path, location: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        entrance.read(saved(with_external(location), place))


@pytest.mark.parametrize(("offset", "length"), [(0, 44), (5, 36), (-4, 36), (0, -1), ("1e9", 36), (0, 10**30), (0, 4)])
def test_external_data_that_is_cut_short_is_refused(place: Path, offset: object, length: object) -> None:
    with pytest.raises(InputError, match=r"cut short|has not the bytes"):
        entrance.read(saved(with_external("data.bin", offset, length), place))


def test_the_models_own_folder_may_be_a_link(place: Path, tmp_path: Path) -> None:
    saved(with_external("data.bin"), place)
    (tmp_path / "elsewhere").symlink_to(place)
    assert entrance.read(tmp_path / "elsewhere" / "model.onnx")


# --- the file ---


def test_only_regular_files_of_a_size_that_a_model_has(tmp_path: Path) -> None:
    sparse, pipe = tmp_path / "sparse.onnx", tmp_path / "pipe.onnx"
    with sparse.open("wb") as file:
        file.truncate(1 << 40)
    os.mkfifo(pipe)
    for path, words in (
        (sparse, "is the most"),
        (pipe, "regular"),
        (tmp_path, "regular"),
        (Path("/dev/zero"), "regular"),
    ):
        with pytest.raises(InputError, match=words):
            entrance.read(path)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_bytes_are_one_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(convolution(strides=[2, 2]).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(bytes(content))
    try:
        entrance.read(path)
    except Ocrm55Error as trouble:
        assert trouble.sentence.isprintable()


# --- what is in it ---


def edited(change: Change) -> onnx.ModelProto:
    model = convolution()
    change(model)
    return model


def dims(*sizes: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].dims[:] = sizes

    return change


def opset(*versions: tuple[str, int]) -> Change:
    def change(model: onnx.ModelProto) -> None:
        del model.opset_import[:]
        model.opset_import.extend(helper.make_opsetid(*each) for each in versions)

    return change


def branch() -> onnx.ModelProto:
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["z"])], "inner", [], [
        helper.make_tensor_value_info("z", TensorProto.FLOAT, IMAGE)
    ])  # fmt: skip
    model = network(
        IMAGE, [("If", ["c"], "y", {"then_branch": inner, "else_branch": inner})], {"c": np.array(True)}, IMAGE
    )
    return model


def listed(kind: int, shape: Sequence[int | str]) -> onnx.ModelProto:
    """The weights among the inputs, too, as old exporters list them, with this type and shape."""
    model = convolution()
    name = model.graph.initializer[0].name
    model.graph.input.append(helper.make_tensor_value_info(name, kind, shape))
    return model


REFUSED: dict[str, tuple[onnx.ModelProto, str]] = {
    "short data": (edited(dims(3, 3, 2, 2)), "has not the bytes"),
    "negative": (edited(dims(-3, 3, 1, 1)), "has the shape"),
    "huge": (edited(dims(1 << 31, 1 << 31)), "has the shape"),
    "declared larger": (listed(TensorProto.FLOAT, (3, 3, 1, 2)), "than the one declared"),
    "declared flat": (listed(TensorProto.FLOAT, (9,)), "than the one declared"),
    "declared as whole numbers": (listed(TensorProto.INT64, (3, 3, 1, 1)), "than the one declared"),
    "no opset": (edited(opset()), "opset none"),
    "opset 0": (edited(opset(("", 0))), "opset 0"),
    "opset of the future": (edited(opset(("", 99))), "opset 99"),
    "two opsets": (edited(opset(("", 17), ("ai.onnx", 13))), "opset 17, 13"),
    "bfloat16": (edited(lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.BFLOAT16)), "BFLOAT16"),
    "text": (edited(lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.STRING)), "STRING"),
    "unknown type": (edited(lambda m: setattr(m.graph.initializer[0], "data_type", 77)), "type 77"),
    "long name": (edited(lambda m: setattr(m.graph.node[0], "name", "n" * 600)), "600 characters"),
    "no nodes": (edited(lambda m: m.graph.ClearField("node")), "no operators"),
    "another domain": (edited(lambda m: setattr(m.graph.node[0], "domain", "com.microsoft")), "com.microsoft"),
    "function": (
        edited(lambda m: m.functions.append(helper.make_function("d", "F", ["a"], ["b"], [], []))),
        "functions of its own",
    ),
    "subgraph": (branch(), "a graph of its own"),
    "stride 0": (convolution(strides=[0, 1]), "strides are"),
    "stride -1": (convolution(strides=[1, -1]), "strides are"),
    "stride 2^62": (convolution(strides=[1 << 62, 1]), "strides are"),
    "dilation 0": (convolution(dilations=[0, 0]), "dilations are"),
    "window 0": (one("MaxPool", kernel_shape=[0, 2]), "kernel_shape are"),
    "negative border": (one("MaxPool", kernel_shape=[2, 2], pads=[-1, 0, 0, 0]), "pads are"),
    "no group": (convolution(group=0), "0 groups"),
    "training": (
        one("BatchNormalization", ["x", "a", "b", "c", "d"], training_mode=1),
        "training mode",
    ),
    "rounded up": (one("LpPool", opset=18, kernel_shape=[3, 3], ceil_mode=1), "ceil_mode"),
    "log sum exp": (one("ReduceLogSumExp", axes=[3]), "other numbers"),
    "cast": (one("Cast", to=TensorProto.BFLOAT16), "BFLOAT16"),
    "cast to text": (one("Cast", to=TensorProto.STRING), "STRING"),
    "text constant": (one("Constant", value_string=b"a"), "value_string"),
    "two constants": (one("Constant", value_int=1, value_float=2.0), "value_float, value_int"),
    "no constant": (one("Constant"), "missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_computed_wrongly_is_refused(name: str, tmp_path: Path) -> None:
    model, words = REFUSED[name]
    with pytest.raises((InputError, UnsupportedError), match=words) as refused:
        entrance.read(saved(model, tmp_path))
    assert len(refused.value.sentence) < 600


@pytest.mark.parametrize("shape", [(3, 3, 1, 1), (3, "n", 1, 1)])
def test_a_constant_may_be_declared_among_the_inputs(shape: Sequence[int | str], tmp_path: Path) -> None:
    entrance.read(saved(listed(TensorProto.FLOAT, shape), tmp_path))


@pytest.mark.parametrize("kind", ["int16", "uint16", "int32"])
@pytest.mark.parametrize("operator", ["QuantizeLinear", "DequantizeLinear"])
def test_other_integers_than_bytes_are_refused(kind: str, operator: str, tmp_path: Path) -> None:
    constants = {"s": np.array(0.1, np.float32), "z": np.array(0, kind), "q": np.zeros(IMAGE, kind)}
    source = "q" if operator == "DequantizeLinear" else "x"
    model = network(IMAGE, [(operator, [source, "s", "z"], "y", {})], constants, IMAGE, 21)
    if operator == "QuantizeLinear":
        model.graph.output[0].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    if kind == "int32" and operator == "DequantizeLinear":  # biases
        assert entrance.read(saved(model, tmp_path))
        return
    with pytest.raises((UnsupportedError, InputError), match=r"int8 and uint8|holds (U)?INT16"):
        entrance.read(saved(model, tmp_path))


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("value_float", 1.5, np.float32(1.5)),
        ("value_floats", [1.0, 2.0], np.array([1, 2], np.float32)),
        ("value_int", 7, np.int64(7)),
        ("value_ints", [7, 8], np.array([7, 8], np.int64)),
        ("value", numpy_helper.from_array(np.ones(3, np.float32)), np.ones(3, np.float32)),
    ],
)
def test_constants_in_all_forms(form: str, value: object, expected: np.ndarray, tmp_path: Path) -> None:
    shape = list(np.shape(expected))
    model = network(IMAGE, [("Constant", [], "y", {form: value})], {}, shape)
    model.graph.output[0].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.asarray(expected).dtype)
    node = entrance.read(saved(model, tmp_path)).graph.node[0]
    np.testing.assert_array_equal(numpy_helper.to_array(node.attribute[0].t), expected)


def test_names_that_are_no_text_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    model = convolution()
    model.graph.name, model.graph.node[0].name = "mark", "mark"
    model.graph.value_info.append(helper.make_tensor_value_info("mark", TensorProto.FLOAT, [1]))
    names = {"mark", *(each.name for each in (*model.graph.input, *model.graph.output, *model.graph.initializer))}
    names |= {attribute.name for node in model.graph.node for attribute in node.attribute}
    data = model.SerializeToString()
    path = tmp_path / "model.onnx"
    for name in sorted(names):
        text = bytes([len(name)]) + name.encode()
        for start in range(len(data)):
            if data[start : start + len(text)] == text:
                path.write_bytes(data[: start + 1] + b"\xff" + data[start + 2 :])
                with pytest.raises((InputError, UnsupportedError)):
                    entrance.read(path)
