"""The detector as a task: a picture of a page goes in, the probability of text in each of its pixels comes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ocrm55 import resources
from ocrm55.errors import InputError
from ocrm55.tasks import base
from ocrm55.tasks.base import Extras
from ocrm55.tasks.detector import image
from ocrm55.tasks.detector.model import LEVELS, DetectorFolder, Thresholds, is_map
from ocrm55.tasks.detector.sources import BUNDLED, OFFICIAL

# Of an output in int8: the probability is (q + 128) / 256.
SCALE, ZERO_POINT = 1 / 256, -128
LEAST = 1e-9  # probability, so that logarithms exist


class Merit(base.Merit):
    """Outputs are probabilities [1, 1, height, width]; an answer is where they pass the threshold."""

    def answer(self, output: np.ndarray) -> np.ndarray:
        return output > Thresholds.pixel

    def sure(self, output: np.ndarray, answer: np.ndarray) -> float:
        return float(np.where(answer, output, 1 - output).mean())

    def divergence(self, found: np.ndarray, wanted: np.ndarray) -> float:
        pairs = ((wanted, found), (1 - wanted, 1 - found))
        return float(sum((w * (np.log(w + LEAST) - np.log(f + LEAST))).sum() for w, f in pairs))


class DetectorNetwork(base.Network):
    """A detector's folder, or an ONNX file with PaddleOCR's usual normalisation and thresholds."""

    merit = Merit()
    int8_output = (SCALE, ZERO_POINT)

    def __init__(self, source: Path) -> None:
        self.source = source
        self._folder = None if source.is_file() else DetectorFolder(source)
        self.normalisation = LEVELS if self._folder is None else self._folder.levels
        self.thresholds = Thresholds() if self._folder is None else self._folder.thresholds

    def to_onnx(self, destination: Path, height: int | None, width: int | None, look: base.Look | None = None) -> Path:
        assert self._folder is not None, "an ONNX file is one already"
        return self._folder.to_onnx(destination, height or image.HEIGHT, width or image.WIDTH, look)

    def resize(self, pixels: np.ndarray, height: int, width: int) -> np.ndarray:
        return image.resize(pixels, height, width)

    def check_output(self, shape: Sequence[int]) -> None:
        if not is_map(shape):
            raise InputError(f"{self.source} gives {list(shape)}, no map.", ["choose a text detection model"])

    def extras(self, shape: Sequence[int], decoder: str) -> Extras:
        given = self.thresholds
        values = {"pixel": given.pixel, "box": given.box, "unclip": given.unclip, "candidates": given.candidates}
        return Extras(metadata={"task": DETECTOR.name, "thresholds": values})

    def decode(self, output: np.ndarray, decoder: str) -> np.ndarray:
        """The map of probabilities, float32 [height, width]."""
        return np.ascontiguousarray(output, np.float32).reshape(output.shape[-2:])


class Detector(base.Task):
    """Finds the lines of text in a picture."""

    name = "detector"
    decoders = ("map",)
    models = MappingProxyType({**BUNDLED, **{name: name for name in OFFICIAL}})

    @property
    def calibration(self) -> Path:
        return resources.folder("models") / "calibration_pages"

    def export(self, source: str, destination: Path) -> DetectorFolder:
        from ocrm55.tasks.detector import sources

        return sources.export(source, destination)

    def files(self, decoder: str) -> list[Path]:
        return []

    def network(self, source: Path) -> DetectorNetwork:
        return DetectorNetwork(source)


DETECTOR = Detector()
