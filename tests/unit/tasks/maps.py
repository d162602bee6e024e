"""A task of tests: where in a picture something is, as a text detector with a DB head says it.

It is all that a second task needs: nothing in the compiler and nothing in the export knows it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import yaml

from ocrm55 import resources
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.export import onnx_model
from ocrm55.export.paddle_folder import PaddleFolder
from ocrm55.normalisation import Normalisation
from ocrm55.tasks import base
from ocrm55.tasks.base import Extras

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as PaddleOCR's detectors have them
THRESHOLD = 0.3
STEP = 32  # pixels: sizes are multiples
SETTINGS = {
    "PreProcess": {
        "transform_ops": [
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"DetResizeForTest": {"resize_long": 64}},
            {"NormalizeImage": {"mean": [*MEAN], "std": [*DEVIATION], "order": "hwc", "scale": "1./255."}},
        ]
    },
    "PostProcess": {"name": "DBPostProcess", "thresh": THRESHOLD},
}


def settings_text(**changes: Any) -> str:
    return yaml.safe_dump(SETTINGS | changes)


class MapFolder(PaddleFolder):
    """A model folder that gives a map as large as its image."""

    def _check_settings(self) -> None:
        if self.described.get("PostProcess", {}).get("name") != "DBPostProcess":
            raise InputError(f"{self.settings} does not describe a detector.", ["choose a detection model"])


class Merit(base.Merit):
    """Outputs are probabilities [1, 1, height, width]; an answer is where they pass the threshold."""

    def answer(self, output: np.ndarray) -> np.ndarray:
        return output > THRESHOLD

    def sure(self, output: np.ndarray, answer: np.ndarray) -> float:
        return float(np.where(answer, output, 1 - output).mean())

    def divergence(self, found: np.ndarray, wanted: np.ndarray) -> float:
        pairs = ((wanted, found), (1 - wanted, 1 - found))
        return float(sum((w * (np.log(w + 1e-9) - np.log(f + 1e-9))).sum() for w, f in pairs))


class MapNetwork(base.Network):
    merit = Merit()

    def __init__(self, source: Path) -> None:
        self.source = source
        self.folder = None if source.is_file() else MapFolder(source)
        given = None if self.folder is None else self.folder.normalisation
        self.normalisation = given or Normalisation(MEAN, DEVIATION, 1 / 255)

    def to_onnx(self, destination: Path, height: int | None, width: int | None, look: base.Look | None = None) -> Path:
        assert self.folder is not None
        shape = (1, 3, height or 2 * STEP, width or 2 * STEP)
        self.folder.check_size(*shape[2:])
        return onnx_model.to_onnx(self.folder, destination, shape, check_output=self.check_output, look=look)

    def resize(self, pixels: np.ndarray, height: int, width: int) -> np.ndarray:
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)

    def check_output(self, shape: Sequence[int]) -> None:
        if len(shape) != 4 or tuple(shape[:2]) != (1, 1):
            raise UnsupportedError(f"{self.source} gives {list(shape)}, no map.", ["choose a detection model"])

    def extras(self, shape: Sequence[int], decoder: str) -> Extras:
        return Extras(
            headers={"map.h": "uint32_t ocrm55_map_pixels(const float *map, uint32_t count);\n"},
            sources=lambda _: {
                "map.c": '#include <stdint.h>\n#include "map.h"\n'
                "uint32_t ocrm55_map_pixels(const float *map, uint32_t count) {\n"
                "    uint32_t found = 0;\n"
                f"    for (uint32_t i = 0; i < count; ++i) found += map[i] > {THRESHOLD}f;\n"
                "    return found;\n}\n"
            },
            sizes=[("THRESHOLD", f"{THRESHOLD}f", "")],
            metadata={"threshold": THRESHOLD},
        )

    def decode(self, output: np.ndarray, decoder: str) -> int:
        return int((output > np.float32(THRESHOLD)).sum())


class Maps(base.Task):
    """Where something is."""

    name = "maps"
    decoders = ("pixels",)
    models: ClassVar = {"bundled": "maps"}

    @property
    def calibration(self) -> Path:
        return resources.folder("models") / "calibration"

    def export(self, source: str, destination: Path) -> None:
        shutil.copytree(source, destination)

    def files(self, decoder: str) -> list[Path]:
        return []

    def network(self, source: Path) -> MapNetwork:
        return MapNetwork(source)
