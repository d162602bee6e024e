"""Reads many images in one run of the firmware and compares every bit with the integer reference on the host.

    python -m tests.target.long_run [--images 1000] [--width 320] [--build-dir build]

The full width takes half an hour, `--width 64` a few minutes. The images are the samples and calibration pictures at
random widths, and noise. The arena has guards on either side,
which the firmware looks at after each image; the stack's high-water mark after some images must be that after one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocrm55 import stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.evaluation import verification
from ocrm55.firmware import build
from ocrm55.pictures import read_image
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request, Run
from ocrm55.tasks.recognizer import image

MODELS = Path(__file__).resolve().parents[2] / "models"
GUARD = 512  # bytes, as many as the region still has


def draw(count: int, seed: int = 55, widest: int = image.WIDTH) -> list[np.ndarray]:
    """Images of uint8 [48, 1 to `widest`, 3]: three of four real, the rest noise; every extreme width is among them."""
    chance = np.random.default_rng(seed)
    real = [
        read_image(path) for path in sorted(MODELS.glob("samples/*.png")) + sorted(MODELS.glob("calibration/*.jpg"))
    ]
    widths = [1, 2, widest, *chance.integers(1, widest + 1, max(count - 3, 0))][:count]
    drawn = []
    for number, width in enumerate(widths):
        if number % 4 == 3:
            drawn.append(chance.integers(0, 256, (image.HEIGHT, int(width), 3), dtype=np.uint8))
        else:
            picture = real[int(chance.integers(len(real)))]
            stretched = image.resize(picture, image.HEIGHT, 10_000)
            drawn.append(np.ascontiguousarray(stretched[:, : int(width)]))
    return drawn


def read(options: stages.Options, pictures: Sequence[np.ndarray], *, stats: bool = False) -> Run:
    """One run of a firmware whose arena is guarded."""
    folder = options.folder.root / f"{options.compile.variant}-guarded-firmware"
    elf = build(
        stages.compiled(options).artifact, folder, defines={"OCRM55_DEFINES": f"OCRM55_ARENA_GUARD={GUARD}"}
    ).elf
    return find_simulator("qemu").run(
        Request(elf, pictures, stats=stats, want_probabilities=True, row=97, timeout_s=60 + 20.0 * len(pictures))
    )


def compare(options: stages.Options, pictures: Sequence[np.ndarray], run: Run) -> list[int]:
    """The images, from 1, of which a bit differs from the host's."""
    assert run.probabilities is not None
    reference = verification.integer_reference(Artifact.read(stages.compiled(options).artifact))
    wrong = []
    for number, (pixels, probabilities) in enumerate(zip(pictures, run.probabilities, strict=True), 1):
        if not verification.equal_bits(reference.probabilities(pixels), probabilities):
            wrong.append(number)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--width", type=int, help="columns of the input, if not the model's own")
    parser.add_argument("--build-dir", type=Path, default=Path("build"))
    chosen = parser.parse_args()
    options = stages.Options(build_dir=chosen.build_dir, compile=CompileOptions(width=chosen.width))
    pictures = draw(chosen.images, widest=chosen.width or image.WIDTH)
    alone = read(options, pictures[:1], stats=True)
    some = read(options, pictures[:10], stats=True)  # counting makes QEMU slow
    start = time.monotonic()
    run = read(options, pictures)
    took = time.monotonic() - start
    wrong = compare(options, pictures, run)
    print(
        f"{len(run.results)} images in one run of {took:.0f} s; "
        f"{some.stack_bytes} bytes of stack after {len(some.results)}, {alone.stack_bytes} after one"
    )
    print(f"{len(pictures) - len(wrong)} of {len(pictures)} bit for bit as the host's integer reference")
    if wrong:
        print(f"different: {', '.join(map(str, wrong[:20]))}")
    return 1 if wrong or some.stack_bytes != alone.stack_bytes else 0


if __name__ == "__main__":
    sys.exit(main())
