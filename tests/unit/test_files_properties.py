"""Properties of what is written and read back: whole or untouched, digests that tell folders apart."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.build_folder import run_stage
from ocrm55.errors import Ocrm55Error
from ocrm55.files import atomic_directory, atomic_file, digest, remove_leftovers
from ocrm55.simulators import protocol

NAMES = st.text("abc.", min_size=1, max_size=3).filter(lambda name: name.strip(".") != "")
FOLDERS = st.dictionaries(NAMES, st.binary(max_size=4), max_size=4)


def fill(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Stop(BaseException):
    """As Ctrl-C is: nothing catches it."""


@settings(max_examples=60, deadline=None)
@given(FOLDERS, st.lists(st.tuples(FOLDERS, st.booleans()), max_size=4))
def test_folder_is_the_last_that_was_written_whole(first: dict[str, bytes], later: list) -> None:
    with tempfile.TemporaryDirectory() as place:
        destination = Path(place) / "out"
        fill(destination, first)
        wanted = first
        for files, interrupted in later:
            try:
                with atomic_directory(destination) as staging:
                    fill(staging, files)
                    if interrupted:
                        raise Stop
                wanted = files
            except Stop:
                pass
            assert content(destination) == wanted
        assert [path.name for path in Path(place).iterdir()] == ["out"]


@settings(max_examples=60, deadline=None)
@given(FOLDERS, FOLDERS, FOLDERS, FOLDERS)
def test_digest_tells_folders_apart(a: dict[str, bytes], b: dict[str, bytes], c: dict[str, bytes], d: dict) -> None:
    with tempfile.TemporaryDirectory() as place:
        folders = []
        for number, files in enumerate((a, b, c, d)):
            folders.append(Path(place) / str(number))
            fill(folders[-1], files)
        assert (digest(folders[:2]) == digest(folders[2:])) == ((a, b) == (c, d))


@settings(max_examples=60, deadline=None)
@given(NAMES, FOLDERS)
def test_leftovers_go_and_nothing_else(name: str, files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fill(folder, files)
        try:
            with atomic_directory(folder / "made" / name) as staging, atomic_file(staging.parent / f"{name}.json"):
                names = [path.name for path in (folder / "made").iterdir()]
                raise Stop
        except Stop:
            pass
        for left in names:  # as a killed process leaves them
            (folder / left).mkdir()
        remove_leftovers(folder)
        assert {path.name for path in folder.iterdir()} == {*files, "made"}


@settings(max_examples=60, deadline=None)
@given(FOLDERS, st.binary(max_size=60))
def test_a_damaged_stamp_only_costs_a_run(files: dict[str, bytes], stamp: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        output = Path(place) / "out"
        assert run_stage("a", "", output, "read", lambda: fill(output, files))
        (Path(place) / "out.stamp.json").write_bytes(stamp)
        assert run_stage("a", "", output, "read", lambda: fill(output, files))
        assert not run_stage("a", "", output, "read", lambda: fill(output, files))


COUNTS = st.integers(0, 2**64 - 1)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cs", "Zl", "Zp")))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(TEXTS, st.integers(0, 10**6), st.lists(COUNTS, max_size=4), st.tuples(COUNTS, COUNTS, COUNTS)))
)
def test_what_the_firmware_says_comes_back(images: list) -> None:
    lines = ["some boot loader", "ocrm55 0.1.0 m int8 1x3x48x320 arena 4096"]
    for number, (text, millionths, operators, counts) in enumerate(images, 1):
        lines += [f"image {number}/{len(images)}", *(f"op {i} {count}" for i, count in enumerate(operators))]
        lines += ["instructions preprocess={} inference={} decode={}".format(*counts)]
        lines += [f"text: {text}, score: {millionths / 1e6:.6f}"]
    said = protocol.parse("\r\n".join([*lines, "exit status 0", "EXITTHESIM", ""]))
    assert [one.text for one in said.results] == [text for text, *_ in images]
    assert [one.operator_instructions for one in said.results] == [operators for _, _, operators, _ in images]
    assert [one.inference_instructions for one in said.results] == [counts[1] for *_, counts in images]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=3000))
def test_errors_are_one_line_that_a_terminal_can_show(text: str) -> None:
    trouble = Ocrm55Error(f"the file {text} is wrong.", [text])
    assert trouble.sentence.isprintable() and trouble.sentence.endswith("is wrong.") and len(trouble.sentence) < 6000
    assert str(trouble) == trouble.sentence
