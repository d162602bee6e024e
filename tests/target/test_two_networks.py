"""Two small networks in one program: they run in turn in one arena, the larger, bit for bit as each by itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import stages
from ocrm55.artifact import Artifact
from ocrm55.elf import read_sections
from ocrm55.evaluation.verification import integer_reference
from ocrm55.firmware import build as build_firmware
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import ctc, image
from tests import networks
from tests.target import test_package
from tests.target.programs import require
from tests.target.test_package import Read, bits, fnv

MAIN = Path(__file__).parent / "two_networks" / "main.c"
NAMES = ("small_plain", "small_ppocrv4")
PICTURES = ("word_camel", "digit")
ON_UART = (
    "qemu-system-arm -M mps3-an547 -display none -monitor none -serial stdio "
    "-semihosting-config enable=on,target=native -kernel"
).split()

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@dataclass(frozen=True)
class Two:
    """Folders of the networks, their artifacts, the folder of pictures.h, and what they read in turn."""

    sources: list[Path]
    artifacts: list[Artifact]
    pictures: Path
    wanted: list[Read]


@pytest.fixture(scope="module")
def two(build_dir: Path, tmp_path_factory: pytest.TempPathFactory, models: Path) -> Two:
    folder = tmp_path_factory.mktemp("two")
    sources = [networks.RECIPES[name].write(folder / name) for name in NAMES]
    options = [stages.Options(build_dir=build_dir, source=str(source)) for source in sources]
    artifacts = [Artifact.read(stages.compiled(each).artifact) for each in options]
    assert artifacts[0].arena_bytes != artifacts[1].arena_bytes
    text, rows, wanted = "#include <stdint.h>\n", "", []
    for number, name in enumerate(PICTURES):
        for artifact, network in zip(artifacts, NAMES, strict=True):
            recipe = networks.RECIPES[network]
            pixels = image.resize(read_image(models / "samples" / f"{name}.png"), recipe.height, recipe.width)
            numbers = ",".join(map(str, pixels.reshape(-1).tolist()))
            text += f"static const uint8_t {network}_{number}[] = {{{numbers}}};\n"
            rows += f"    {{{network}_{number}, {pixels.shape[1]}}},\n"
            wanted.append(read(artifact, pixels))
    text += f"static const struct {{ const uint8_t *pixels; int32_t width; }} pictures[] = {{\n{rows}}};\n"
    (folder / "pictures.h").write_text(text)
    return Two(sources, artifacts, folder, wanted)


def read(artifact: Artifact, pixels: np.ndarray) -> Read:
    """What the host says of a picture: the integer reference, which is no C at all."""
    probabilities = integer_reference(artifact).probabilities(pixels)
    truth = ctc.decode(probabilities.reshape(probabilities.shape[-2:]), artifact.labels)
    return Read(truth.score, fnv(probabilities), artifact.image_size[1], len(truth.text), truth.text)


def readings(said: str) -> list[Read]:
    found = re.findall(r"^(\w{8}) (\w{8}) (\w{8}) (\w{8}) (.*)$", said, re.M)
    return [Read(bits(score), *(int(word, 16) for word in words), text) for score, *words, text in found]


def check(found: list[Read], two: Two) -> None:
    assert [(each.hash, each.width, each.characters, each.text) for each in found] == [
        (each.hash, each.width, each.characters, each.text) for each in two.wanted
    ]
    assert [each.score for each in found] == pytest.approx([each.score for each in two.wanted], abs=1e-7)
    assert len({each.hash for each in found}) == len(found)


def test_with_the_firmware(two: Two, tmp_path: Path) -> None:
    first, second = (artifact.folder for artifact in two.artifacts)
    defines = {
        "OCRM55_MORE_ARTIFACTS": str(second),
        "OCRM55_MAIN": str(shutil.copy(MAIN, two.pictures)),  # beside its pictures.h
        "OCRM55_DEFINES": "FIRMWARE",
        "OCRM55_HOT_WEIGHTS_REGION": "DDR",  # each network was placed as if it were alone in DTCM
    }
    elf = build_firmware(first, tmp_path / "firmware", defines=defines).elf
    done = subprocess.run([*ON_UART, elf], capture_output=True, text=True, timeout=300, check=False)
    assert "exit status 0" in done.stdout, done.stdout + done.stderr
    check(readings(done.stdout), two)
    arena = next(section.size for section in read_sections(elf) if section.name == ".ocrm55.arena")
    assert arena == max(artifact.arena_bytes for artifact in two.artifacts)


@pytest.fixture(scope="module")
def packages(two: Two, build_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("packages")
    return [test_package.package(folder / source.name, build_dir, "--source", str(source)) for source in two.sources]


@pytest.mark.parametrize("compiler", ["gcc", "arm-none-eabi-gcc", "clang-19"])
def test_with_packages(compiler: str, two: Two, packages: list[Path], tmp_path: Path) -> None:
    """On this machine, and on the board with a linker script that knows nothing of the packages."""
    require(compiler)
    flags = "" if compiler == "gcc" else "-mcpu=cortex-m55"
    libraries = ";".join(f"ocrm55_{name}" for name in NAMES)
    others = [f"-DMORE={packages[1]}", f"-DLIBRARIES={libraries}", f"-DMAIN={MAIN}"]
    how = {"how": "subdirectory", "target": "bare_own", "others": others}
    folder = test_package.build(packages[0], two.pictures, tmp_path / "build", flags, compiler, **how)
    simulator = [] if compiler == "gcc" else test_package.QEMU
    words = [*simulator, folder / "bare_own"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stdout}{done.stderr}"
    check(readings(done.stdout + done.stderr), two)
