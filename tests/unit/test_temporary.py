"""Temporary folders: gone at the end, and after a kill with the next start; what is not ours stays."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ocrm55 import files, temporary


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TMPDIR, for this process and its children."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_goes_with_its_block(place: Path) -> None:
    with pytest.raises(ZeroDivisionError), temporary.folder() as folder:
        assert folder.parent == place and stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "below").mkdir()
        (folder / "below" / "file").write_text("x")
        _ = 1 / 0
    assert list(place.iterdir()) == []


def test_a_killed_process_leaves_its_folder_until_the_next_start(place: Path) -> None:
    body = "import sys\nfrom ocrm55 import temporary\nwith temporary.folder() as folder:\n"
    body += "    (folder / 'file').write_text('x'); print(folder, flush=True); sys.stdin.read()\n"
    with subprocess.Popen([sys.executable, "-c", body], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        folder = Path(killed.stdout.readline().decode().strip())
        temporary.remove_abandoned()
        assert (folder / "file").exists()  # its process lives
        killed.kill()
    assert folder.exists()
    with temporary.folder() as mine:
        temporary.remove_abandoned()
        assert list(place.iterdir()) == [mine]


def test_the_program_removes_them_as_it_starts(place: Path) -> None:
    (place / f"ocrm55-tmp-{'a' * 16}").mkdir(0o700)
    subprocess.run([sys.executable, "-m", "ocrm55", "--version"], check=True, capture_output=True)
    assert list(place.iterdir()) == []


def test_what_only_looks_so_stays(place: Path) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    (place / f"ocrm55-tmp-{'a' * 16}").symlink_to(elsewhere)
    (place / f"ocrm55-tmp-{'b' * 16}").write_text("a file")
    (place / f"ocrm55-tmp-{'c' * 16}").mkdir()  # everybody may read it: not made by us
    (place / f"ocrm55-tmp-{'c' * 16}").chmod(0o755)
    (place / "ocrm55-tmp-mine").mkdir(0o700)
    (place / "ocrm55-build").mkdir(0o700)
    before = sorted(place.iterdir())
    temporary.remove_abandoned()
    assert sorted(place.iterdir()) == before
    assert (elsewhere / "kept").exists()


def test_links_in_an_abandoned_folder_are_not_followed(place: Path) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    dead = place / f"ocrm55-tmp-{'d' * 16}"
    dead.mkdir(0o700)
    (dead / "link").symlink_to(elsewhere)
    temporary.remove_abandoned()
    assert not dead.exists() and (elsewhere / "kept").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_folders_of_other_users_stay(place: Path) -> None:
    theirs = place / f"ocrm55-tmp-{'e' * 16}"
    theirs.mkdir(0o700)
    os.chown(theirs, 12345, 12345)
    temporary.remove_abandoned()
    assert theirs.exists()


@pytest.mark.parametrize("what", ["folder", "directory", "file"])
def test_an_interrupt_at_any_line_of_the_beginning_leaves_nothing(place: Path, what: str) -> None:
    begin = {
        "folder": temporary.folder,
        "directory": lambda: files.atomic_directory(place / "made"),
        "file": lambda: files.atomic_file(place / "made"),
    }[what]
    for count in range(1, 1000):
        lines = _lines_until_interrupted(begin, count)
        assert list(place.iterdir()) == [], f"line {lines} of the beginning"
        if lines < count:
            break
    assert 10 < count < 1000


def _lines_until_interrupted(begin: Callable[[], AbstractContextManager[Path]], count: int) -> int:
    """Begin, with Ctrl-C at line `count` of the two modules; the lines that ran before the block or the interrupt."""
    seen = 0

    def watch(frame: FrameType, event: str, _: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename not in (temporary.__file__, files.__file__):
            return None
        if event == "line":
            seen += 1
            if seen == count:
                raise KeyboardInterrupt
        return watch

    before = sys.gettrace()
    with suppress(KeyboardInterrupt):
        sys.settrace(watch)
        try:
            with begin():
                sys.settrace(before)
                raise KeyboardInterrupt
        finally:
            sys.settrace(before)
    return seen
