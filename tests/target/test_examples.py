"""The main programs of a package: a camera, a UART with interrupts, a task, weights in flash, on QEMU's board."""

from __future__ import annotations

import struct
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation.verification import integer_reference
from ocrm55.pictures import read_image
from ocrm55.simulators.frames import frame
from ocrm55.tasks.page.region import rectangle, region
from ocrm55.tasks.recognizer import ctc, image
from tests import networks
from tests.target import test_package
from tests.target.programs import require
from tests.target.test_package import QEMU
from tests.target.test_two_networks import ON_UART

FOLDER = Path(__file__).parent / "embedded"
PICTURES = ("word_camel", "digit")

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@dataclass(frozen=True)
class Examples:
    """A package that runs in steps, its artifact, the pictures, and the folder of pictures.h."""

    package: Path
    artifact: Artifact
    pictures: list[np.ndarray]
    headers: Path

    def text(self, pixels: np.ndarray) -> str:
        """What the host reads."""
        probabilities = integer_reference(self.artifact).probabilities(pixels)
        return ctc.decode(probabilities.reshape(probabilities.shape[-2:]), self.artifact.labels).text


@pytest.fixture(scope="module")
def examples(build_dir: Path, tmp_path_factory: pytest.TempPathFactory, models: Path) -> Examples:
    folder = tmp_path_factory.mktemp("examples")
    recipe = networks.RECIPES["small_plain"]
    source = str(recipe.write(folder / "small_plain"))
    chosen = CompileOptions(decoder="greedy", stepwise=True)
    compiled = stages.compiled(stages.Options(build_dir=build_dir, source=source, compile=chosen))
    pictures = [
        image.resize(read_image(models / "samples" / f"{name}.png"), recipe.height, recipe.width) for name in PICTURES
    ]
    text, rows = "#include <stdint.h>\n", ""
    for name, pixels in zip(PICTURES, pictures, strict=True):
        text += f"static const uint8_t {name}[] = {{{','.join(map(str, pixels.reshape(-1).tolist()))}}};\n"
        rows += f"    {{{name}, {pixels.shape[1]}}},\n"
    text += f"static const struct {{ const uint8_t *pixels; int32_t width; }} pictures[] = {{\n{rows}}};\n"
    (folder / "pictures.h").write_text(text)
    package = test_package.package(
        folder / "package", build_dir, "--source", source, "--decoder", "greedy", "--stepwise"
    )
    return Examples(package, Artifact.read(compiled.artifact), pictures, folder)


def said(words: list[str | Path]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, f"exit status {done.returncode}: {printed}"
    return printed


def talk(program: Path, first: bytes, then: bytes) -> list[str]:
    """The answers on QEMU's UART; `then` is sent after the first of them, for there is room for two pictures."""
    with subprocess.Popen([*ON_UART, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        timer = threading.Timer(600, process.kill)
        timer.start()
        process.stdin.write(first)
        process.stdin.flush()
        answer = process.stdout.readline()
        process.stdin.write(then)
        process.stdin.flush()
        rest = process.stdout.read()
        timer.cancel()
    assert process.returncode == 0, answer + rest
    return (answer + rest).decode().splitlines()


@pytest.mark.parametrize("compiler", ["arm-none-eabi-gcc", "clang-19"])
def test_the_examples_read(compiler: str, examples: Examples, tmp_path: Path) -> None:
    require(compiler)
    own = examples.package / "examples"
    programs = ";".join(f"{name}={own / name}.c,{FOLDER / name}_port.c" for name in ("camera", "uart", "task"))
    others = [f"-DPROGRAMS={programs}", f"-DINCLUDES={FOLDER / 'freertos'}"]
    how = {"how": "subdirectory", "others": others}
    folder = test_package.build(
        examples.package, examples.headers, tmp_path / "build", "-mcpu=cortex-m55", compiler, target="all", **how
    )
    texts = [examples.text(pixels) for pixels in examples.pictures]

    sent = b"".join(b"OCR?" + struct.pack("<H", each.shape[1]) + each.tobytes() for each in examples.pictures)
    assert talk(folder / "bare_uart", b"noise" + sent, b"OCR?" + bytes(2)) == texts

    yielded = said([*QEMU, folder / "bare_task"])
    assert yielded.splitlines() == [*texts, "it let others run"]

    box = rectangle(0, 0, 320, 48)  # as examples/camera.c has it; beyond the frame, its nearest pixel counts
    seen = [frame(pixels, "rgb565").pixels for pixels in examples.pictures]
    crops = [region(each, box, *examples.artifact.image_size) for each in seen]
    shown = [examples.text(crop) for crop in crops]
    assert said([*QEMU, folder / "bare_camera"]).splitlines() == shown
