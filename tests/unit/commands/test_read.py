"""What `read` takes, where it writes, and what it prints."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ocrm55 import stages
from ocrm55.cli import app
from ocrm55.commands import read
from ocrm55.commands.page_options import WIDTHS, page_options
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError
from ocrm55.page.program import parse_size
from ocrm55.page.reading import Line, Page


def page(name: str, *texts: str) -> Page:
    corners = ((0.0, 0.0), (10.0, 0.0), (10.0, 5.0), (0.0, 5.0))
    return Page(Path(name), 40, 30, [Line(corners, text, 0.9, 0.8, row, 0) for row, text in enumerate(texts)])


@pytest.mark.parametrize(
    ("text", "size"),
    [("320x320", (320, 320)), ("640X480", (480, 640)), ("480", (480, 480)), ("32", (32, 32)), ("4096x32", (32, 4096))],
)
def test_a_size_is_width_by_height(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "x", "0", "320x", "31", "320x330", "-320", "1e3", "320x320x320", "99999999", "4128x32", "32x4128"]
)
def test_another_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"size in pixels|whole 32 pixels|4,096 pixels a side"):
        parse_size(text)


def test_the_bundled_recognizer_gets_widths_and_others_do_not() -> None:
    assert page_options(stages.Options(), "bundled", "320").recognizer.compile.widths == WIDTHS
    asked = stages.Options(compile=CompileOptions(widths=(320,)))
    assert page_options(asked, "bundled", "320").recognizer.compile.widths == (320,)
    assert page_options(stages.Options(source="other"), "bundled", "320").recognizer.compile.widths == ()
    in_floats = stages.Options(compile=CompileOptions(precision="float32"))
    assert page_options(in_floats, "bundled", "320").recognizer.compile.widths == ()


def test_the_detector_is_built_for_the_recognizers_board_in_int8() -> None:
    given = stages.Options(compile=CompileOptions(precision="float32", decoder="greedy"))
    chosen = page_options(given, "bundled", "640x480").detector
    assert (chosen.compile.height, chosen.compile.width) == (480, 640)
    assert (chosen.compile.precision, chosen.compile.board) == ("int8", given.board)
    assert chosen.task.name == "detector"
    assert chosen.build_dir == given.build_dir


def test_several_pages_get_drawings_of_their_own() -> None:
    paths = [Path("a/x.png"), Path("b/x.jpg")]
    found = read._destinations(paths, Path("out/d.png"), Path("o.xml"))
    assert found == [
        (Path("out/d-1-x.png"), Path("o-1-x.xml")),
        (Path("out/d-2-x.png"), Path("o-2-x.xml")),
    ]
    assert read._destinations(paths[:1], Path("d.PNG"), None) == [(Path("d.PNG"), None)]
    with pytest.raises(InputError, match=r"no name of a PNG file"):
        read._destinations(paths, Path("d.jpg"), None)


def test_text_goes_to_stdout_and_what_was_not_found_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    read._print([page("a.png", "one", "two"), page("b.png")], as_json=False, reject=None)
    said = capsys.readouterr()
    assert said.out == "==> a.png <==\none\ntwo\n\n==> b.png <==\n"
    assert "b.png: no text was found." in said.err
    read._print([page("a\nTOTAL 0.png", "one"), page("b.png", "two")], as_json=False, reject=None)
    assert capsys.readouterr().out.splitlines()[0] == "==> a\\nTOTAL 0.png <=="
    read._print([page("a.png", "one")], as_json=False, reject=None)
    assert capsys.readouterr().out == "one\n"


def test_rejected_texts_are_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    some = page("a.png", "one", "two")
    some = replace(some, lines=[replace(line, right=0.3 if line.text == "two" else 0.95) for line in some.lines])
    read._print([some], as_json=False, reject=0.9)
    said = capsys.readouterr()
    assert said.out == "one\n"
    assert "a.png: rejected, right with 0.30: two" in said.err
    read._print([some], as_json=True, reject=0.9)
    (lines,) = (each["lines"] for each in json.loads(capsys.readouterr().out))
    assert [(line["right"], line["rejected"]) for line in lines] == [(0.95, False), (0.3, True)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.png"], "there is no image missing.png"),
        (["page.png", "--size", "100"], "whole 32 pixels"),
        (["page.png", "--draw", "x.gif"], "no name of a PNG file"),
        (["page.txt"], "not an image"),
        (["page.png", "--draw", "./page.png"], "written over"),
        (["page.png", "--hocr", "page.png"], "written over"),
        (["page.png", "--alto", "page.png"], "written over"),
    ],
)
def test_bad_input_ends_before_anything_is_built(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save("page.png")
    Path("page.txt").write_text("no picture")
    done = CliRunner().invoke(app, ["read", *words, "--build-dir", "build"])
    assert done.exit_code == 3
    assert said in done.output
    assert not Path("build").exists()


@pytest.mark.parametrize("command", ["verify", "report"])
def test_the_host_computes_no_floats_and_says_so_before_anything_is_built(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [command, "--page", "page.png", "--precision", "float32", "--simulator", "qemu", "--build-dir", "build"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 3
    assert "the host computes pages bit for bit in int8 only" in done.output
    assert not Path("build").exists()
