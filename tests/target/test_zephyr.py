"""The package as a Zephyr module: module and sample build, and the sample reads.

A stand-in for Zephyr is always at hand. Zephyr itself is used where ZEPHYR_BASE names its sources, with the toolchain
that Zephyr's own variables name. TWISTER_OPTIONS are more words for twister; TWISTER_PYTHON has twister's packages.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocrm55 import stages
from ocrm55.artifact import Artifact
from ocrm55.elf import read_symbols as elf_symbols
from ocrm55.errors import TargetError
from ocrm55.evaluation import verification
from ocrm55.pictures import read_image
from ocrm55.simulators import npu_firmware
from ocrm55.tasks.recognizer import decoding, image
from ocrm55.tasks.recognizer.model import RecognizerFolder
from tests.target import test_package
from tests.target.programs import require
from tests.unit.package.test_zephyr import STAND_IN

pytestmark = [pytest.mark.slow]


@pytest.mark.parametrize("chosen", ["", "ocrm55,weights"])
def test_the_sample_reads_its_picture(chosen: str, build_dir: Path, tmp_path: Path) -> None:
    require("cmake", "cc")
    package = test_package.package(tmp_path / "package", build_dir, "--model", "fast")
    out = tmp_path / "out"
    words = ["cmake", "-S", package / "zephyr" / "sample", "-B", out, f"-DZephyr_DIR={STAND_IN}", f"-DCHOSEN={chosen}"]
    test_package.command(words)
    test_package.command(["cmake", "--build", out])
    said = subprocess.run([out / "app"], check=True, capture_output=True, text=True).stdout
    assert said.startswith("text: Cambridge, score: ")
    assert (out / "linked_with.txt").read_text() == ("SECTIONS;weights.ld" if chosen else "")
    sections = subprocess.run(["objdump", "-h", out / "app"], check=True, capture_output=True, text=True).stdout
    assert (".ocrm55.weights" in sections) == bool(chosen)


def twister(zephyr: Path, sample: Path, out: Path, *options: str) -> dict[str, Any]:
    """Twister's own account of the sample on that Zephyr's MPS3 board: one test suite of its report."""
    named = (zephyr / "boards" / "arm" / "mps3" / "mps3_corstone300_an547.dts").is_file()
    board = "mps3/corstone300/an547" if named else "mps3/an547"  # until Zephyr 3.7
    described = sample / "sample.yaml"
    described.write_text(described.read_text().replace("mps3/corstone300/an547", board))
    python = os.environ.get("TWISTER_PYTHON", sys.executable)
    words = [python, zephyr / "scripts" / "twister", "-T", sample, "-p", board, "-O", out, "-j", "1"]
    path = os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])  # CMake takes the first Python
    subprocess.run(
        [*words, "--inline-logs", *options, *shlex.split(os.environ.get("TWISTER_OPTIONS", ""))],
        env={**os.environ, "PATH": path, "ZEPHYR_BASE": str(zephyr), "QEMU_BIN_PATH": str(qemu_folder())},
        check=False,
    )
    (suite,) = json.loads((out / "twister.json").read_text())["testsuites"]
    return dict(suite)


def qemu_folder() -> Path:
    found = shutil.which("qemu-system-arm")
    assert found is not None
    return Path(found).parent


def with_zephyr_s_driver(zephyr: Path) -> list[str]:
    """Options of twister that switch on Zephyr's driver of the NPU; skips where its module hal_ethos_u is absent.

    Debian's picolibc has errno in a section that Zephyr's linker script does not name, and its driver takes it in.
    """
    if not (zephyr.parent / "modules/hal/ethos_u").is_dir() and "ethos_u" not in os.environ.get("TWISTER_OPTIONS", ""):
        pytest.skip("Zephyr's module hal_ethos_u is not there")
    old = "config ARM_ETHOS_U\n" in (zephyr / "modules" / "hal_ethos_u" / "Kconfig").read_text()  # until Zephyr 3.7
    words = ["--disable-warnings-as-errors", "-x=CONFIG_HEAP_MEM_POOL_SIZE=4096"]
    return [*words, f"-x=CONFIG_{'ARM_' if old else ''}ETHOS_U=y"]


@pytest.mark.qemu
@pytest.mark.parametrize("driver", ["the library's", "Zephyr's"])
def test_zephyr_s_build_for_the_npu_reads_as_the_firmware_does(driver: str, build_dir: Path, tmp_path: Path) -> None:
    """QEMU has no NPU, and the sample never ends: the model of the NPU beside QEMU says what it printed last."""
    if not os.environ.get("ZEPHYR_BASE"):
        pytest.skip("ZEPHYR_BASE names no Zephyr")
    require("cmake", "ninja", "dtc", "qemu-system-arm")
    words = ["--model", "fast", "--npu", "ethos-u55-128"]
    zephyr = Path(os.environ["ZEPHYR_BASE"])
    options = with_zephyr_s_driver(zephyr) if driver == "Zephyr's" else []
    package = test_package.package(tmp_path / "package", build_dir, *words)
    suite = twister(zephyr, package / "zephyr" / "sample", tmp_path / "out", *options)
    assert suite["status"] not in ("failed", "error"), suite
    (elf,) = (tmp_path / "out").rglob("zephyr.elf")
    assert ("ethosu_invoke_v3" in elf_symbols(elf)) == bool(options)
    with pytest.raises(TargetError, match=r"the last that it said: text: Cambridge, score: 0\.999774"):
        npu_firmware.run(elf, "ethos-u55-128", timeout_s=60)


def said_on_the_host(model: str, build_dir: Path, models: Path) -> str:
    """The line that the integer reference makes of the sample's picture."""
    compiled = stages.compiled(stages.Options(build_dir=build_dir, source=model))
    pixels = image.resize(read_image(models / "samples" / "word_capital.png"))
    probabilities = verification.integer_reference(Artifact.read(compiled.artifact)).probabilities(pixels)
    return str(decoding.decode(probabilities, RecognizerFolder(compiled.model).charset, decoding.CONTEXT))


@pytest.mark.qemu
@pytest.mark.parametrize("model", ["bundled", "fast"])
def test_zephyr_itself_builds_the_sample_and_it_reads_on_qemu(
    model: str, build_dir: Path, models: Path, tmp_path: Path
) -> None:
    if not os.environ.get("ZEPHYR_BASE"):
        pytest.skip("ZEPHYR_BASE names no Zephyr")
    require("cmake", "ninja", "dtc", "qemu-system-arm")
    package = test_package.package(tmp_path / "package", build_dir, "--model", model)
    suite = twister(Path(os.environ["ZEPHYR_BASE"]), package / "zephyr" / "sample", tmp_path / "out")
    assert suite["status"] == "passed", suite
    (log,) = (tmp_path / "out").rglob("handler.log")
    expected = said_on_the_host(model, build_dir, models)
    assert expected.startswith("text: Cambridge, score: 0.9")
    assert expected in log.read_text()
    (elf,) = (tmp_path / "out").rglob("zephyr.elf")
    assert not elf.with_suffix(".bin").exists()  # of half a gigabyte
    sections = subprocess.run(["objdump", "-h", elf], check=True, capture_output=True, text=True).stdout
    assert re.search(r" \.ocrm55\.weights +\w+ +31000000 ", sections)
    assert re.search(r" SRAM +\w+ +11000000 ", sections)
