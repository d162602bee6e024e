"""A confined process writes in its folder only, and reads little else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ocrm55 import confinement, processes

pytestmark = pytest.mark.skipif(confinement.version() == 0, reason="this kernel has no Landlock")


def run(command: list[str], folder: Path, readable: list[Path] | None = None) -> tuple[int, str]:
    with (
        confinement.rules(folder, readable or []) as confine,
        processes.running(
            command, confine=confine, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        said, _ = process.communicate(timeout=60)
        return process.returncode, said


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return tmp_path


def test_it_works_in_its_folder(place: Path) -> None:
    status, said = run(["/bin/sh", "-c", "echo yes > new; cat new; mkdir a; rm new; echo >/dev/null"], place / "inside")
    assert (status, said) == (0, "yes\n")


@pytest.mark.parametrize(
    "line",
    ["cat ../outside/secret", "cat < /etc/hostname", "ls ../outside", "ls ~"],
)
def test_it_reads_nothing_else(place: Path, line: str) -> None:
    status, said = run(["/bin/sh", "-c", line], place / "inside")
    assert status != 0
    assert "ermission denied" in said
    assert "secret\n" not in said


@pytest.mark.parametrize(
    "line",
    [
        "echo > ../outside/new",
        "echo >> ../outside/secret",
        "mkdir ../outside/new",
        "rm ../outside/secret",
        "ln -s ../outside/secret link && echo > link",
        "mv /bin/sh .",
        "cp /bin/true . && ./true",  # what it has written does not run
    ],
)
def test_it_changes_nothing_else(place: Path, line: str) -> None:
    status, _ = run(["/bin/sh", "-c", line], place / "inside")
    assert status != 0
    assert [path.read_text() for path in (place / "outside").iterdir()] == ["secret"]


def test_more_can_be_made_readable(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["/bin/sh", "-c", "cat ../outside/secret"]
    assert run(command, place / "inside", [place / "outside"]) == (0, "secret")
    monkeypatch.setenv(confinement.VARIABLE, f"/nowhere:{place / 'outside'}")
    assert run(command, place / "inside") == (0, "secret")


@pytest.mark.skipif(confinement.version() < 4, reason="this kernel's Landlock knows no network")
def test_it_connects_to_nobody(place: Path) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    prefixes = [Path(sys.prefix), Path(sys.base_prefix)]
    _, said = run([sys.executable, "-I", "-c", code], place / "inside", prefixes)
    assert "PermissionError" in said


def test_the_prefix_of_a_program_is_its_installation(tmp_path: Path) -> None:
    assert confinement.installation_of(tmp_path / "qemu" / "bin" / "qemu-system-arm") == tmp_path / "qemu"
    assert confinement.installation_of(tmp_path / "qemu" / "qemu-system-arm") == tmp_path / "qemu"
