"""The C against its program on this computer: right C passes, spoilt C is found, other C is left out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ocrm55 import console
from ocrm55.compiler import artifact as artifacts
from ocrm55.compiler import host_check, pipeline
from ocrm55.compiler.artifact import Written
from ocrm55.compiler.check import check_int8
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import MiscompiledError
from ocrm55.normalisation import Normalisation
from ocrm55.tasks.recognizer.task import RECOGNIZER

SMALL = CompileOptions(width=64, model_name="small")


@pytest.fixture(scope="module", params=["int8", "float32"])
def written(request: pytest.FixtureRequest, model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    options = replace(SMALL, precision=request.param)
    return pipeline.compile_model(model_dir, tmp_path_factory.mktemp("small") / "artifact", RECOGNIZER, options)


def check(written: Written, folder: Path) -> None:
    host_check.check_c(folder, written.program, entrance.read(folder / "model.onnx"), Normalisation())


def edited(written: Written, folder: Path, file: str, change: Callable[[bytes], bytes]) -> Path:
    shutil.copytree(written.directory, folder)
    path = folder / file
    after = change(path.read_bytes())
    assert after != path.read_bytes()
    path.write_bytes(after)
    return folder


def test_long_work_shows_how_far_it_is(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: dict[str, list[int]] = {}

    class Bar:
        task_ids = (0,)

        def __init__(self, label: str) -> None:
            self.label = label

        def advance(self, task: int) -> None:
            steps[self.label][0] += 1

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Bar]:
        steps[label] = [0, total]
        yield Bar(label)

    monkeypatch.setattr(console, "progress", progress)
    check(written, written.directory)
    assert steps == {"comparing the C": [7, 7]}
    if written.program.precision == "int8":
        check_int8(written.program, entrance.read(written.directory / "model.onnx"), Normalisation())
        assert steps["comparing with ONNX Runtime"] == [3, 3]


def test_other_weights_are_found(written: Written, tmp_path: Path) -> None:
    place = edited(written, tmp_path / "a", "src/weights.bin", lambda data: bytes(64) + data[64:])
    with pytest.raises(MiscompiledError, match="the generated C computes other numbers"):
        check(written, place)


def test_a_call_that_is_left_out_is_found(written: Written, tmp_path: Path) -> None:
    first = written.program.steps[2].function.encode()

    def without(text: bytes) -> bytes:
        start = text.index(b"\n    " + first + b"(", text.index(b"hook(context, 1)"))
        return text[:start] + text[text.index(b";", start) + 1 :]

    with pytest.raises(MiscompiledError):
        check(written, edited(written, tmp_path / "a", "src/model.c", without))


def test_a_program_that_ends_badly_is_found(written: Written, tmp_path: Path) -> None:
    def crashing(text: bytes) -> bytes:
        return text.replace(b"hook != NULL", b"*(volatile int *)0")

    place = edited(written, tmp_path / "a", "src/model.c", crashing)
    with pytest.raises(MiscompiledError):
        check(written, place)


def test_c_that_the_host_does_not_build_is_left_out(
    written: Written, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(written, edited(written, tmp_path / "a", "src/model.c", lambda text: b"#error no\n" + text))
    assert "was not compared" in capsys.readouterr().err


def test_where_no_program_starts_it_is_left_out(
    written: Written, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a TMPDIR that is mounted with noexec."""
    build = host_check._built

    def built(*arguments: object) -> Path:
        program = build(*arguments)  # type: ignore[arg-type]
        assert program is not None
        program.chmod(0o600)
        return program

    monkeypatch.setattr(host_check, "_built", built)
    check(written, written.directory)
    assert "cannot be started: Permission denied" in capsys.readouterr().err


def test_a_computer_that_is_too_slow_says_nothing_against_the_c(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def endless(text: bytes) -> bytes:
        return text.replace(b"hook != NULL", b"({for (volatile int i = 0; i == 0;) {} 0;})")

    build = host_check._built

    def built(*arguments: object) -> Path | None:
        monkeypatch.setattr(host_check, "TIME_LIMIT_S", 120)
        program = build(*arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(host_check, "TIME_LIMIT_S", 0.2)
        return program

    monkeypatch.setattr(host_check, "_built", built)
    check(written, edited(written, tmp_path / "a", "src/model.c", endless))
    assert "the C was not compared: it takes more than 0.2 s" in capsys.readouterr().err


def test_without_a_compiler_nothing_is_built(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_check.shutil, "which", lambda _: None)
    check(written, edited(written, tmp_path / "a", "src/weights.bin", lambda data: bytes(64) + data[64:]))


def test_flags_of_the_environment_change_nothing(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFLAGS", "-ffast-math")
    monkeypatch.setenv("CPATH", "/nowhere")
    check(written, written.directory)


def test_a_wrong_artifact_never_gets_its_name(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = artifacts.driver.weight_image

    def spoilt(*arguments: object) -> object:
        image = original(*arguments)  # type: ignore[arg-type]
        return replace(image, data=bytes(256) + image.data[256:])

    monkeypatch.setattr(artifacts.driver, "weight_image", spoilt)
    with pytest.raises(MiscompiledError):
        pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, SMALL)
    assert not any(tmp_path.iterdir())
    assert pipeline.compile_model(model_dir, tmp_path / "artifact", RECOGNIZER, replace(SMALL, check=False))
