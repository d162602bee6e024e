"""The package as a Zephyr module, with a stand-in for Zephyr: module and sample build, and the sample reads."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

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
