"""The sources of a detector: the bundled one, PaddleOCR's by their names, a model folder, an ONNX file."""

from __future__ import annotations

import shutil
from pathlib import Path

from ocrm55 import console, resources
from ocrm55.errors import InputError
from ocrm55.export import sources
from ocrm55.export.paddle_folder import SETTINGS, new_folder
from ocrm55.export.sources import Sources
from ocrm55.tasks.detector.model import ONNX, DetectorFolder, check_file, settings_text

# The user's words for what came with ocrm55 -> folders in models/.
WORD = "detector"  # the usual one
BUNDLED = {WORD: "en_ppocrv3_det", "detector-v6": "ppocrv6_tiny_det"}
OFFICIAL = ("PP-OCRv3_mobile_det", "PP-OCRv4_mobile_det", "PP-OCRv5_mobile_det", "PP-OCRv6_tiny_det")


def export(source: str, destination: Path) -> DetectorFolder:
    """Bring a detector into a folder of its own, see ocrm55.export.sources."""
    return sources.export("bundled" if source in BUNDLED else source, destination, known(source))


def known(source: str = WORD) -> Sources[DetectorFolder]:
    """The possible names of a source; `bundled` is the one that `source` names, if it names one."""
    return Sources(
        bundled=resources.folder("models") / BUNDLED.get(source, BUNDLED[WORD]),
        official={name: name for name in OFFICIAL},
        read=DetectorFolder,
        from_checkpoint=_from_file,
        assumed=("a detector with PaddleOCR's usual thresholds", lambda: settings_text("detector")),
    )


def _from_file(path: Path, destination: Path) -> DetectorFolder:
    """An ONNX file, with the settings that lie beside it or PaddleOCR's usual ones."""
    if path.suffix != ".onnx":
        raise InputError(f"{path} is no detector.", ["name a Paddle inference model folder or an .onnx file"])
    check_file(path)
    beside = path.with_name(SETTINGS)
    with new_folder(destination, DetectorFolder, path) as staging:
        shutil.copyfile(path, staging / ONNX)
        if beside.is_file():
            shutil.copyfile(beside, staging / SETTINGS)
        else:
            console.note(
                f"{path} has no {SETTINGS} beside it; PaddleOCR's usual normalisation and thresholds are taken."
            )
            (staging / SETTINGS).write_text(settings_text(path.stem), encoding="utf-8")
    return DetectorFolder(destination)
