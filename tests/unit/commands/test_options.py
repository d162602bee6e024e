"""Options that decide what is built: one table, the same on every command, and what the stages make of them."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ocrm55 import boards, cli, stages
from ocrm55.commands.options import BUILD_OPTIONS, build_options, options_of
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError

_USUAL = [name for name, option in BUILD_OPTIONS.items() if option.usual]
_BUILDING = ["run-fvp", "compile", "build", "verify", "eval", "profile", "report"]


_PARTS = ("compile", "build", "restriction", "model_name", "task")


def _parameters(command: str) -> set[str]:
    commands: Any = typer.main.get_command(cli.app)
    return {parameter.name for parameter in commands.commands[command].params}


def _fields() -> dict[str, Any]:
    """Every field that a user can choose, by its name, with its default."""
    default = stages.Options()
    parts: list[Any] = [default, default.compile, default.build, default.compile.restriction]
    every = {field.name: getattr(part, field.name) for part in parts for field in fields(part)}
    return {name: value for name, value in every.items() if name not in _PARTS}


def test_every_field_of_the_stages_is_an_option_and_no_option_lacks_its_field() -> None:
    assert set(BUILD_OPTIONS) - {"memory_map"} == set(_fields())


def test_no_field_is_in_two_of_the_options() -> None:
    names = [field.name for part in (stages.Options, CompileOptions, stages.BuildOptions) for field in fields(part)]
    assert len(names) == len(set(names))


def test_what_is_left_out_on_the_command_line_is_the_stages_own_default() -> None:
    assert options_of({}) == stages.Options()
    assert options_of({name: option.read(option.shown.default) for name, option in BUILD_OPTIONS.items()}) == (
        stages.Options()
    )
    for name, default in _fields().items():
        option = BUILD_OPTIONS[name]
        if name != "board":  # a name on the command line
            assert option.read(option.shown.default) == default, name


@pytest.mark.parametrize("command", _BUILDING)
def test_every_command_that_builds_takes_all_of_them(command: str) -> None:
    assert _parameters(command) >= set(_USUAL)


def test_what_the_compiler_reads_decides_the_name_of_the_folder() -> None:
    tagged = {field.name for field in fields(CompileOptions) if "tag" in field.metadata}
    untagged = {"precision", "model_name", "check"}  # a check changes no C
    assert tagged | untagged == {field.name for field in fields(CompileOptions)}


def test_the_names_of_folders(tmp_path: Path) -> None:
    assert stages.Options().compile.variant == "int8"
    file = tmp_path / "other.json"
    file.write_text(boards.find().file.read_text())
    chosen = options_of(
        {
            "memory_map": file,
            "widths": (96, 320),
            "arena_limit": 9,
            "kernels": ("cmsis-nn", "m55"),
            "toolchain": "clang",
        }
    )
    assert chosen.compile.variant == "int8-for-other-w96-320-arena9-cmsis-nn-m55"
    assert chosen.firmware_variant == "int8-for-other-w96-320-arena9-cmsis-nn-m55-clang"
    assert CompileOptions(widths=(320,)).variant == "int8"  # one width is the program without widths
    assert CompileOptions(precision="float32", calibrate=Path("words")).variant == "float32"  # which reads no images


def test_a_command_gets_its_options_as_one_value_and_the_rest_as_its_own() -> None:
    seen = []
    app = typer.Typer()

    @app.command()
    @build_options()
    def read(options: stages.Options, word: str, loud: bool = False) -> None:
        seen.append((options, word, loud))

    line = ["hello", "--loud", "--widths", "320,96", "--kernels", "m55,cmsis-nn", "--precision", "int8"]
    assert CliRunner().invoke(app, [*line, "--toolchain", "clang", "--build-dir", "there"]).exit_code == 0
    expected = stages.Options(
        build_dir=Path("there"),
        compile=CompileOptions(widths=(96, 320), kernels=("cmsis-nn", "m55")),
        build=stages.BuildOptions(toolchain="clang"),
    )
    assert seen == [(expected, "hello", True)]


def test_a_wrong_value_is_one_sentence_on_every_command() -> None:
    result = CliRunner().invoke(cli.app, ["profile", "no.png", "--widths", "97,320"])
    assert result.exit_code == 3, result.output
    assert "97" in result.output


@pytest.mark.parametrize("option", ["--allow", "--pattern", "--check-digits"])
@pytest.mark.parametrize("command", ["run-fvp", "read", "compile", "eval"])
def test_an_empty_restriction_is_refused_as_it_would_let_every_text_pass(command: str, option: str) -> None:
    given = [] if command == "compile" else ["no.png"]
    result = CliRunner().invoke(cli.app, [command, *given, option, ""])
    assert result.exit_code == 3, result.output
    assert f"{option} is empty" in result.output


def test_a_file_that_is_no_log_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "uart.log").write_text("boot loader 1.0\n")
    for log in ("uart.log", "none.log"):
        line = ["compare-board", str(tmp_path / log), "--build-dir", str(tmp_path / "build")]
        result = CliRunner().invoke(cli.app, line)
        assert result.exit_code == 3, result.output
        assert not (tmp_path / "build").exists()


def test_a_name_finds_a_model_that_was_made_in_the_build_folder(tmp_path: Path) -> None:
    (tmp_path / "models" / "meter").mkdir(parents=True)
    (tmp_path / "models" / "fast").mkdir()
    made = options_of({"source": "meter", "build_dir": tmp_path})
    assert made.source == str(tmp_path / "models" / "meter")
    assert made.model_name == "meter"
    assert options_of({"source": "fast", "build_dir": tmp_path}).source == "fast", "the words of ocrm55 come first"
    assert options_of({"source": "other", "build_dir": tmp_path}).source == "other"


@pytest.mark.parametrize("pattern", ["(", "[9-0]", "a{3", "^a", "x" * 1001])
def test_a_pattern_that_cannot_be_read_is_refused_first_of_all(pattern: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["compile", "--pattern", pattern, "--build-dir", str(tmp_path / "build")])
    assert done.exit_code == InputError.exit_code
    assert done.output.startswith("error: ") and not (tmp_path / "build").exists()
