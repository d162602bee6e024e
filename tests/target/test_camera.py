"""A recognizer alone reads regions of a camera's frames, in every format, with the bits that the host computes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ocrm55 import cli, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation.verification import integer_reference
from ocrm55.pictures import read_image
from ocrm55.simulators.frames import FORMATS, Frame, frame
from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.region import Polarity, rectangle, region
from ocrm55.tasks.recognizer import ctc
from tests.target import test_package
from tests.target.programs import require
from tests.target.test_package import fnv
from tests.target.test_two_networks import readings
from tests.unit.tasks.page.test_crop import box_at

MAIN = Path(__file__).parent / "embedded" / "camera.c"
PLACE = (37, 21)  # of the word's first pixel in a frame

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@dataclass(frozen=True)
class Shot:
    """A frame, what is read of it, and the text that is there."""

    frame: Frame
    region: Box | None
    polarity: Polarity
    text: str


@pytest.fixture(scope="module")
def shots(models: Path, samples: dict[Path, str]) -> list[Shot]:
    path = models / "samples" / "word_camel.png"
    word, text = read_image(path), samples[path]
    height, width = word.shape[:2]
    around = cv2.copyMakeBorder(word, PLACE[1], 30, PLACE[0], 40, cv2.BORDER_CONSTANT, value=(200, 90, 30))
    around = around[:, : around.shape[1] // 2 * 2]
    place = rectangle(*PLACE, width, height)
    found = [Shot(apart(frame(around, each)), place, Polarity.AS_IT_IS, text) for each in FORMATS]
    found.append(Shot(apart(frame(255 - around, "rgb565")), place, Polarity.DARK_ON_LIGHT, text))
    found.append(Shot(frame(255 - word, "gray8"), None, Polarity.INVERTED, text))
    turn = cv2.getRotationMatrix2D((150, 150), -20, 1)
    canvas = np.full((300, 300, 3), 255, np.uint8)
    scale = min(1.0, 200 / width)
    small = cv2.resize(word, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
    top, left = 150 - small.shape[0] // 2, 150 - small.shape[1] // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    turned = cv2.warpAffine(canvas, turn, (300, 300), borderValue=(255, 255, 255))
    found.append(Shot(frame(turned, "yuyv"), box_at(150, 150, *small.shape[1::-1], 20), Polarity.AS_IT_IS, text))
    return found


def apart(packed: Frame) -> Frame:
    """The same with bytes between its rows, as a window of a larger picture has them."""
    gap = np.full((packed.height, 12), 0x5A, np.uint8)
    return Frame(np.hstack([packed.rows, gap]), packed.width, packed.format)


def header(shots: list[Shot]) -> str:
    text, rows = '#include "ocrm55_frame.h"\n', ""
    for number, shot in enumerate(shots):
        numbers = ",".join(map(str, shot.frame.rows.reshape(-1).tolist()))
        text += f"static const uint8_t pixels_{number}[] = {{{numbers}}};\n"
        corners = shot.region.corners if shot.region else ((0, 0),) * 4
        box = ", ".join(f"{{{x}, {y}}}" for x, y in corners)
        size = f"{shot.frame.width}, {shot.frame.height}, {shot.frame.stride}, OCRM55_{shot.frame.format.upper()}"
        whole = int(shot.region is None)
        rows += f"    {{{{pixels_{number}, {size}}}, {{{{{box}}}, 0, 0, 0}}, {whole}, {int(shot.polarity)}}},\n"
    kind = "struct shot { struct ocrm55_frame frame; struct ocrm55_box region; int whole, polarity; };\n"
    return f"{text}{kind}static const struct shot shots[] = {{\n{rows}}};\n"


@pytest.fixture(scope="module")
def package(build_dir: Path, shots: list[Shot], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("camera")
    (folder / "frames.h").write_text(header(shots))
    return test_package.package(folder / "package", build_dir, "--decoder", "greedy")


def test_run_fvp_hands_frames_over(build_dir: Path, models: Path, samples: dict[Path, str], tmp_path: Path) -> None:
    """The command compares each crop with the host's, and ends with an error where a bit differs."""
    path = models / "samples" / "word_camel.png"
    word = read_image(path)
    dark = cv2.copyMakeBorder(255 - word, 5, 6, 8, 8 + word.shape[1] % 2, cv2.BORDER_CONSTANT, value=(10, 10, 10))
    cv2.imwrite(str(tmp_path / "dark.png"), dark)
    height, width = word.shape[:2]
    words = ["run-fvp", str(tmp_path / "dark.png"), "--build-dir", str(build_dir), "--decoder", "greedy", "--simulator"]
    words += ["qemu", "--frame", "yuyv", "--region", f"8,5,{width},{height}", "--polarity", "dark-on-light"]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 0, done.output
    assert f"text: {samples[path]}, score: 0." in done.output


@pytest.mark.parametrize("compiler", ["gcc", "arm-none-eabi-gcc", "clang-19"])
def test_reads_regions_of_frames(
    compiler: str, package: Path, build_dir: Path, shots: list[Shot], tmp_path: Path
) -> None:
    require(compiler)
    flags = "" if compiler == "gcc" else "-mcpu=cortex-m55"
    how = {"how": "subdirectory", "target": "bare_own", "others": [f"-DMAIN={MAIN}"]}
    folder = test_package.build(package, package.parent, tmp_path / "build", flags, compiler, **how)
    words = [*([] if compiler == "gcc" else test_package.QEMU), folder / "bare_own"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stdout}{done.stderr}"
    found = readings(done.stdout + done.stderr)
    options = stages.Options(build_dir=build_dir, compile=CompileOptions(decoder="greedy"))
    artifact = Artifact.read(stages.compiled(options).artifact)
    reference = integer_reference(artifact)
    assert [each.text for each in found] == [shot.text for shot in shots]
    for read, shot in zip(found, shots, strict=True):
        pixels = region(shot.frame.pixels, shot.region, *artifact.image_size, shot.polarity)
        probabilities = reference.probabilities(pixels)
        truth = ctc.decode(probabilities, artifact.labels)
        assert (read.hash, read.text) == (fnv(probabilities), truth.text)
        assert read.score == pytest.approx(truth.score, abs=1e-7)
