"""The native program: confined to the folder of its run, and its own failures in a sentence."""

from pathlib import Path

import numpy as np
import pytest

from ocrm55 import confinement, firmware, stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError, TargetError, ToolchainError
from ocrm55.simulators import Choice, base, find_simulator

IDENTITY = "ocrm55 0.1.0 m int8 1x3x48x320 arena 16"
IMAGE = np.zeros((48, 8, 3), np.uint8)


def request_of(folder: Path, body: str) -> base.Request:
    """A run of a shell script in the program's place."""
    (folder / "ocrm55.elf").write_text(f"#!/bin/sh\necho '{IDENTITY}'\n{body}\n")
    return base.Request(folder / "ocrm55.elf", [IMAGE], timeout_s=20)


def said(*lines: str) -> str:
    return "\n".join(f'echo "{line}"' for line in lines)


def test_good_run(tmp_path: Path) -> None:
    body = said("image 1/1", "text: $*, score: 0.500000", "exit status 0")
    run = find_simulator("native").run(request_of(tmp_path, body))
    assert run.results[0].text == "images=images.bin"


@pytest.mark.skipif(not confinement.version(), reason="this kernel has no Landlock")
def test_it_writes_nowhere_else_and_reads_no_files_of_the_user(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    body = f'read -r found < "{secret}"\necho x > "{tmp_path}/written"\necho x > here && read -r own < here\n'
    body += said("image 1/1", "text: $found$own, score: 0.500000", "exit status 0")
    run = find_simulator("native").run(request_of(tmp_path, body))
    assert run.results[0].text == "x"
    assert not (tmp_path / "written").exists()


def test_a_crash_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="ended by SIGSEGV"):
        find_simulator("native").run(request_of(tmp_path, "kill -SEGV $$"))


def test_a_hang_is_a_sentence(tmp_path: Path) -> None:
    request = base.Request(request_of(tmp_path, "sleep 60").elf, [IMAGE], timeout_s=1)
    with pytest.raises(TargetError, match="did not end within 1 s on native"):
        find_simulator("native").run(request)


def test_a_computer_without_a_compiler_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware, "host_compiler", lambda: None)
    with pytest.raises(ToolchainError, match="no C compiler"):
        stages.prepare(stages.Options(build_dir=tmp_path), native=True)


@pytest.mark.parametrize("program", ["cmake", "ninja"])
def test_a_computer_without_a_builder_says_so(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"cmake", "ninja"} - {program}
    monkeypatch.setattr(firmware.shutil, "which", lambda name: name if name in found else None)
    monkeypatch.setattr(firmware, "host_compiler", lambda: "cc")
    with pytest.raises(ToolchainError, match="no CMake or ninja"):
        stages.prepare(stages.Options(build_dir=tmp_path), native=True)


def test_it_has_no_npu(tmp_path: Path) -> None:
    options = stages.Options(build_dir=tmp_path, compile=CompileOptions(npu="ethos-u55-128"))
    with pytest.raises(InputError, match="no NPU"):
        stages.prepare(options, native=True)
    with pytest.raises(InputError, match="no NPU"):
        find_simulator("native").run(base.Request(request_of(tmp_path, "").elf, [IMAGE], npu="ethos-u55-128"))


def test_the_choice_says_that_it_is_native() -> None:
    assert Choice("native").native
    assert Choice("native").find().native
    assert not Choice().native
