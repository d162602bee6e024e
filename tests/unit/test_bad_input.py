"""Bad input at the command line: one sentence, an exit code of its own kind, and nothing half-written."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ocrm55 import cli
from ocrm55.errors import InputError, OutputError, ToolchainError, UnsupportedError

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


@pytest.mark.parametrize("place", ["/proc/x.png", "link.png"])
@pytest.mark.parametrize(
    "words",
    [
        "read {page} --draw {out}",
        "read {page} --hocr {out}",
        "read {page} --alto {out}",
        "report {picture} --out {out}",
        "bench kernels --markdown {out}",
        "profile {picture} --out /proc/x",
        "quantize-report --out /proc/x",
        "package --out /proc/x",
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_any_work(
    words: str, place: str, tmp_path: Path, models: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "file")
    places = {"page": models / "calibration_pages" / "page_00.jpg", "picture": models / "samples" / "digit.png"}
    given = words.format(out=tmp_path / place, **places).split()  # an absolute `place` stays what it is
    status, printed = run(*given, "--build-dir", tmp_path / "build")
    assert status == OutputError.exit_code, printed
    assert not (tmp_path / "build").exists()
    assert (tmp_path / "link.png").is_symlink()


@pytest.mark.parametrize("command", ["quantize-report --data {data}", "agree {data}", "eval {data}"])
def test_labels_are_read_before_anything_is_compiled(command: str, tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text("nothing.png\tabc\n")
    status, printed = run(*command.format(data=tmp_path).split(), "--build-dir", tmp_path / "build")
    assert (status, printed.count("error:")) == (InputError.exit_code, 1)
    assert not (tmp_path / "build").exists()


LARGEST = """
import resource, subprocess, sys
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
print(subprocess.run(sys.argv[1:], **quiet).returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "compile --arena-limit 100000",
        "compile --precision float32 --arena-limit 100000",
        "compile --npu ethos-u55-128 --arena-limit 300000",
        "compile --model detector --arena-limit 20000",
    ],
)
def test_refusals_take_little_memory(words: str, tmp_path: Path) -> None:
    """The largest process of each, children among them; the calibration alone takes more."""
    command = [sys.executable, "-P", "-m", "ocrm55", *words.split(), "--build-dir", str(tmp_path / "build")]
    # A small process starts it: until a child runs its program, the memory of who started it counts as its own.
    measured = subprocess.run([sys.executable, "-c", LARGEST, *command], capture_output=True, text=True, check=True)
    status, kibibytes = map(int, measured.stdout.split())
    assert status == UnsupportedError.exit_code
    assert 100 * 1024 < kibibytes < 512 * 1024


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
