"""Text detectors on the simulated board: their int8 maps are the integer reference's, and cost what was recorded.

After a change that is meant to alter the counts: `python tests/target/test_detector.py` writes detector_counts.json.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ocrm55 import libraries, resources, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation.verification import integer_reference
from ocrm55.firmware import build as build_firmware
from ocrm55.pictures import read_image
from ocrm55.tasks.choice import task_of
from ocrm55.tasks.detector import image
from ocrm55.tasks.detector.task import DETECTOR
from tests import detectors

MAIN = Path(__file__).parent / "detector" / "main.c"
RECORD = Path(__file__).with_name("detector_counts.json")
PAGE = Path(__file__).parents[2] / "docs" / "memory.md"
QEMU = (
    "qemu-system-arm -M mps3-an547 -display none -monitor none -serial stdio -icount shift=5 "
    "-semihosting-config enable=on,target=native -kernel"
).split()
QEMU_WITH_NPU = [sys.executable, "-m", "ocrm55.simulators.npu_firmware", "--timeout", "500"]
MOST_ARENA_BYTES = 490_000
MOST_INSTRUCTIONS = {"detector": 115_000_000, "detector-v6": 85_000_000}
MOST_WEIGHT_BYTES = 900_000
ALLOWANCE = 1.02

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@dataclass(frozen=True)
class Ran:
    """A map, int8 [height, width], and the instructions of each operator; the last is the whole run's."""

    found: np.ndarray
    instructions: np.ndarray


