"""Files and folders are whole or absent, whatever happens while they are written."""

import stat
import tarfile
from pathlib import Path

import pytest

from ocrm55.errors import OutputError
from ocrm55.files import atomic_directory, atomic_file, digest, extract, write_json


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


@pytest.mark.parametrize("filters", [True, False])
def test_archive_that_leads_out_of_its_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: bool
) -> None:
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    (tmp_path / "word").write_text("x")
    for name, good in (("folder/word", True), ("../word", False)):
        with tarfile.open(tmp_path / "a.tar", "w") as made:
            made.add(tmp_path / "word", name)
        with tarfile.open(tmp_path / "a.tar") as made:
            if good:
                extract(made, tmp_path / "out")
                assert (tmp_path / "out" / name).read_text() == "x"
            else:
                with pytest.raises(tarfile.TarError):
                    extract(made, tmp_path / "out")
