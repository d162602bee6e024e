"""Pictures read by the firmware: preprocess on the host, hand the pixels to a simulator, take back what it says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ocrm55 import console
from ocrm55.pictures import read_image
from ocrm55.simulators.base import Request, Run, Simulator
from ocrm55.stages import Prepared
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer.model import RecognizerFolder

# An inference of the float32 network takes QEMU some 10 s on a slow core; a hang is told from work by this.
SECONDS_PER_IMAGE = 120.0


def load(paths: Sequence[Path]) -> list[np.ndarray]:
    """Pictures of any size, uint8 [height, width, 3] BGR.

    Raises InputError for a file that cannot be read: to be called before anything is built.
    """
    return [read_image(path) for path in paths]


def read_images(
    pictures: Sequence[np.ndarray],
    prepared: Prepared,
    simulator: Simulator,
    *,
    stats: bool = False,
    want_probabilities: bool = False,
    timeout_s: float = SECONDS_PER_IMAGE,
    npu_fault: str | None = None,
    want_confidence: bool = False,
) -> Run:
    """Run the firmware once over all pictures, as `load` gives them.

    timeout_s: limit per picture, in seconds of the host. npu_fault: what goes wrong on an NPU that is played beside the
    simulator (simulators/npu_registers.py).
    """
    options = prepared.options
    model = RecognizerFolder(prepared.model)
    size = model.sized(options.compile.height, options.compile.width)
    count = "1 image" if len(pictures) == 1 else f"{len(pictures)} images"
    console.stage("run", f"{count} on {simulator.name} {simulator.version()}")
    return simulator.run(
        Request(
            elf=prepared.elf,
            images=[image.resize(picture, *size) for picture in pictures],
            stats=stats,
            want_probabilities=want_probabilities,
            want_confidence=want_confidence,
            row=len(model.charset),
            timeout_s=timeout_s * len(pictures),
            npu=options.compile.npu or None,
            npu_fault=npu_fault,
            guard=options.folder.locked,
        )
    )
