"""Files and folders are whole or absent, whatever happens while they are written."""

import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from unittest.mock import Mock

import pytest

from ocrm55 import files
from ocrm55.errors import InputError, OutputError
from ocrm55.files import (
    atomic_directory,
    atomic_file,
    atomic_files,
    check_place,
    digest,
    extract,
    write_json,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_directory_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    destination = tmp_path / "out"
    for content in ("first", "second"):
        with atomic_directory(destination) as staging:
            assert not (staging / content).exists()
            (staging / content).write_text(content)
    assert names(destination) == ["second"]
    assert names(tmp_path) == ["out"]
    assert stat.S_IMODE(destination.stat().st_mode) == 0o755


def test_directory_is_untouched_when_the_writer_fails(tmp_path: Path) -> None:
    destination = tmp_path / "out"
    with atomic_directory(destination) as staging:
        (staging / "good").write_text("good")
    with pytest.raises(KeyboardInterrupt), atomic_directory(destination) as staging:
        (staging / "half").write_text("half")
        raise KeyboardInterrupt
    assert names(destination) == ["good"]
    assert names(tmp_path) == ["out"]


def test_files_of_one_run_come_together_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "out"
    with pytest.raises(OutputError, match=f"{place}/second is a link"), atomic_files(place) as staging:
        write_text(staging / "first", "new")
        (staging / "elsewhere").write_text("")
        (staging / "second").symlink_to("elsewhere")
        write_text(staging / "second", "new")
    assert list(tmp_path.iterdir()) == []
    with atomic_files(place) as staging:
        write_text(staging / "first", "old")
    (place / "other").write_text("other")
    with pytest.raises(ValueError), atomic_files(place) as staging:
        write_text(staging / "first", "new")
        raise ValueError
    (place / "second").symlink_to("first")
    with pytest.raises(OutputError, match="is a link"), atomic_files(place) as staging:
        write_text(staging / "first", "new")
        write_text(staging / "second", "new")
    assert {path.name: path.read_text() for path in place.iterdir()} == {
        "first": "old",
        "other": "other",
        "second": "old",
    }


def test_directory_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="is a file"), atomic_directory(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_text() == "mine"


def test_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), atomic_directory(tmp_path / "file" / "below"):
        pass


def test_read_only_place_is_one_sentence() -> None:
    # The kernel's own file system refuses even root, who often runs tests.
    with pytest.raises(OutputError, match="cannot be written"), atomic_file(Path("/proc/ocrm55/out")):
        pass


@pytest.mark.parametrize("write", [atomic_file, atomic_directory])
def test_a_folder_that_takes_nothing_new_is_refused(write) -> None:
    """Linux says of /proc that a new file is not found, as it does of one that another process removed."""
    with pytest.raises(OutputError, match="/proc cannot be written"), write(Path("/proc/ocrm55-out")):
        pass


def test_file_keeps_its_old_content_when_the_writer_fails(tmp_path: Path) -> None:
    place = tmp_path / "value.json"
    write_json(place, {"a": 1})
    with pytest.raises(ZeroDivisionError), atomic_file(place) as staging:
        staging.write_text("half")
        _ = 1 / 0
    assert place.read_text() == '{\n  "a": 1\n}\n'
    assert names(tmp_path) == ["value.json"]


def test_digest_sees_content_names_and_values(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = digest([tmp_path], "option")
    assert before == digest([tmp_path], "option")
    assert before != digest([tmp_path], "another")
    (tmp_path / "a").write_text("y")
    changed = digest([tmp_path], "option")
    assert changed != before
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest([tmp_path], "option") not in (before, changed)


def test_a_digest_refuses_what_would_take_all_memory_or_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "sparse.onnx").open("wb") as sparse:
        sparse.truncate(1 << 38)
    for path in (tmp_path, tmp_path / "sparse.onnx"):
        with pytest.raises(InputError, match="more than 2,147,483,648 bytes"):
            digest([path])
    monkeypatch.setattr(files, "MOST_FILES", 3)
    (tmp_path / "sparse.onnx").unlink()
    for name in "abcd":
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="more than 3 files"):
        digest([tmp_path])


