"""The wheel does the whole job where no checkout is around."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.once import Once

CHECKOUT = Path(__file__).resolve().parents[2]
ROOMS = ("toolkit", "firmware", "cmake", "models", "fvp", "README.md", "LICENSE", "NOTICE", "pyproject.toml")

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@pytest.fixture(scope="module")
def wheel(once: Once) -> Path:
    """The wheel, built from a copy of the sources."""
    pytest.importorskip("hatchling", reason="building a wheel needs the extra `dev`")
    return once("wheel", build)


def build(folder: Path) -> Path:
    """The wheel of this checkout."""
    sources, out = folder / "sources", folder / "dist"
    sources.mkdir()
    for room in ROOMS:
        if (CHECKOUT / room).is_dir():
            shutil.copytree(CHECKOUT / room, sources / room, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(CHECKOUT / room, sources / room)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


def test_wheel_holds_every_room(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel).namelist()
    for room in (
        "firmware/CMakeLists.txt",
        "firmware/src/main.c",
        "cmake/",
        "models/en_ppocrv3_rec/inference.pdiparams",
        "LICENSE",
        "NOTICE",
    ):
        assert any(name.startswith(f"ocrm55/_data/{room}") for name in inside), room


@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm")
@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="needs arm-none-eabi-gcc")
def test_installed_wheel_reads_an_image(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    image = tmp_path / "word.png"
    shutil.copy(CHECKOUT / "models" / "samples" / "word_capital.png", image)
    # The wheel's own files come before the checkout that the test environment has installed.
    environment = os.environ | {"PYTHONPATH": str(site)}
    where = [sys.executable, "-c", "import ocrm55; print(ocrm55.__file__)"]
    loaded = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert loaded.stdout.startswith(str(site))
    command = [sys.executable, "-m", "ocrm55.cli", "run-fvp", "--simulator", "qemu", str(image)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "text: Cambridge, score: 0." in done.stdout
    assert (tmp_path / "build" / "en_ppocrv3_rec" / "model" / "inference.json").exists()
