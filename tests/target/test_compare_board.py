"""Cycles of a board's own counter, from the firmware to the table; the board is QEMU, which counts instructions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocrm55 import boards, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.firmware import build as build_firmware
from ocrm55.simulators import find_simulator, protocol
from tests.target.programs import require

BOARD = Path(__file__).with_name("counting_board")
OPTIONS = ("--source", "fast")

pytestmark = pytest.mark.qemu


@pytest.fixture(scope="module")
def log(build_dir: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The UART of a board that counts cycles and has no host to ask for them."""
    require("cc")
    folder = tmp_path_factory.mktemp("board")
    board = folder / "myboard"
    shutil.copytree(boards.find().folder, board)
    shutil.copy(BOARD / "cycles.c", board)
    chosen = CompileOptions(precision="int8", image=models / "samples" / "word_upper.png")
    artifact = stages.compiled(stages.Options(build_dir=build_dir, source="fast", compile=chosen)).artifact
    built = build_firmware(
        artifact, folder / "firmware", board=boards.find(str(board)), defines={"OCRM55_DEFINES": "OCRM55_STATS=1"}
    )
    machine = ["qemu-system-arm", "-M", "mps3-an547", "-display", "none", "-monitor", "none", "-serial", "stdio"]
    machine += ["-icount", "shift=5", "-semihosting-config", "enable=on,target=native,arg=ocrm55", "-kernel"]
    done = subprocess.run([*machine, built.elf], capture_output=True, text=True, timeout=300, check=False)
    path = folder / "uart.log"
    path.write_text("boot loader 1.0\n" + done.stdout + "\nreset\n")
    return path


def test_a_log_of_a_board_that_counts(log: Path, build_dir: Path) -> None:
    result = protocol.parse(log.read_text()).results[0]
    assert len(result.cycles) == len(result.operator_instructions) > 40
    for (cycles, events), instructions in zip(result.cycles, result.operator_instructions, strict=True):
        assert cycles == pytest.approx(1.5 * events["retired"], abs=3)
        assert 0 < events["retired"] <= instructions + 2
    said = compare(build_dir, log, "--json")
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert [row["measured"] for row in found["layers"]] == [cycles for cycles, _ in result.cycles]
    assert found["measured"]["inference"] == pytest.approx(result.phase_cycles["inference"], rel=0.01)
    assert 0.7 < found["estimated"]["likely"] / found["measured"]["inference"] < 1.4
    shown = compare(build_dir, log)
    assert "Median error of a layer" in shown.stdout
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())


def test_a_log_without_cycles_is_refused(build_dir: Path, models: Path, tmp_path: Path) -> None:
    options = stages.Options(build_dir=build_dir, source="fast", compile=CompileOptions(precision="int8"))
    prepared = stages.prepare(options)
    from ocrm55 import simulation

    pictures = simulation.load([models / "samples" / "word_upper.png"])
    run = simulation.read_images(pictures, prepared, find_simulator("qemu"), stats=True)
    assert run.results[0].cycles == []  # QEMU's counter does not move
    (tmp_path / "uart.log").write_text(run.uart)
    said = compare(build_dir, tmp_path / "uart.log")
    assert said.returncode == 3
    assert "has no cycles" in said.stderr
    (tmp_path / "uart.log").write_text(run.uart.replace(Artifact.read(prepared.artifact).name, "other"))
    assert "another network is compiled here" in compare(build_dir, tmp_path / "uart.log").stderr
    (tmp_path / "uart.log").write_text("nothing")
    assert "is no log of the firmware" in compare(build_dir, tmp_path / "uart.log").stderr


def compare(build_dir: Path, log: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "ocrm55",
        "compare-board",
        str(log),
        "--build-dir",
        str(build_dir),
        *OPTIONS,
        *words,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
