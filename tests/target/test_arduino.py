"""The package as a library of Arduino: its builder compiles the example's sketch, and QEMU runs it.

The platform is ours, in arduino/: a core with the names that the sketch calls, on the bare project's start-up.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.target import test_package
from tests.target.programs import require
from tests.target.test_two_networks import ON_UART

PLATFORM = Path(__file__).parent / "arduino"
ROUNDS = 2  # of loop, in core.cpp
OF_BUILDER = Path("/usr/share/arduino-builder")  # where Debian puts what the builder has to be told

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@pytest.fixture
def hardware(tmp_path: Path) -> Path:
    """A folder of platforms: ours, with the bare project's start-up in its core."""
    require("arduino-builder", "arm-none-eabi-g++", "qemu-system-arm")
    folder = tmp_path / "hardware"
    shutil.copytree(PLATFORM, folder)
    for name in ("board.c", "board.ld", "say.h"):
        shutil.copy(test_package.PROJECT / name, folder / "bare" / "m55" / "cores" / "bare")
    return folder


def built(sketch: Path, libraries: Path, hardware: Path, build: Path) -> Path:
    """The program that Arduino's builder makes of a sketch, with all warnings, which are errors."""
    build.mkdir()
    folders = {"-hardware": [OF_BUILDER, hardware], "-tools": [Path("/usr/bin")], "-libraries": [libraries]}
    places = [f"{name}={folder}" for name, all_of_it in folders.items() for folder in all_of_it]
    others = ["-fqbn=bare:m55:an547", "-ide-version=10819", f"-build-path={build}"]
    environment = dict(os.environ, TMPDIR=str(build.parent))
    words = ["arduino-builder", "-compile", *places, *others, str(sketch)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return build / f"{sketch.name}.elf"


def said(program: Path) -> list[str]:
    done = subprocess.run([*ON_UART, program], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout.splitlines()


def test_the_sketch_reads_on_the_board(build_dir: Path, hardware: Path, tmp_path: Path) -> None:
    """It says what the same package's example says on this machine."""
    package = test_package.package(tmp_path / "libraries" / "recognizer", build_dir)
    for words in (["-G", "Ninja", "-S", package, "-B", tmp_path / "host"], ["--build", tmp_path / "host"]):
        test_package.command(["cmake", *words])
    (line,) = test_package.command([tmp_path / "host" / "ocrm55_example"]).splitlines()
    assert line.startswith("text: Cambridge, score: 0.99")
    sketch = package / "examples" / "Read" / "Read.ino"
    assert said(built(sketch, tmp_path / "libraries", hardware, tmp_path / "build")) == [line] * ROUNDS
