"""The detector's model folder: Paddle's own, or an ONNX file with the same settings beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import yaml

from ocrm55 import files
from ocrm55.compiler.onnx_graph import entrance
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.export import onnx_model
from ocrm55.export.paddle_folder import SETTINGS, STEM, PaddleFolder
from ocrm55.normalisation import Normalisation
from ocrm55.tasks.base import Look
from ocrm55.tasks.detector.image import HEIGHT, STEP, WIDTH

ONNX = f"{STEM}.onnx"
POST_PROCESS = "DBPostProcess"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as PaddleOCR's detectors have them
LEVELS = Normalisation(MEAN, DEVIATION, 1 / 255)


@dataclass(frozen=True)
class Thresholds:
    """How a map becomes boxes, in PaddleOCR's words.

    pixel: a pixel is text above this probability. box: the least mean of a box. unclip: how far a box grows, area over
    circumference. candidates: the most boxes.
    """

    pixel: float = 0.3
    box: float = 0.6
    unclip: float = 1.5
    candidates: int = 1000


class DetectorFolder(PaddleFolder):
    """A model folder of a text detector with a DB head.

    levels: what the bytes of a picture become. thresholds: those of the settings.
    Raises InputError, in one sentence, when a file is missing, cut short or of another kind of model.
    """

    def __init__(self, directory: Path) -> None:
        self.onnx = Path(directory) / ONNX
        if not self.onnx.is_file():
            super().__init__(directory)
            return
        self.directory = Path(directory)
        self.settings = self._file(SETTINGS)
        self.described = self._read_settings()
        self._check_settings()

    @property
    def files(self) -> list[Path]:
        return [self.onnx, self.settings] if self.onnx.is_file() else super().files

    def _check_settings(self) -> None:
        post = self.described.get("PostProcess")
        if not isinstance(post, dict) or post.get("name") != POST_PROCESS:
            raise InputError(
                f"{self.settings} does not describe a text detector (PostProcess: {POST_PROCESS}).",
                ["choose a text detection model, such as PP-OCRv3_mobile_det"],
            )
        self.levels = self.normalisation or LEVELS
        self.thresholds = _thresholds(post, self.settings)

    def _check_program(self) -> None:
        self.check_size(HEIGHT, WIDTH)

    def to_onnx(self, destination: Path, height: int, width: int, look: Look | None = None) -> Path:
        """The network for pictures of one size as an ONNX file. Raises InputError, UnsupportedError, ToolchainError.

        look: sees a converted file before it is compared with Paddle.
        """
        check_size(height, width)
        shape = (1, 3, height, width)
        if not self.onnx.is_file():
            self.check_size(height, width)
            return onnx_model.to_onnx(self, destination, shape, check_output=self.check_output, look=look)
        model = onnx_model.static_file(self.onnx, shape)
        self.check_output([dimension.dim_value for dimension in model.graph.output[0].type.tensor_type.shape.dim])
        with files.atomic_file(destination) as staging:
            onnx.save(model, str(staging))
        return destination

    def check_output(self, shape: Sequence[int]) -> None:
        """Raise InputError unless the output is one map."""
        if not is_map(shape):
            raise InputError(
                f"{self.directory} gives {list(shape)}, not one map [1, 1, rows, columns].",
                ["choose a text detection model"],
            )


def is_map(shape: Sequence[int]) -> bool:
    """Whether an output's shape is one map; sizes that are open are 0 or less."""
    return len(shape) == 4 and shape[0] <= 1 and shape[1] == 1


def check_size(height: int, width: int) -> None:
    """Raise InputError for a size that is no multiple of STEP."""
    if any(size < STEP or size % STEP for size in (height, width)):
        raise InputError(
            f"a detector's input of {height} rows and {width} columns cannot be compiled: "
            f"both are multiples of {STEP}.",
            [f"--height {HEIGHT} --width {WIDTH}"],
        )


def check_file(path: Path) -> None:
    """Raise InputError, or UnsupportedError, for an ONNX file that is no detector's."""
    model = entrance.read(path)
    shape = [dimension.dim_value for dimension in model.graph.output[0].type.tensor_type.shape.dim]
    if len(model.graph.output) != 1 or not (is_map(shape) or (len(shape) == 4 and not shape[1])):
        raise UnsupportedError(f"{path} gives {shape}, no map.", ["choose a text detection model"])


def _thresholds(post: dict[str, Any], settings: Path) -> Thresholds:
    usual = Thresholds()
    try:
        return Thresholds(
            _share(post.get("thresh", usual.pixel)),
            _share(post.get("box_thresh", usual.box)),
            _ratio(post.get("unclip_ratio", usual.unclip)),
            _count(post.get("max_candidates", usual.candidates)),
        )
    except (ValueError, TypeError) as trouble:
        raise InputError(
            f"{settings} has thresholds that are no numbers from 0 to 1, or max_candidates below 1.",
            ["export or copy the model again"],
        ) from trouble


def _share(value: Any) -> float:
    number = float(value)
    if not 0 <= number <= 1:
        raise ValueError(f"{number} is no share")
    return number


def _ratio(value: Any) -> float:
    number = float(value)
    if math.isnan(number):  # it would pass every bound, and is no JSON
        raise ValueError("it is no number")
    return min(max(number, 0.0), 10.0)


def _count(value: Any) -> int:
    number = int(value)
    if number < 1:
        raise ValueError("it is no number of boxes")
    return number


def settings_text(name: str, thresholds: Thresholds | None = None) -> str:
    """The text of `inference.yml` for a detector that has none, in the order of PaddleOCR's own export."""
    given = thresholds or Thresholds()
    post = {"name": POST_PROCESS, "thresh": given.pixel, "box_thresh": given.box}
    values = {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"DetResizeForTest": None},
                {"NormalizeImage": {"mean": [*MEAN], "order": "hwc", "scale": "1./255.", "std": [*DEVIATION]}},
                {"ToCHWImage": None},
            ]
        },
        "PostProcess": post | {"unclip_ratio": given.unclip, "max_candidates": given.candidates},
    }
    return yaml.safe_dump(values, sort_keys=False, default_flow_style=False)
