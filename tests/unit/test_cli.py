"""The program as a user meets it: help, version, one sentence for what goes wrong, and the exit status."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocrm55 import cli, console, errors

runner = CliRunner()


def test_version() -> None:
    result = runner.invoke(cli.app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("ocrm55 ")


def test_help_names_every_command() -> None:
    result = runner.invoke(cli.app, ["--help"])
    for name, *_ in cli._COMMANDS:
        assert name.split(" ")[0] in result.stdout


@pytest.mark.parametrize("name", [name for name, *_ in cli._COMMANDS])
def test_every_command_explains_itself(name: str) -> None:
    result = runner.invoke(cli.app, [*name.split(" "), "--help"])
    assert result.exit_code == 0, result.output
    assert "usage:" in result.stdout.lower()


def test_exit_codes_are_distinct() -> None:
    kinds = [errors.Ocrm55Error, *errors.Ocrm55Error.__subclasses__()]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes
    assert 2 not in codes  # the parser's own, for a wrong command line


def test_missing_image_is_one_sentence_and_its_exit_code(tmp_path_factory: pytest.TempPathFactory) -> None:
    missing = tmp_path_factory.mktemp("none") / "no.png"
    done = subprocess.run(
        [sys.executable, "-m", "ocrm55.cli", "run-fvp", str(missing)], capture_output=True, text=True, check=False
    )
    assert done.returncode == errors.InputError.exit_code
    assert done.stdout == ""
    assert done.stderr.count("error:") == 1
    assert "no.png" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("program", ["ocrm55", "tvmc"])
def test_interrupt_during_the_imports(program: str) -> None:
    script = f"""
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in ("typer", "ocrm55.console"):
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder())
from ocrm55 import start
start.{program}()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_nothing_follows_the_word() -> None:
    """TVM's C++ writes to the standard error when it is destroyed, which is after the word."""
    script = """
import atexit, os, sys, types
def main():
    atexit.register(os.write, 2, b"BlockBuilder destroyed\\n")
    print("interrupted", file=sys.stderr)
    sys.exit(143)
sys.modules["ocrm55.cli"] = types.SimpleNamespace(main=main)
from ocrm55 import start
start.ocrm55()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (143, "interrupted\n")


def test_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(cli.typer.Exit) as stop:
        cli._reporting(interrupted)()
    assert stop.value.exit_code == 130


def test_missing_program_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(errors.ToolchainError, match="no-such-program"):
        console.command(["no-such-program", "--flag"])


def test_failing_program_shows_its_last_lines_and_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(errors.ToolchainError, match="exit status 3"):
        console.command([sys.executable, "-c", "import sys; print('why'); sys.exit(3)"])
    shown = capsys.readouterr().err
    assert "why" in shown
    assert "sys.exit(3)" in shown


def test_program_without_end_is_stopped() -> None:
    with pytest.raises(errors.ToolchainError, match="did not finish"):
        console.command([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.5)


@pytest.mark.parametrize("command", [["eval"], ["package", "--out"], ["compile", "--model"], ["compare", "x"]])
def test_a_path_that_no_system_follows_is_one_sentence(command: list[str], tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (loop, tmp_path / ("a" * 300)):
        done = runner.invoke(cli.app, [*command, str(path)])
        assert done.exit_code in (errors.InputError.exit_code, errors.OutputError.exit_code), done.output
        assert done.output.count("error:") == 1


@pytest.mark.parametrize("number", ["9" * 5000, "\u00b2", "-1", ""])
@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
def test_any_size_of_a_terminal(name: str, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich makes a number of it, and fails."""
    monkeypatch.setenv(name, number)
    monkeypatch.setattr(sys, "argv", ["ocrm55", "compare", "nowhere", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == errors.InputError.exit_code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", ["--help", "boards --help"])
def test_help_for_a_full_disk(words: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ocrm55.cli", *words.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == errors.OutputError.exit_code
    assert "Traceback" not in done.stderr
    assert "the output" in done.stderr
