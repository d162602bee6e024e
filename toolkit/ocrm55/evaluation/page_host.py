"""Read whole pages on the host in float, with PaddleOCR's own post-processing: the yardstick of the target.

The detector runs on ONNX Runtime or Paddle. Boxes and crops are made by PaddleX's operators, which PaddleOCR uses. The
recognizer runs on ONNX Runtime. A long line widens its input, up to the widest; it is squeezed beyond that.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from ocrm55 import temporary
from ocrm55.evaluation.page_metrics import Found
from ocrm55.export.hub import paddlex
from ocrm55.inference import OnnxNetwork, PaddleNetwork
from ocrm55.normalisation import Normalisation
from ocrm55.tasks.recognizer import decoding

WIDTHS = (320, 480, 640, 960, 1280)  # columns of the recognizer's input
STEP = 32  # pixels: a detector's input has a multiple of them on each side


class Thresholds(Protocol):
    """How a map becomes boxes: the least probability of a pixel, the least mean of a box, and how far boxes grow."""

    @property
    def pixel(self) -> float: ...
    @property
    def box(self) -> float: ...
    @property
    def unclip(self) -> float: ...
    @property
    def candidates(self) -> int: ...


@dataclass(frozen=True)
class HostSpec:
    """What reads pages on the host; it can be pickled.

    detector: content of the detector's files: `inference.onnx`, or Paddle's `inference.json` and `.pdiparams`.
    levels, thresholds: the detector's. recognizers: columns of the input -> content of an ONNX file.
    charset: of the recognizer's classes. height: rows of its input.
    line_levels: what the bytes of a line become. decoder: context or greedy.
    whole: the detector takes inputs of this size alone; others take what the page fills of it.
    size: rows and columns of the detector's input, into which a page is scaled down.
    """

    detector: Mapping[str, bytes] = field(repr=False)
    levels: Normalisation
    thresholds: Thresholds
    recognizers: Mapping[int, bytes] = field(repr=False)
    charset: tuple[str, ...] = field(repr=False)
    height: int
    size: tuple[int, int]
    decoder: str = decoding.CONTEXT
    line_levels: Normalisation = field(default_factory=Normalisation)
    whole: bool = False

    def open(self) -> HostReader:
        """Load the networks. Raises InputError for one that cannot be loaded."""
        return HostReader(self)


class HostReader:
    """Finds lines and reads them, a page after the other on one thread."""

    def __init__(self, spec: HostSpec) -> None:
        self._spec = spec
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(temporary.folder())
        self._detector = _detector(spec.detector, folder)
        self._recognizers = {}
        for width, content in sorted(spec.recognizers.items()):
            (folder / f"{width}.onnx").write_bytes(content)
            self._recognizers[width] = OnnxNetwork(folder / f"{width}.onnx")
        self._boxes, self._crops = _operators(spec.thresholds)

    def read(self, pixels: np.ndarray) -> tuple[list[Found], float]:
        """A page, uint8 [H, W, 3] BGR -> its lines, and pixels of the detector's input for one of the page."""
        tensor, (rows, columns) = detector_input(pixels, self._spec.size, self._spec.levels, self._spec.whole)
        probabilities = self._detector.run(tensor)[:, :, :rows, :columns]
        shape = [*pixels.shape[:2], rows / pixels.shape[0], columns / pixels.shape[1]]
        boxes = self._boxes([probabilities], [np.array(shape)])[0][0]
        crops = self._crops(pixels, list(boxes)) if len(boxes) else []
        lines = [self._line(np.asarray(box), crop) for box, crop in zip(boxes, crops, strict=True) if crop.size]
        return lines, rows / pixels.shape[0]

    def _line(self, box: np.ndarray, crop: np.ndarray) -> Found:
        spec = self._spec
        wanted = max(1, math.ceil(spec.height * crop.shape[1] / crop.shape[0]))
        widest = max(self._recognizers)
        width = next((width for width in self._recognizers if width >= wanted), widest)
        small = cv2.resize(crop, (min(wanted, widest), spec.height), interpolation=cv2.INTER_LINEAR)
        output = self._recognizers[width].run(spec.line_levels.tensor(small, spec.height, width))[0]
        answer = decoding.decode(output, spec.charset, spec.decoder)
        return Found(box.astype(np.float32), answer.text, float(answer.score))

    def close(self) -> None:
        """Remove the unpacked networks."""
        self._stack.close()


def detector_input(
    pixels: np.ndarray, size: tuple[int, int], levels: Normalisation, whole: bool = False
) -> tuple[np.ndarray, tuple[int, int]]:
    """(float32 [1, 3, H, W], rows and columns of it that the page takes): scaled down to fit into size, never up.

    The ratio is kept. H and W are the next multiples of 32, with the network's border beside the page. With `whole`
    they are those of `size`, as on the target, which hardly changes what is found.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, size[0] / height, size[1] / width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    small = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_LINEAR)
    taken = size if whole else (-(-rows // STEP) * STEP, -(-columns // STEP) * STEP)
    return levels.tensor(small, *taken), (rows, columns)


def _detector(files: Mapping[str, bytes], folder: Path) -> OnnxNetwork | PaddleNetwork:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    if (folder / "inference.onnx").is_file():
        return OnnxNetwork(folder / "inference.onnx")
    return PaddleNetwork(folder / "inference.json", folder / "inference.pdiparams")


def _operators(thresholds: Thresholds) -> tuple[Any, Any]:
    """PaddleX's post-processing of maps, and its crops."""
    post_process = paddlex("inference.models.text_detection.processors").DBPostProcess
    crop_by_polys = paddlex("inference.pipelines.components").CropByPolys

    boxes = post_process(
        thresh=thresholds.pixel,
        box_thresh=thresholds.box,
        unclip_ratio=thresholds.unclip,
        max_candidates=thresholds.candidates,
    )
    return boxes, crop_by_polys(det_box_type="quad")
