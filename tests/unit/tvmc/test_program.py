"""The commands, from the command line: TVMC's own that are gone, exit codes, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner

from ocrm55 import cli
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.tvmc import program
from tests.unit.tvmc.mlf import ONLY, small_network

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "toolkit" / "tvmc_script"


@pytest.mark.parametrize("command", ["run", "tune", "micro"])
def test_gone_commands_say_what_to_use(command: str) -> None:
    with pytest.raises(UnsupportedError) as refused:
        program.run([command, "--help-is-not-there"])
    assert refused.value.sentence.startswith(f"tvmc {command}: ")
    assert refused.value.tries


def test_unknown_command() -> None:
    with pytest.raises(InputError, match="has no command compille"):
        program.run(["compille"])


def test_argument_files_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="argument files"):
        program.run(["--config=zephyr", "compile", "x.onnx"])


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    program.run(words)
    assert "tvmc compile --help" in capsys.readouterr().out


def test_through_ocrm55(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(small_network(), "net.onnx")
    runner = CliRunner()
    done = runner.invoke(cli.app, ["tvmc", "compile", *ONLY, "net.onnx", "-o", "net.tar", "-v"])
    assert done.exit_code == 0, done.output
    assert "net.tar: float32" in done.output
    assert (tmp_path / "net.tar").is_file()
    assert runner.invoke(cli.app, ["tvmc", "compile", "--target=llvm", "net.onnx"]).exit_code == 5
    assert runner.invoke(cli.app, ["tvmc", "compile", "--target=c", "gone.onnx"]).exit_code == 3
    assert "used:" in runner.invoke(cli.app, ["tvmc", "compile", "--help"]).output


def test_as_a_module(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "ocrm55.tvmc"]
    done = subprocess.run([*words, "tune"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 5
    assert "error: tvmc tune: nothing is tuned" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", [b"", b"no model at all"])
def test_broken_model(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(InputError, match="is not a valid ONNX model"):
        program.run(["compile", *ONLY, str(tmp_path / "net.onnx"), "-o", str(tmp_path / "net.tar")])
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


def test_script_shadows_nobody() -> None:
    """pip installs every script of a distribution, whatever extras are asked for: `tvmc` has one of its own."""
    main = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    script = tomllib.loads((SCRIPT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "tvmc" not in main["scripts"]
    assert script["scripts"] == {"tvmc": "ocrm55.start:tvmc"}
    assert script["version"] == main["version"]
    assert script["dependencies"] == [f"ocrm55=={main['version']}"]


@pytest.mark.slow
@pytest.mark.parametrize(("extras", "installed"), [("", ["ocrm55"]), ("[tvmc]", ["ocrm55", "ocrm55-tvmc"])])
def test_pip_takes_the_script_with_the_extra_only(extras: str, installed: list[str], tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="pip has no index to take it from here")
    report = tmp_path / "report.json"
    options = ["--dry-run", "--no-index", "--no-build-isolation", "--quiet", f"--report={report}"]
    command = [sys.executable, "-m", "pip", "install", *options, f"{ROOT}{extras}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    downloads = json.loads(report.read_text())["install"]
    found = {each["metadata"]["name"]: each["download_info"]["url"] for each in downloads}
    assert sorted(found) == installed
    assert found.get("ocrm55-tvmc", SCRIPT.as_uri()) == SCRIPT.as_uri()


def test_what_is_given_away_names_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = pytest.importorskip("hatchling.metadata.core").ProjectMetadata
    plugins = pytest.importorskip("hatchling.plugin.manager").PluginManager
    monkeypatch.delenv("PIP_BUILD_TRACKER", raising=False)
    extras = metadata(str(ROOT), plugins()).core.optional_dependencies
    assert extras["tvmc"] == ["ocrm55-tvmc==0.2.0"]
    assert {"npu", "train", "test", "dev"} <= set(extras)
    monkeypatch.setenv("PIP_BUILD_TRACKER", "1")
    extras = metadata(str(ROOT), plugins()).core.optional_dependencies
    assert extras["tvmc"] == [f"ocrm55-tvmc @ {SCRIPT.as_uri()}"]


def test_kernels_of_cmsis_nn_need_it_in_the_target_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not in --target=c"):
        program.run(["compile", "--target=c", "--kernels=cmsis-nn", str(tmp_path / "model.onnx")])
