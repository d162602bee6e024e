"""One worker makes a thing, the others get what it made."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.once import Once


def make(folder: Path) -> str:
    """Says how often it was called, and what it wrote."""
    with (folder.parent / "calls").open("a") as calls:
        calls.write("x")
    (folder / "file").write_text("made")
    return folder.name


def ask(folder: Path) -> tuple[str, str]:
    return Once(folder)("thing", make), (folder / "thing" / "file").read_text()


def test_processes_that_ask_at_once_get_the_same_thing(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as workers:
        assert list(workers.map(ask, [tmp_path] * 6)) == [("thing", "made")] * 6
    assert (tmp_path / "calls").read_text() == "x"


def test_what_failed_is_made_again(tmp_path: Path) -> None:
    once = Once(tmp_path)

    def fail(folder: Path) -> str:
        (folder / "half").touch()
        raise ValueError("no disk")

    with pytest.raises(ValueError, match="no disk"):
        once("thing", fail)
    assert once("thing", make) == "thing"
    assert not (tmp_path / "thing" / "half").exists()