@pytest.mark.parametrize("filters", [True, False])
def test_archive_that_leads_out_of_its_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: bool
) -> None:
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    (tmp_path / "word").write_text("x")
    for name, good in (("folder/word", True), ("../word", False)):
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            archive.add(tmp_path / "word", name)
        with tarfile.open(tmp_path / "a.tar") as archive:
            if good:
                extract(archive, tmp_path / "out")
                assert (tmp_path / "out" / name).read_text() == "x"
            else:
                with pytest.raises(tarfile.TarError):
                    extract(archive, tmp_path / "out")


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_umask_is_respected(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "file", "x")
        with atomic_directory(tmp_path / "folder") as staging:
            (staging / "a").write_text("a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o777 & ~mask


def test_a_file_keeps_the_permissions_that_its_owner_gave_it(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old")
    (tmp_path / "file").chmod(0o600)
    write_text(tmp_path / "file", "new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


@pytest.mark.parametrize("target", ["mine", "absent", "link"])
def test_a_link_is_neither_followed_nor_replaced(tmp_path: Path, target: str) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / target)
    (tmp_path / "out").symlink_to(tmp_path / "folder")
    with pytest.raises(OutputError, match="is a link"):
        write_text(tmp_path / "link", "theirs")
    with pytest.raises(OutputError, match="is a link"), atomic_directory(tmp_path / "out"):
        pass
    assert (tmp_path / "link").is_symlink() and (tmp_path / "out").is_symlink()
    assert (tmp_path / "mine").read_text() == "mine" and (tmp_path / "folder" / "kept").read_text() == "kept"
    assert not (tmp_path / "absent").exists()


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, sentence in (("pipe", "not a regular file"), ("folder", "is a folder")):
        with pytest.raises(OutputError, match=sentence):
            write_text(tmp_path / name, "x")
    assert names(tmp_path) == ["folder", "pipe"]


@pytest.mark.parametrize("folder", [False, True])
def test_a_place_is_refused_before_any_work_as_it_is_after_it(tmp_path: Path, folder: bool) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for place in (Path("/proc/x"), Path("/proc/x/y"), tmp_path / "file" / "below"):
        with pytest.raises(OutputError):
            check_place(place, folder=folder)
    check_place(tmp_path / "new" / "x", folder=folder)
    assert not (tmp_path / "new").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]
    if folder:
        check_place(tmp_path, folder=True)
    else:
        for place in (tmp_path, tmp_path / "link"):
            with pytest.raises(OutputError):
                check_place(place)
        for place in (tmp_path / "file", Path("/dev/null"), None):
            check_place(place)


@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/../dev/stdout"])
@pytest.mark.parametrize("to_file", [True, False])
def test_standard_output_gets_the_bytes(tmp_path: Path, place: str, to_file: bool) -> None:
    body = "import sys\nfrom pathlib import Path\nfrom ocrm55.files import write_text\n"
    body += "print('before', flush=True)\nwrite_text(Path(sys.argv[1]), 'text')\n"
    with (tmp_path / "out").open("wb") as out:
        sink = out if to_file else subprocess.PIPE
        done = subprocess.run([sys.executable, "-c", body, place], stdout=sink, check=True)
    assert ((tmp_path / "out").read_bytes() if to_file else done.stdout) == b"before\ntext"
    assert names(tmp_path) == ["out"]


def test_dev_null_stays_what_it_is() -> None:
    write_text(Path("/dev/null"), "text")
    assert stat.S_ISCHR(Path("/dev/null").lstat().st_mode)


def test_what_a_killed_process_was_writing_goes_with_the_next_one(tmp_path: Path) -> None:
    """It stays as long as the process lives: a lock says so."""
    body = (
        "import sys\nfrom pathlib import Path\nfrom ocrm55.files import atomic_directory, atomic_file\n"
        "with atomic_directory(Path(sys.argv[1]) / 'folder') as a, atomic_file(Path(sys.argv[1]) / 'file') as b:\n"
        "    (a / 'half').write_text('half'); b.write_text('half'); print('ready', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", body, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for _ in range(2):
            write_text(tmp_path / "file", "mine")
            with atomic_directory(tmp_path / "folder") as staging:
                (staging / "whole").write_text("whole")
        assert len(names(tmp_path)) == 4
        writer.kill()
    write_text(tmp_path / "file", "mine")
    with atomic_directory(tmp_path / "folder"):
        assert len(names(tmp_path)) == 3
    assert names(tmp_path) == ["file", "folder"]


def test_a_folder_that_was_set_aside_comes_back(tmp_path: Path) -> None:
    """The writer was killed between the two renames: the old folder is the only whole one."""
    aside = tmp_path / ".out.ocrm55-0123abcd.old"
    aside.mkdir()
    (aside / "good").write_text("good")
    with pytest.raises(KeyboardInterrupt), atomic_directory(tmp_path / "out"):
        raise KeyboardInterrupt
    assert names(tmp_path / "out") == ["good"]
    assert names(tmp_path) == ["out"]


def test_only_a_regular_file_of_bounded_size_is_read_whole(tmp_path: Path) -> None:
    """/dev/zero as a memory map took all memory, and a pipe waited for ever."""
    text = tmp_path / "text"
    text.write_bytes("\ufeffä\r\nb\rc".encode())
    assert files.read_text(text, encoding="utf-8-sig") == "ä\nb\nc"
    assert files.read_bytes(text, text.stat().st_size) == text.read_bytes()
    with pytest.raises(InputError, match="has more than 3 bytes"):
        files.read_bytes(text, 3)
    pipe, endless, sparse = tmp_path / "pipe", tmp_path / "endless", tmp_path / "sparse"
    os.mkfifo(pipe)
    endless.symlink_to("/dev/zero")
    with sparse.open("wb") as file:
        file.truncate(1 << 40)
    for path in (pipe, endless):
        with pytest.raises(InputError, match="is not a regular file"):
            files.read_text(path)
    with pytest.raises(InputError, match="has more than"):
        files.read_text(sparse)
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(OSError):
            files.read_text(path)


@pytest.mark.parametrize("name", ["board", "artifact", "names", "boxes", "log", "accuracy", "elf", "vela"])
def test_readers_of_files_refuse_pipes_and_what_never_ends(name: str, tmp_path: Path) -> None:
    from ocrm55 import boards, elf
    from ocrm55.artifact import Artifact
    from ocrm55.evaluation import page_labels, words
    from ocrm55.npu_model import vela_files
    from ocrm55.report import accuracy, board

    (tmp_path / "metadata.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    pipe, log = tmp_path / "pipe", Mock()
    readers = {
        "board": lambda: boards.read_memories(pipe), "artifact": lambda: Artifact.read(tmp_path),
        "names": lambda: words.load_names(pipe),
        "boxes": lambda: page_labels.load_boxes(pipe), "log": lambda: board.read_log(pipe, log),
        "accuracy": lambda: accuracy.load(pipe), "elf": lambda: elf.read_symbols(pipe),
        "vela": lambda: vela_files.load(pipe),
    }  # fmt: skip
    with pytest.raises(InputError):
        readers[name]()


def test_json_that_is_written_has_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"rate": [float("nan"), 1.5]})
    assert "null" in (tmp_path / "a.json").read_text()
