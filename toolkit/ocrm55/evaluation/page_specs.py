"""What reads pages in an evaluation: the float pipeline of the host, made of the models that the user named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ocrm55 import __version__, files, stages
from ocrm55.build_folder import run_stage
from ocrm55.errors import InputError
from ocrm55.evaluation.page_host import STEP, WIDTHS, HostSpec
from ocrm55.export.paddle_folder import SETTINGS
from ocrm55.tasks.detector.model import DetectorFolder
from ocrm55.tasks.detector.sources import WORD
from ocrm55.tasks.detector.task import DETECTOR
from ocrm55.tasks.recognizer.model import RecognizerFolder
from ocrm55.tasks.recognizer.task import RECOGNIZER

_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")
MOST = 4096  # pixels of a side


def parse_size(text: str) -> tuple[int, int]:
    """(rows, columns) of `WIDTHxHEIGHT`. Raises InputError for anything that is no multiple of 32."""
    match = _SIZE.fullmatch(text.strip().lower())
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(STEP <= side <= MOST and side % STEP == 0 for side in (width, height)):
        raise InputError(
            f"`{text}` is no size of a detector's input: both sides are multiples of {STEP}, {MOST} at most.",
            ["--size 640x640"],
        )
    return height, width


def host_spec(options: stages.Options, detector: str, size: tuple[int, int]) -> HostSpec:
    """Both models in float on the host. options: of the recognizer; detector: what the user calls it.

    size: rows and columns of the detector's input. Exports the models if needed. Raises InputError.
    """
    found = DetectorFolder(stages.model(detector_options(options, detector)))
    recognizer = stages.model(options)
    folder = RecognizerFolder(recognizer)
    height, _ = folder.sized(options.compile.height, None)
    return HostSpec(
        {path.name: path.read_bytes() for path in found.files if path.name != SETTINGS},
        found.levels,
        found.thresholds,
        _recognizers(options, recognizer, height),
        tuple(folder.charset),
        height,
        size,
        options.compile.decoder,
        folder.levels,
    )


def detector_options(options: stages.Options, detector: str) -> stages.Options:
    """The options of the detector, in the same build folder."""
    return replace(options, source=WORD if detector == "bundled" else detector, task=DETECTOR)


def _recognizers(options: stages.Options, model: Path, height: int) -> dict[int, bytes]:
    """The recognizer's network for lines of several widths, as ONNX files that stay in the build folder."""
    output = options.folder.root / "host-widths"
    read = files.digest([model], __version__, height, *WIDTHS)

    def convert() -> None:
        network = RECOGNIZER.network(model)
        with files.atomic_directory(output) as folder:
            for width in WIDTHS:
                network.to_onnx(folder / f"{width}.onnx", height, width)

    with options.folder.locked():
        run_stage("widen", f"the recognizer for lines of {len(WIDTHS)} widths -> {output}", output, read, convert)
        return {width: (output / f"{width}.onnx").read_bytes() for width in WIDTHS}
