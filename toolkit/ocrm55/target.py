"""Read images on the target: preprocess on the host, hand the pixels to the firmware, take back what it says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ocrm55 import console, stages
from ocrm55.pictures import read_image
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request, Run
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer.model import RecognizerFolder

# An inference of the float32 network takes QEMU some 10 s on a slow core; a hang is told from work by this.
SECONDS_PER_IMAGE = 120.0


def read_images(
    paths: Sequence[Path],
    options: stages.Options,
    *,
    simulator: str = "auto",
    fvp: Path | None = None,
    stats: bool = False,
    want_probabilities: bool = False,
    timeout_s: float = SECONDS_PER_IMAGE,
    npu_fault: str | None = None,
) -> Run:
    """Run the firmware once over all images; build it first where needed.

    paths: image files. timeout_s: limit per image, in seconds of the host. npu_fault: what goes wrong on an NPU that
    is played beside the simulator (simulators/npu_registers.py).
    Raises InputError for an image that cannot be read, before anything is built or run.
    """
    originals = [read_image(path) for path in paths]
    board = find_simulator(simulator, fvp)
    elf = stages.firmware(options)
    model = RecognizerFolder(stages.model(options.made))
    size = model.sized(options.height, options.width)
    count = "1 image" if len(paths) == 1 else f"{len(paths)} images"
    console.stage("run", f"{count} on {board.name} {board.version()}")
    return board.run(
        Request(
            elf=elf,
            images=[image.resize(original, *size) for original in originals],
            stats=stats,
            want_probabilities=want_probabilities,
            classes=len(model.charset),
            timeout_s=timeout_s * len(paths),
            npu=options.npu or None,
            npu_fault=npu_fault,
            guard=options.workspace.locked,
        )
    )