def run(artifact: Artifact, pixels: np.ndarray, folder: Path, *, qemu: Sequence[str] = QEMU, **defines: str) -> Ran:
    elf = build_firmware(artifact.folder, folder / "firmware", defines={"OCRM55_MAIN": str(MAIN)} | defines).elf
    (folder / "picture.bin").write_bytes(pixels.tobytes())
    done = subprocess.run([*qemu, elf], cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert "exit status 0" in done.stdout, done.stdout + done.stderr
    data, shape = (folder / "output.bin").read_bytes(), artifact.metadata.output.shape
    count = int(np.prod(shape))
    found = np.frombuffer(data, np.int8, count).reshape(shape[-2:])
    return Ran(found, np.frombuffer(data, np.uint32, offset=count))


def page(height: int, width: int) -> np.ndarray:
    """A bundled page as the input's pixels."""
    path = sorted((resources.folder("models") / "calibration_pages").glob("*.jpg"))[0]
    return image.resize(read_image(path), height, width)


def options_of(source: str, build_dir: Path, **chosen: object) -> stages.Options:
    return stages.Options(build_dir=build_dir, source=source, task=task_of(source), compile=CompileOptions(**chosen))


def check(artifact: Artifact, ran: Ran, pixels: np.ndarray) -> None:
    wanted = integer_reference(artifact).probabilities(pixels)
    assert wanted.dtype == np.int8
    np.testing.assert_array_equal(ran.found, wanted.reshape(ran.found.shape))
    assert len(np.unique(wanted)) > 20, "a map that says something"


@pytest.mark.parametrize("kernels", ["m55", "cmsis-nn", "cmsis-nn,m55"])
def test_a_small_network(kernels: str, build_dir: Path, tmp_path: Path) -> None:
    chosen = libraries.kernels(kernels)
    if libraries.LIBRARY in chosen and libraries.VARIABLE not in os.environ:
        pytest.skip(f"{libraries.VARIABLE} names no copy of CMSIS-NN")
    source = detectors.write(tmp_path / "small.onnx", seed=1)
    options = options_of(str(source), build_dir, height=64, width=96, kernels=chosen)
    artifact = Artifact.read(stages.compiled(options).artifact)
    pixels = page(64, 96)
    check(artifact, run(artifact, pixels, tmp_path, **libraries.defines(chosen)), pixels)


@pytest.mark.parametrize("kernels", ["m55", "cmsis-nn"])
def test_a_small_network_in_stripes(kernels: str, build_dir: Path, tmp_path: Path) -> None:
    """A program for pages has the bundled detectors so, whoever computes them."""
    chosen = libraries.kernels(kernels)
    if libraries.LIBRARY in chosen and libraries.VARIABLE not in os.environ:
        pytest.skip(f"{libraries.VARIABLE} names no copy of CMSIS-NN")
    source = str(detectors.write(tmp_path / "small.onnx", seed=1))
    sizes: dict[str, object] = {"height": 64, "width": 96, "kernels": chosen}
    whole = Artifact.read(stages.compiled(options_of(source, build_dir, **sizes)).artifact)
    limit = int(0.7 * whole.arena_bytes)
    striped = Artifact.read(stages.compiled(options_of(source, build_dir, arena_limit=limit, **sizes)).artifact)
    assert striped.arena_bytes <= limit and striped.metadata.stripes
    pixels = page(64, 96)
    check(striped, run(striped, pixels, tmp_path, **libraries.defines(chosen)), pixels)


def test_a_small_network_on_the_npu(build_dir: Path, tmp_path: Path) -> None:
    """With a factor and an offset behind hard-swish, which the NPU has as tables."""
    pytest.importorskip("ethosu.vela", reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'")
    source = str(detectors.write(tmp_path / "affine.onnx", seed=1, affine=True))
    options = options_of(source, build_dir, height=64, width=96, npu="ethos-u55-128")
    artifact = Artifact.read(stages.compiled(options).artifact)
    assert any(b"_table" in file.read_bytes() for file in (artifact.folder / "npu").glob("*.tflite"))
    pixels = page(64, 96)
    check(artifact, run(artifact, pixels, tmp_path, qemu=QEMU_WITH_NPU), pixels)


@pytest.mark.parametrize("name", MOST_INSTRUCTIONS)
def test_the_bundled_detectors(name: str, build_dir: Path, tmp_path: Path) -> None:
    options = options_of(name, build_dir)
    assert options.task is DETECTOR
    artifact = Artifact.read(stages.compiled(options).artifact)
    pixels = page(*artifact.image_size)
    ran = run(artifact, pixels, tmp_path)
    check(artifact, ran, pixels)
    assert ran.instructions[-1] <= MOST_INSTRUCTIONS[name]
    assert artifact.weight_bytes <= MOST_WEIGHT_BYTES
    wanted = json.loads(RECORD.read_text())[name]
    found = counts(artifact, ran)
    assert found.keys() == wanted.keys()
    if name == "detector":
        assert_on_page("none", artifact, ran)
    grown = {name: count for name, count in found.items() if count > wanted[name] * ALLOWANCE + 100}
    assert not grown
    probabilities = (ran.found + np.float32(128)) / 256
    assert 0.01 < (probabilities > 0.3).mean() < 0.5, "a page has text, and not everywhere"


def test_the_bundled_detector_in_stripes(build_dir: Path, tmp_path: Path) -> None:
    """A smaller arena for nearly the same instructions, which read the picture too."""
    artifact = Artifact.read(stages.compiled(options_of("detector", build_dir, arena_limit=MOST_ARENA_BYTES)).artifact)
    pixels = page(*artifact.image_size)
    ran = run(artifact, pixels, tmp_path)
    check(artifact, ran, pixels)
    assert artifact.arena_bytes <= MOST_ARENA_BYTES < artifact.metadata.whole_arena_bytes / 2
    assert ran.instructions[-1] <= MOST_INSTRUCTIONS["detector"]
    assert artifact.metadata.stripes[0].reads_picture
    assert not any(row.macs_again for row in artifact.metadata.stripes)
    assert_on_page(str(MOST_ARENA_BYTES), artifact, ran)


def assert_on_page(limit: str, artifact: Artifact, ran: Ran) -> None:
    """The page's row has this arena, and these instructions to a thousandth: compilers differ."""
    found = re.search(rf"^\| {limit} \| ([\d,]+) \| ([\d,]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    arena, instructions = (int(figure.replace(",", "")) for figure in found.groups())
    assert (arena, instructions) == (artifact.arena_bytes, pytest.approx(int(ran.instructions[-1]), rel=1e-3))


def counts(artifact: Artifact, ran: Ran) -> dict[str, int]:
    """Instructions of each operator, under a name that says which one it is."""
    named = {f"{number} {row.name} {row.kind}": row for number, row in enumerate(artifact.operators)}
    return dict(zip([*named, "all"], map(int, ran.instructions), strict=True))


def record() -> None:
    found = {}
    for name in MOST_INSTRUCTIONS:
        with tempfile.TemporaryDirectory() as folder:
            options = options_of(name, Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "build")
            artifact = Artifact.read(stages.compiled(options).artifact)
            found[name] = counts(artifact, run(artifact, page(*artifact.image_size), Path(folder)))
            print(f"{name}: {found[name]['all']:,} instructions")
    RECORD.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    record()
