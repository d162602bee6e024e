"""Model folders with something wrong anywhere in their bytes: a model, or one sentence; nothing in between."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ocrm55 import cli
from ocrm55.compiler import pipeline
from ocrm55.errors import InputError, Ocrm55Error
from ocrm55.tasks.recognizer.model import RecognizerFolder
from ocrm55.tasks.recognizer.task import RECOGNIZER
from tests import networks

FILES = ("inference.json", "inference.pdiparams", "inference.yml")
NAME = "small_plain"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small recognizer; read it, never write there."""
    return networks.RECIPES[NAME].write(tmp_path_factory.mktemp("whole") / NAME)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return shutil.copytree(whole, tmp_path / NAME)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes cut off, flipped, overwritten, taken out or put in twice."""
    start = draw(st.integers(0, len(content) - 1))
    length = draw(st.sampled_from([1, 2, 16, 500]))
    match draw(st.sampled_from(["cut", "flip", "fill", "remove", "repeat"])):
        case "cut":
            return content[:start]
        case "flip":
            return content[:start] + bytes([content[start] ^ 1 << draw(st.integers(0, 7))]) + content[start + 1 :]
        case "fill":
            return (
                content[:start]
                + draw(st.sampled_from([b"\0", b"\xff", b"9", b"["])) * length
                + content[start:][length:]
            )
        case "remove":
            return content[:start] + content[start + length :]
        case _:
            return content[: start + length] + content[start:]


def is_sentence(trouble: Ocrm55Error) -> bool:
    return isinstance(trouble, InputError) and "\n" not in trouble.sentence and len(trouble.sentence) < 600


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_a_model_or_a_sentence(folder: Path, whole: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    content = (whole / name).read_bytes()
    (folder / name).write_bytes(data.draw(damaged(content)))
    try:
        model = RecognizerFolder(folder)
    except Ocrm55Error as trouble:
        assert is_sentence(trouble), trouble.sentence
    else:
        assert len(model.charset) > 1 and all(isinstance(each, str) for each in model.charset)
        assert all(size > 0 for size in model.input_shape)
    finally:
        (folder / name).write_bytes(content)


# What a look at the files alone does not find, and only the conversion or Paddle itself does.
DEEPER = {
    "an operator that nobody knows": (r'"1\.hardswish"', '"1.softmurks"'),
    "a tensor that nobody gives": (r'("#": "1\.hardswish".*?"I": \[\{"%": )\d+', r"\g<1>99999"),
    "an attribute of another name": (r'"N": "strides"', '"N": "stridez"'),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", DEEPER)
def test_damage_that_only_the_conversion_finds(what: str, folder: Path, tmp_path: Path) -> None:
    path = folder / "inference.json"
    text, count = re.subn(*DEEPER[what], json.dumps(json.loads(path.read_text())), count=1, flags=re.S)
    assert count == 1, what
    path.write_text(text)
    words = ["compile", "--model", str(folder), "--precision", "float32", "--build-dir", str(tmp_path / "build")]
    result = CliRunner().invoke(cli.app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == InputError.exit_code, result.output
    assert result.output.count("error:") == 1
    assert not list((tmp_path / "build").glob("*/float32*"))  # the exported copy may stay, nothing else


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 5, 30])
def test_a_damaged_header_of_weights(place: int, folder: Path) -> None:
    path = folder / "inference.pdiparams"
    content = bytearray(path.read_bytes())
    content[place : place + 4] = b"\xff" * 4
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        pipeline.load(RECOGNIZER.network(folder))
    assert is_sentence(refused.value), refused.value.sentence


@pytest.mark.slow
def test_weights_that_are_no_numbers(folder: Path) -> None:
    path = folder / "inference.pdiparams"
    path.write_bytes(path.read_bytes()[:-4] + np.float32(np.nan).tobytes())
    with pytest.raises(InputError, match="no numbers"):
        pipeline.load(RECOGNIZER.network(folder))
