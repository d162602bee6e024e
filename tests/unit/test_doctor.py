"""The doctor names what is missing, and what to do."""

import os
from pathlib import Path

import pytest

from ocrm55 import doctor
from ocrm55.doctor import Finding


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def program(folder: Path, name: str, prints: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{prints}'\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what the test puts there; packages are taken as they are, unimported."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("FVP_PATH", raising=False)
    monkeypatch.setattr(doctor, "_IMPORTS", {})
    return folder


def test_missing_programs_come_with_the_command_that_installs_them(bare: Path, tmp_path: Path) -> None:
    found = by_name(doctor.examine(tmp_path))
    for name, package in (
        ("arm-none-eabi-gcc", "gcc-arm-none-eabi"),
        ("cmake", "cmake"),
        ("ninja", "ninja-build"),
        ("qemu-system-arm", "qemu-system-arm"),
        ("newlib for Arm", "libnewlib-arm-none-eabi"),
    ):
        assert found[name].hinders, name
        assert package in found[name].advice
    assert found["Corstone-300 FVP"].state == "optional"
    assert not found["python"].hinders


def test_old_and_dumb_programs_are_wrong(bare: Path, tmp_path: Path) -> None:
    program(bare, "cmake", "cmake version 3.10.2")
    program(bare, "ninja", "no numbers here")
    program(bare, "arm-none-eabi-gcc", "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205")
    found = by_name(doctor.examine(tmp_path))
    assert found["cmake"].state == "wrong"
    assert "3.20" in found["cmake"].advice
    assert found["ninja"].state == "wrong"
    assert found["arm-none-eabi-gcc"].state == "ok"


@pytest.mark.parametrize(
    ("version", "found", "advice"),
    [("12.2.1", "12.2.1, known to be good", ""), ("99.1.0", "99.1.0", "not tried yet; known to be good: 12, 14")],
)
def test_versions_say_whether_they_are_known_to_be_good(
    bare: Path, tmp_path: Path, version: str, found: str, advice: str
) -> None:
    program(bare, "arm-none-eabi-gcc", f"arm-none-eabi-gcc (GNU Toolchain) {version}")
    finding = by_name(doctor.examine(tmp_path))["arm-none-eabi-gcc"]
    assert (finding.state, finding.found, finding.advice) == ("ok", found, advice)


def test_qemu_without_the_board_hinders(bare: Path, tmp_path: Path) -> None:
    program(bare, "qemu-system-arm", "QEMU emulator version 7.2.0, boards: virt")
    assert by_name(doctor.examine(tmp_path))["QEMU board mps3-an547"].hinders


def test_wrong_package_version_is_named(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda name: ["rich<1", "no-such-distribution>=2", "typer; extra == 'x'"])
    found = by_name(doctor.examine(tmp_path))
    assert found["rich"].state == "wrong"
    assert found["no-such-distribution"].state == "missing"
    assert "typer" not in found


def test_package_that_crashes_at_import_is_wrong(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "crashing_module.py").write_text("raise RuntimeError('undefined symbol')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor, "requires", lambda name: ["rich"])
    monkeypatch.setattr(doctor, "_IMPORTS", {"rich": "crashing_module"})
    found = by_name(doctor.examine(tmp_path))["rich"]
    assert found.state == "wrong"
    assert "undefined symbol" in found.found


def test_a_build_folder_that_is_a_file_hinders(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/build"):
        assert by_name(doctor.examine(tmp_path / place))["build folder"].hinders


def test_read_only_build_folder_hinders(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda place, mode: False)  # root, who often runs tests, may write everywhere
    assert by_name(doctor.examine(tmp_path / "build"))["build folder"].hinders
