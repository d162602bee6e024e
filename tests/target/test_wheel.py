"""The wheels do the whole job where no checkout is around. `make test-release` tries more, in a Debian of their own."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from ocrm55 import files
from tests.once import Once

CHECKOUT = Path(__file__).resolve().parents[2]
ROOMS = ("firmware", "cmake", "models", "fvp", "docs")  # what travels beside the package
OTHERS = ("tvmc_script", "ethosu_model")  # distributions of their own, in toolkit/

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dist(once: Once) -> Path:
    """A folder with the wheels and the source distributions, built from a copy of the sources."""
    pytest.importorskip("hatchling", reason="building a wheel needs the extra `dev`")
    return once("dist", build)


def build(folder: Path) -> Path:
    sources, out = folder / "sources", folder / "dist"
    without = shutil.ignore_patterns("__pycache__", ".*_cache")
    for room in ("toolkit", "tests/npu_networks", *ROOMS):
        shutil.copytree(CHECKOUT / room, sources / room, ignore=without)
    for file in ("README.md", "LICENSE", "NOTICE", "pyproject.toml"):
        shutil.copy(CHECKOUT / file, sources / file)
    make(out, sources, "--wheel")
    for name in OTHERS:
        make(out, sources / "toolkit" / name)
    return out


def make(out: Path, sources: Path, *options: str) -> None:
    command = [sys.executable, "-m", "build", *options, "--no-isolation", "--outdir", str(out), str(sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def scripts(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs that pip installs of these wheels; packages of others are those of the tests."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--find-links", str(dist), "ocrm55", "ocrm55-tvmc", "ethosu-model"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (site,) = place.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return place / "bin"


def run(scripts: Path, folder: Path, *command: str) -> str:
    """What a command prints; it has a home and a folder where nothing is, and no setting of the tests."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [str(scripts / command[0]), *command[1:]],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_file_is_in_the_wheel(dist: Path) -> None:
    inside = set(zipfile.ZipFile(next(dist.glob("ocrm55-*.whl"))).namelist())
    rooms = {CHECKOUT / "toolkit" / "ocrm55": "ocrm55"} | {CHECKOUT / room: f"ocrm55/_data/{room}" for room in ROOMS}
    wanted = {
        f"{name}/{path.relative_to(room).as_posix()}"
        for room, name in rooms.items()
        for path in room.rglob("*")
        if path.is_file() and not {"__pycache__", ".mypy_cache", ".ruff_cache"} & set(path.parts)
    }
    assert len(wanted) > 900
    assert wanted | {"ocrm55/_data/LICENSE", "ocrm55/_data/NOTICE"} <= inside


def test_all_distributions_have_one_version_and_the_newest_changes_are_its() -> None:
    files = [CHECKOUT / "pyproject.toml", *(CHECKOUT / "toolkit" / name / "pyproject.toml" for name in OTHERS)]
    (version,) = {tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"] for file in files}
    headings = re.findall(r"^## (.*)$", (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert version in headings[:2]
    assert headings[0] in (version, "Unreleased")


def test_source_of_the_npu_s_model_makes_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(next(dist.glob("ethosu_model-*.tar.gz"))) as source:
        files.extract(source, tmp_path)
    (unpacked,) = tmp_path.iterdir()
    make(tmp_path / "out", unpacked, "--wheel")
    (again,) = (tmp_path / "out").iterdir()
    first, second = (zipfile.ZipFile(wheel) for wheel in (dist / again.name, again))
    assert {n: first.read(n) for n in first.namelist()} == {n: second.read(n) for n in second.namelist()}


def test_installed_wheels_satisfy_each_other(scripts: Path, tmp_path: Path) -> None:
    named = run(scripts, tmp_path, "ocrm55", "--version").split()
    assert named[0] == "ocrm55"
    where = run(scripts, tmp_path, "python", "-c", "import ocrm55, importlib.metadata as m; print(ocrm55.__file__); "
                "print(m.requires('ocrm55-tvmc'), m.version('ethosu-model'))")  # fmt: skip
    assert str(scripts.parent) in where
    assert f"['ocrm55=={named[1]}'] {named[1]}" in where
    assert "tvmc compile --help" in run(scripts, tmp_path, "tvmc", "--help")
    assert "--disassemble" in run(scripts, tmp_path, "ethosu-model", "--help")
    assert str(scripts.parent) in run(scripts, tmp_path, "ocrm55", "doctor", "--json")


@pytest.mark.qemu
@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm")
@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="needs arm-none-eabi-gcc")
def test_installed_wheel_reads_an_image_and_a_page(scripts: Path, tmp_path: Path) -> None:
    shutil.copy(CHECKOUT / "models" / "samples" / "word_capital.png", tmp_path / "word.png")
    said = run(scripts, tmp_path, "ocrm55", "run-fvp", "--simulator", "qemu", "word.png")
    assert "text: Cambridge, score: 0." in said
    assert (tmp_path / "build" / "en_ppocrv3_rec" / "model" / "inference.json").exists()
    run(scripts, tmp_path, "python", "-m", "ocrm55.page.demo", "page.png")
    assert "Corner Bakery" in run(scripts, tmp_path, "ocrm55", "read", "page.png", "--simulator", "native").splitlines()
