"""The parts of the firmware that touch no board, built with the host's compiler and its sanitizers."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.headers import context_header
from tests.once import Once
from tests.target import fake_artifact
from tests.unit.firmware.host_driver import compile_for_host

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SOURCES = ROOT / "firmware" / "src"
PAGE = ROOT / "firmware" / "page"
TASK = ROOT / "firmware" / "tasks" / "recognizer"
PLATFORM = ROOT / "firmware" / "platform" / "corstone300"
PLATFORM = ROOT / "firmware" / "platform" / "armv8_1m"

Part = Callable[[str, Sequence[bytes]], list[str]]


@pytest.fixture(scope="session")
def part(once: Once) -> Part:
    """Run cases through one part of driver.c: `part("crc", [case, ...])` gives the lines that it prints."""
    names = ("crc32", "float_text", "ocri", "options")
    files = [HERE / "driver.c", PLATFORM / "fault_words.c", TASK / "context.c", TASK / "ctc.c", PAGE / "ocrf.c"]
    files += [TASK / "restricted.c", TASK / "check_digits.c", TASK / "confidence.c"]
    files += [SOURCES / f"{name}.c" for name in names]

    def make(folder: Path) -> Path:
        (folder / "context_tables.h").write_text(context_header(load_charset()))
        return compile_for_host(
            folder / "driver", files, [folder, SOURCES, PAGE, TASK, PLATFORM, ROOT / "firmware" / "include"]
        )

    program = once("firmware-parts", make)

    def run(name: str, cases: Sequence[bytes]) -> list[str]:
        done = subprocess.run([program, name], input=b"".join(cases), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().splitlines()

    return run


@pytest.fixture(scope="session")
def program(once: Once) -> Callable[[Path, str | None], tuple[str, int]]:
    """The whole firmware on the host, with the hand-made model: folder and command line to output and exit status."""

    def make(folder: Path) -> Path:
        artifact = fake_artifact.write(folder / "artifact")
        folders = [SOURCES, TASK, artifact / "src"]
        files = [HERE / "host_platform.c", *(file for each in folders for file in sorted(each.glob("*.c")))]
        return compile_for_host(folder / "program", files, [SOURCES, TASK, artifact / "include"])

    binary = once("firmware-on-the-host", make)

    def run(place: Path, line: str | None) -> tuple[str, int]:
        environment = {key: value for key, value in os.environ.items() if key != "COMMAND_LINE"}
        if line is not None:
            environment["COMMAND_LINE"] = line
        done = subprocess.run([binary], cwd=place, env=environment, capture_output=True, check=False)
        assert not done.stderr, done.stderr.decode()
        return done.stdout.decode(), done.returncode

    return run
