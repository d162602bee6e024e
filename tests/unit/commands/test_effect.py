"""An option that would have no effect beside the others is refused, before anything is made."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ocrm55 import cli, libraries
from ocrm55.commands import effect
from ocrm55.errors import InputError, can_be_tried

_NAMES = "|".join(name for name, *_ in cli._COMMANDS if name != "tvmc")
_LINE = re.compile(rf"ocrm55 (?P<name>{_NAMES})\b(?P<rest>[^`]*)")
REFUSED = [
    ("compile --size 320x320", "--size has no effect without --detector."),
    ("package --out package --size 320x320", "--size has no effect without --detector."),
    ("read page.png --every 2", "--every has no effect without --video."),
    ("read --video film.avi --pixels gray8", "--pixels has no effect with --video"),
    ("report a.png --detector bundled", "--detector has no effect without --page."),
    ("report a.png --page --cycles", "--cycles has no effect with --page."),
    ("report a.png --page --evaluation there", "--evaluation has no effect with --page."),
    ("report a.png --fvp there", "--fvp has no effect with --simulator qemu."),
    ("run-fvp a.png --size 320x320", "--size has no effect without --page."),
    ("run-fvp digit.png --simulator qemu --frame rgb565 --strict", "--strict has no effect with --frame."),
    ("run-fvp a.png --simulator native --toolchain clang", "--toolchain has no effect on a program of this computer"),
    ("verify a.png --size 320x320", "--size has no effect without --page."),
    ("verify a.png --simulator native --fvp there", "--fvp has no effect with --simulator native."),
    ("eval DATA --size 96x96", "--size has no effect without --pages."),
    ("eval DATA --simulator qemu", "--simulator has no effect without --on target."),
    ("eval DATA --timeout 9", "--timeout has no effect without --on target."),
    ("eval DATA --on host --precision int8", "--precision has no effect on the host"),
    ("eval DATA --on host --arena-limit 9", "--arena-limit has no effect on the host"),
    ("eval DATA --cluster tcp://a:1 --workers 2", "--workers has no effect with --cluster."),
    ("eval --pages DIR --reject 0.5", "--reject has no effect with --pages."),
    ("eval --pages DIR --precision int8", "--precision has no effect on the host"),
    ("profile a.png --cycles --sort macs", "--sort has no effect with --cycles"),
    ("profile a.png --json --sort macs", "--sort has no effect with --json."),
    ("bench kernels --fork there", "--fork has no effect on kernels."),
    ("bench kernels --record", "--record has no effect without --against."),
    ("bench silicon --against cmsis-nn", "--against has no effect on silicon."),
    ("compare a b --json --most 20", "--most has no effect with --json"),
    ("headers --width 320", "--width has no effect without an IMAGE."),
    ("headers a.png --library a.tar --height 32", "--height has no effect with --library"),
    ("train --apart list.txt", "--apart has no effect without --data."),
    ("compile --npu-fallback", "--npu-fallback has no effect without --npu."),
    ("compile --npu-memory-mode Sram_Only", "--npu-memory-mode has no effect without --npu."),
    ("build --ethosu-driver there", "--ethosu-driver has no effect without --npu."),
    ("compile --precision float32 --calibrate words", "--calibrate has no effect on a network in float32."),
    ("compile --precision float32 --kernels cmsis-nn", "--kernels has no effect on a network in float32."),
    ("compile --model detector --decoder greedy", "--decoder has no effect on a detector"),
    ("compile --model detector --detector bundled", "detector finds lines and reads none."),
]


@pytest.mark.parametrize(("line", "sentence"), REFUSED)
def test_what_would_have_no_effect_is_refused(
    line: str, sentence: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(models / "samples" / word) if word == "digit.png" else word for word in line.split()]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == InputError.exit_code, done.output
    assert sentence in done.output
    assert list(tmp_path.iterdir()) == []


def options_of(name: str) -> set[str]:
    """The options of a command such as `fvp install`."""
    command: Any = typer.main.get_command(cli.app)
    for word in name.split():
        command = command.commands[word]
    return {option for each in command.params for option in (*each.opts, *each.secondary_opts)}


def test_no_command_advises_an_option_that_it_lacks(models: Path, tmp_path: Path) -> None:
    digit = str(models / "samples" / "digit.png")
    build = ["--build-dir", str(tmp_path)]
    report = CliRunner().invoke(cli.app, ["report", digit, "--simulator", "native", *build])
    assert "a native program counts no instructions" in report.output
    assert "--stats" not in report.output
    assert "try: --simulator qemu" in report.output
    run = CliRunner().invoke(cli.app, ["run-fvp", digit, "--simulator", "native", "--stats", *build])
    assert "try: leave --stats out" in run.output
    model = CliRunner().invoke(cli.app, ["tvmc", "compile", "--target=c", str(tmp_path / "model")])
    assert "try: --model-format=onnx" in model.output  # an argument of its own parser


def test_what_is_not_there_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    known = frozenset({"--widths", "--npu", "--model", "--source"})
    written: Mapping[str, tuple[str, ...]] = {"widths": ("--widths",), "source": ("--model", "--source")}
    monkeypatch.setattr(effect, "_KNOWN", SimpleNamespace(get=lambda: known))
    monkeypatch.setattr(effect, "_WRITTEN", SimpleNamespace(get=lambda: written))
    helpful = ["leave --widths out", "leave --source out", "leave --npu and --widths out", "leave it out"]
    assert effect.advice(["leave --npu out", *helpful]) == helpful


@pytest.mark.parametrize(
    ("attempt", "told"),
    [
        ("--width 320", True),
        ("leave --npu out", False),
        ("--width 320 and --stats", False),
        ("ocrm55 eval DATA --output DIR", True),
        ("pip install --force-reinstall ocrm55", True),
        ("a narrower input", True),
    ],
)
def test_what_is_advised_can_be_done(attempt: str, told: bool) -> None:
    assert can_be_tried(attempt, {"--width"}) == told


def test_whole_command_lines_that_are_advised_have_their_options() -> None:
    unknown = []
    for file in sorted(Path(cli.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else ""
            for found in _LINE.finditer(text) if isinstance(text, str) else ():
                named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", found["rest"]))
                if named - options_of(found["name"]):
                    unknown.append((file.name, found[0]))
    assert unknown == []


def test_what_one_command_was_given_is_not_the_next_ones() -> None:
    CliRunner().invoke(cli.app, ["compile", "--npu-fallback"])
    assert not effect.is_written("npu_fallback")
    effect.refuse("here", ["npu_fallback"])


@pytest.mark.parametrize("command", ["compile", "build", "bench kernels"])
def test_a_wrong_cmsis_nn_is_refused_where_nothing_uses_it_too(command: str, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        line = [*command.split(), "--cmsis-nn", str(place), "--build-dir", str(tmp_path / "build")]
        done = CliRunner().invoke(cli.app, line)
        assert done.exit_code == InputError.exit_code, done.output
        assert "CMSIS-NN" in done.output or "--cmsis-nn" in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_release_that_is_fetched_needs_no_folder() -> None:
    assert libraries.named(Path(libraries.FETCH)) == Path(libraries.FETCH)


@pytest.mark.parametrize(
    "words",
    [
        ["compile", "--build-dir", ""], ["compile", "--build-dir="], ["compile", "--model", ""], ["run-fvp", ""],
        ["compile", "--calibrate", ""], ["compare", "a", "", "--json"], ["run-fvp", "--json", ""],
        ["package", "--out", ""],
    ],
)  # fmt: skip
def test_an_empty_path_is_not_the_working_directory(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 2
    assert "it is empty" in done.output
    assert list(tmp_path.iterdir()) == []
