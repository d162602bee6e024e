"""`ocrm55 eval` and `ocrm55 train` as a user calls them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ocrm55.cli import app
from ocrm55.errors import InputError
from ocrm55.evaluation import evaluate

runner = CliRunner()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in "ab":
        cv2.imwrite(str(folder / f"{name}.png"), np.full((40, 120, 3), 250, np.uint8))
    (folder / "labels.tsv").write_text("a.png\tHello\nb.png\tB2\n")
    return folder


@pytest.mark.slow
def test_eval_shows_tables_and_writes_json_and_picture(data: Path, tmp_path: Path) -> None:
    done = runner.invoke(app, ["eval", str(data), "-o", str(tmp_path / "out"), "--build-dir", str(tmp_path / "build")])
    assert done.exit_code == 0, done.output
    assert "exact match" in done.stdout
    assert "small letters" in done.stdout
    values = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert values["on"] == "reference"
    assert "integer reference" in done.stdout
    assert values["model"]["name"] == "en_ppocrv3_rec"
    assert values["options"]["compile"]["precision"] == "int8"
    assert values["versions"]["onnxruntime"]
    assert [row["written"] for row in values["readings"]] == ["Hello", "B2"]
    assert (tmp_path / "out" / "mistakes.png").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval", "nowhere"],
        ["eval", "{data}", "--only", "nowhere.txt"],
        ["eval", "{data}", "--source", "nowhere", "--build-dir", "{data}/build"],
        ["eval", "--pages", "nowhere"],
        ["eval", "--pages", "{data}"],
        ["train", "--data", "nowhere", "--output", "{data}/out"],
        ["train", "--fonts", "{data}", "--output", "{data}/out"],
    ],
)
def test_bad_input_is_one_sentence_and_its_exit_code(arguments: list[str], data: Path) -> None:
    done = runner.invoke(app, [argument.format(data=data) for argument in arguments])
    assert done.exit_code == InputError.exit_code, done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "arguments", [["eval", "x", "--on", "moon"], ["train", "--steps", "0"], ["eval"], ["eval", "x", "--pages", "y"]]
)
def test_wrong_options_are_refused_by_the_program(arguments: list[str]) -> None:
    assert runner.invoke(app, arguments).exit_code == 2


def test_a_read_only_place_for_results_is_an_error_of_its_own(data: Path, tmp_path: Path) -> None:
    from ocrm55.errors import OutputError
    from ocrm55.evaluation import assess

    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        assess.write(tmp_path / "file" / "out", [], evaluate.Evaluation([], evaluate.metrics.score([])))
