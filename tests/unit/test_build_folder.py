"""A stage runs when, and only when, what it read or wrote has changed."""

import os
import threading
from pathlib import Path

import pytest

from ocrm55 import stages
from ocrm55.build_folder import ModelFolder, run_stage
from ocrm55.compiler.options import CompileOptions, slug
from ocrm55.errors import InputError, OutputError
from ocrm55.files import digest, write_text


class Counter:
    """A stage's action that writes a file and counts how often it ran."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.runs = 0

    def __call__(self) -> None:
        self.runs += 1
        self.output.mkdir(exist_ok=True)
        (self.output / "result").write_text("result")


def test_a_link_in_place_of_an_output_is_refused_before_all_work(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    action = Counter(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="is a link"):
        run_stage("stage", "", tmp_path / "out", "read", action)
    assert action.runs == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_link_that_leads_nowhere_is_said_to(tmp_path: Path) -> None:
    link = tmp_path / "build"
    link.symlink_to(tmp_path / "nowhere")
    place = ModelFolder(link, "model")
    with pytest.raises(OutputError, match=f"{link} is a link that leads nowhere"), place.locked():
        pass
    with pytest.raises(OutputError, match=f"{link} is a link that leads nowhere"):
        write_text(link / "file", "")
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


def test_second_run_does_nothing(tmp_path: Path) -> None:
    action = Counter(tmp_path / "out")
    assert run_stage("a", "", action.output, "read", action)
    assert not run_stage("a", "", action.output, "read", action)
    assert action.runs == 1


@pytest.mark.parametrize("damage", ["edit", "remove", "add", "stamp"])
def test_damaged_output_is_made_again(tmp_path: Path, damage: str) -> None:
    action = Counter(tmp_path / "out")
    run_stage("a", "", action.output, "read", action)
    match damage:
        case "edit":
            (action.output / "result").write_text("other")
        case "remove":
            (action.output / "result").unlink()
        case "add":
            (action.output / "more").write_text("")
        case "stamp":
            (tmp_path / "out.stamp.json").write_text("[]")
    assert run_stage("a", "", action.output, "read", action)


def test_changed_input_and_force_run_again(tmp_path: Path) -> None:
    action = Counter(tmp_path / "out")
    run_stage("a", "", action.output, "read", action)
    assert run_stage("a", "", action.output, "other", action)
    assert run_stage("a", "", action.output, "other", action, force=True)


def test_failed_stage_leaves_no_stamp(tmp_path: Path) -> None:
    action = Counter(tmp_path / "out")
    run_stage("a", "", action.output, "read", action)

    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_stage("a", "", action.output, "other", fail)
    assert run_stage("a", "", action.output, "read", action)


def test_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    workspace = ModelFolder(tmp_path, "m")
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.wait()
        with workspace.locked():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with workspace.locked():
        entered.set()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("bundled", "en_ppocrv3_rec"),
        ("pp-ocrv3", "en_PP-OCRv3_mobile_rec"),
        ("runs/best accuracy.pdparams", "best_accuracy"),
        ("some/model folder/", "model_folder"),
    ],
)
def test_model_is_named_after_its_source(source: str, name: str) -> None:
    assert stages.Options(source=source).model_name == name


def test_different_options_never_share_an_artifact() -> None:
    images = (None, Path("a.png"), Path("b.png"))
    variants = {CompileOptions(image=image).variant for image in images}
    assert len(variants) == 3
    assert slug("../..") == "model"


def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    """A build folder of somebody else's may hold anything."""
    os.mkfifo(tmp_path / "out.stamp.json")
    action = Counter(tmp_path / "out")
    assert run_stage("a", "", action.output, "read", action)
    assert not run_stage("a", "", action.output, "read", action)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        digest([tmp_path / "pipe"])
