"""The model folder: what PaddleOCR's export writes is written, and foreign or damaged folders are refused."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.charset import load_charset, load_dictionary
from ocrm55.tasks.recognizer.model import RecognizerFolder, describe, settings_text


@pytest.fixture
def folder(tmp_path: Path, model_dir: Path) -> Path:
    """A copy of the bundled model to damage."""
    copy = tmp_path / "model"
    copy.mkdir()
    for path in model_dir.glob("inference.*"):
        shutil.copyfile(path, copy / path.name)
    return copy


def test_bundled_model(model_dir: Path) -> None:
    model = RecognizerFolder(model_dir)
    assert model.charset == load_charset()
    assert model.input_shape == (3, 48, 320)
    assert [path.name for path in model.files] == ["inference.json", "inference.pdiparams", "inference.yml"]


def test_bundled_model_names_no_place_of_this_machine(model_dir: Path) -> None:
    text = (model_dir / "inference.json").read_text() + (model_dir / "inference.yml").read_text()
    for place in ("/tmp", "/home", "/work", "/root", "/usr"):
        assert place not in text


def test_settings_survive_yaml() -> None:
    text = settings_text(load_dictionary())
    assert yaml.safe_load(text) == describe(load_dictionary())
    assert [type(each) for each in yaml.safe_load(text)["PostProcess"]["character_dict"]] == [str] * 95


def test_digits_that_lost_their_quotes_are_characters_still(folder: Path) -> None:
    path = folder / "inference.yml"
    path.write_text(path.read_text().replace("- '7'", "- 7"))
    assert RecognizerFolder(folder).charset == load_charset()


def edit_settings(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "inference.yml"
        settings = yaml.safe_load(path.read_text())
        change(settings)
        path.write_text(yaml.safe_dump(settings))

    return edit


def edit_program(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "inference.json"
        program = json.loads(path.read_text())
        change(program["program"]["regions"][0]["blocks"][0]["ops"])
        path.write_text(json.dumps(program))

    return edit


def shape_of(kind: str, shape: list[int]) -> Callable[[list[dict[str, Any]]], None]:
    def change(operations: list[dict[str, Any]]) -> None:
        for operation in operations:
            if operation["#"] == kind:
                operation["O"][0]["TT"]["D"][1] = shape

    return change


def write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (shutil.rmtree, "does not exist"),
        (lambda folder: (shutil.rmtree(folder), folder.write_text("x")), "is a file, not a model folder"),
        (lambda folder: (folder / "inference.json").unlink(), r"has no inference\.json"),
        (lambda folder: (folder / "inference.pdiparams").unlink(), r"has no inference\.pdiparams"),
        (lambda folder: (folder / "inference.yml").unlink(), r"has no inference\.yml"),
        (write("inference.json", b""), r"inference\.json is empty"),
        (write("inference.pdiparams", b""), r"inference\.pdiparams is empty"),
        (write("inference.json", b"{"), "not a Paddle 3 program"),
        (write("inference.json", b"\xff\xfe garbage"), "not a Paddle 3 program"),
        (write("inference.json", b'{"layers": []}'), "not a Paddle 3 program"),
        (write("inference.json", b'["program"]'), "not a Paddle 3 program"),
        (write("inference.yml", b"a: [b"), "not a YAML file"),
        (write("inference.yml", b"\xff\xfe"), "not a YAML file"),
        (write("inference.yml", b"just words"), "not a description of a model"),
        (write("inference.yml", b"Global: {model_name: PP-OCRv3_mobile_det}"), "does not describe a text recognizer"),
        (edit_settings(lambda s: s["PostProcess"].update(name="DBPostProcess")), "does not describe a text recognizer"),
        (edit_settings(lambda s: s["PostProcess"].update(character_dict=[])), "does not describe a text recognizer"),
        (edit_settings(lambda s: s.update(PostProcess="CTCLabelDecode")), "does not describe a text recognizer"),
        (edit_settings(lambda s: s["PostProcess"]["character_dict"].pop()), "97 classes, but .* names 96"),
        (edit_settings(lambda s: s["PostProcess"]["character_dict"].extend("éü")), "97 classes, but .* names 99"),
        (
            edit_settings(
                lambda s: s["PreProcess"]["transform_ops"][2].update(RecResizeImg={"image_shape": [3, 32, 320]})
            ),
            r"takes \[-1, 3, 48, -1\], not one image \[1, 3, 32, 320\]",
        ),
        (
            edit_settings(lambda s: s["PreProcess"]["transform_ops"][2].update(RecResizeImg=None)),
            "asks for images of None",
        ),
        (edit_program(shape_of("1.data", [-1, 3, 32, 100])), r"takes \[-1, 3, 32, 100\], not one image"),
        (edit_program(shape_of("1.data", [-1, 3])), r"takes \[-1, 3\], not one image"),
        (
            edit_program(lambda ops: ops.extend([op for op in ops if op["#"] == "1.data"])),
            "takes .* and .*, not one image",
        ),
        (edit_program(shape_of("1.fetch", [-1, 1000])), r"gives \[-1, 1000\], not one"),
        (edit_program(shape_of("1.fetch", [-1, -1, 6625])), "6625 classes, but .* names 97"),
        (lambda folder: os.truncate(folder / "inference.pdiparams", 5_000_000), "has 5000000 bytes where .* cut short"),
        (lambda folder: os.truncate(folder / "inference.pdiparams", 20_000_000), "has 20000000 bytes where"),
        (edit_program(lambda ops: ops.clear()), "takes nothing"),
    ],
)
def test_damaged_and_foreign_folders(folder: Path, damage: Callable[[Path], object], sentence: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=sentence) as refused:
        RecognizerFolder(folder)
    assert "\n" not in refused.value.sentence
    assert str(folder) in refused.value.sentence


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 99) | st.text("ab \n", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["#", "name"]), inner, max_size=2),
    max_leaves=3,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_anywhere_is_a_model_or_a_sentence(folder: Path, model_dir: Path, data: st.DataObject) -> None:
    """Replace one value, anywhere in the settings or at the ends of the program, by something else."""
    content = yaml.safe_load((model_dir / "inference.yml").read_text())
    program = json.loads((model_dir / "inference.json").read_text())
    operations = program["program"]["regions"][0]["blocks"][0]["ops"]
    operations[:] = [each for each in operations if each["#"] in ("p", "1.data", "1.fetch")][-8:]
    weights = sum(4 * math.prod(each["O"]["TT"]["D"][1]) for each in operations if each["#"] == "p")
    os.truncate(folder / "inference.pdiparams", weights)
    place: Any = data.draw(st.sampled_from([content, program]))
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(ANYTHING)
    (folder / "inference.yml").write_text(yaml.safe_dump(content))
    (folder / "inference.json").write_text(json.dumps(program))
    try:
        model = RecognizerFolder(folder)
    except InputError as refused:
        assert refused.sentence.count("\n") == 0
    else:
        assert model.input_shape[:2] == (3, 48)
        assert all(isinstance(character, str) for character in model.charset)


def test_writing_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    import paddle

    from ocrm55.tasks.recognizer.model import write
    from ocrm55.tasks.recognizer.network import Recognizer

    network = Recognizer(dropout=0.0)
    network.train()
    images = paddle.rand([2, 3, 48, 64])
    before = {name: (tensor.name, tensor.numpy().copy()) for name, tensor in network.state_dict().items()}
    write(network, load_dictionary(), tmp_path / "model")
    assert network.training
    for name, tensor in network.state_dict().items():
        assert tensor.name == before[name][0]
        np.testing.assert_array_equal(tensor.numpy(), before[name][1])
    network(images).mean().backward()
    assert network.backbone.conv1._conv.weight.grad is not None


def with_characters(folder: Path, *lines: str) -> None:
    """The folder's settings with other characters at the start of the dictionary, as YAML writes them."""
    settings = folder / "inference.yml"
    head, tail = settings.read_text(encoding="utf-8").split("character_dict:\n")
    kept = tail.split("\n")[len(lines) :]
    text = "\n".join([f"{head}character_dict:", *(f"  - {line}" for line in lines), *kept])
    settings.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("written", "named"),
    [
        (r'"\e]0;PWNED\a"', r"U\+001B"),
        (r'"\N"', r"U\+0085"),
        (r'"\t"', r"U\+0009"),
        (r'"x\L  text: PAY 1000 EUR, score: 1.000000\L"', r"U\+2028 LINE SEPARATOR"),
        (r'"\P"', r"U\+2029 PARAGRAPH SEPARATOR"),
        (r'"\u202Eabc"', r"U\+202E RIGHT-TO-LEFT OVERRIDE"),
        (r'"\0"', r"U\+0000"),
        ("a" * 17, "17 characters long"),
        ("[a]", "a list"),
    ],
)
def test_a_character_that_no_line_can_hold_is_named(folder: Path, written: str, named: str) -> None:
    with_characters(folder, written)
    with pytest.raises(InputError, match=f"character 1 in .*{named}") as refused:
        RecognizerFolder(folder)
    assert refused.value.sentence.isprintable()


def test_characters_are_what_is_written(folder: Path) -> None:
    written = ["~", "=", "1", "no", "0x1", "\u3000", "e\u0301", "1e3"]
    with_characters(folder, *(f'"{text}"' if text == "\u3000" else text for text in written))
    assert RecognizerFolder(folder).charset[1:9] == written
