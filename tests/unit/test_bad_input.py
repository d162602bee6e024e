"""Bad input at the command line: one sentence, an exit code of its own kind, and nothing half-written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ocrm55 import cli
from ocrm55.errors import InputError, OutputError, ToolchainError

runner = CliRunner()


def run(*words: object) -> tuple[int, str]:
    """Exit status and what was printed, as `ocrm55 WORDS` gives them."""
    result = runner.invoke(cli.app, [str(word) for word in words])
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def no_file(path: Path) -> None:
    pass


def folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is no picture")


def truncated(path: Path) -> None:
    Image.effect_noise((200, 48), 80).save(path)
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize("make", [no_file, folder, empty, text, truncated])
@pytest.mark.parametrize("command", ["run-fvp", "verify"])
def test_images(tmp_path: Path, command: str, make: Callable[[Path], None]) -> None:
    picture = tmp_path / "word.png"
    make(picture)
    status, printed = run(command, picture, "--build-dir", tmp_path / "build")
    assert status == InputError.exit_code
    assert printed.count("error:") == 1
    assert str(picture) in printed.replace("\n", "")
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("damage", ["absent", "empty", "no_weights", "json", "foreign"])
def test_model_folders(tmp_path: Path, model_dir: Path, damage: str) -> None:
    source = tmp_path / "model"
    if damage != "absent":
        shutil.copytree(model_dir, source)
    match damage:
        case "empty":
            for file in source.iterdir():
                file.unlink()
        case "no_weights":
            (source / "inference.pdiparams").unlink()
        case "json":
            (source / "inference.json").write_text("{")
        case "foreign":
            (source / "inference.json").write_text('{"base_code": {}, "program": {}}')
    status, printed = run("export", "--source", source, "--build-dir", tmp_path / "build")
    assert status == InputError.exit_code
    assert printed.count("error:") == 1
    assert not (tmp_path / "build").exists()


def test_build_folder_that_cannot_be_written() -> None:
    # The kernel's own file system refuses even root, who often runs tests.
    status, printed = run("export", "--build-dir", "/proc/ocrm55")
    assert status == OutputError.exit_code
    assert "--build-dir" in printed


def test_missing_simulator(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("FVP_PATH", raising=False)
    status, printed = run("run-fvp", models / "samples" / "digit.png", "--build-dir", tmp_path / "build")
    assert status == ToolchainError.exit_code
    assert "qemu-system-arm" in printed


def test_fvp_that_is_not_there(tmp_path: Path, models: Path) -> None:
    picture = models / "samples" / "digit.png"
    status, printed = run("run-fvp", picture, "--fvp", tmp_path / "none", "--build-dir", tmp_path / "build")
    assert status == ToolchainError.exit_code
    assert "none" in printed


@pytest.mark.parametrize("words", [["run-fvp"], ["compile", "--target", "cortex-m4"], ["no-such-command"]])
def test_wrong_command_lines_end_with_2(words: list[str]) -> None:
    assert run(*words)[0] == 2
