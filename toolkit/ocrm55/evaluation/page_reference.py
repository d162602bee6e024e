"""Read whole pages on the host as the target does: its steps in whole numbers, its networks on ONNX Runtime.

`tasks/page` computes rows, boxes, order, crops and windows as the target does. ONNX Runtime computes the networks in
int8, the recognizer at each of its widths. It rounds some values otherwise than the target, so that corners of boxes
may differ by a pixel, and it is much faster than the integer reference. `ocrm55 verify --page` compares every bit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ocrm55 import temporary
from ocrm55.compiler.widths import padding
from ocrm55.evaluation.page_metrics import Found
from ocrm55.inference import OnnxNetwork
from ocrm55.normalisation import Normalisation
from ocrm55.page.host import MOST_BOXES
from ocrm55.tasks.page import boxes, order, rows, whole
from ocrm55.tasks.page.components import CrowdedError
from ocrm55.tasks.page.options import UNIT, Options
from ocrm55.tasks.page.windows import Windows, windows
from ocrm55.tasks.recognizer import decoding


@dataclass(frozen=True)
class Network:
    """An ONNX file for pictures of one size, height and width in pixels, and what their bytes become."""

    onnx: bytes = field(repr=False)
    size: tuple[int, int]
    levels: Normalisation


@dataclass(frozen=True)
class ReferenceSpec:
    """What reads pages as the target does; it can be pickled. charset: of the recognizer's classes.

    narrow: columns of a line -> an ONNX file that reads it as the recognizer does at this width (widths.NarrowModel).
    lead: of the recognizer, by which a narrow reading stands. most_boxes: of a page.
    """

    detector: Network
    options: Options
    recognizer: Network
    charset: tuple[str, ...] = field(repr=False)
    decoder: str = decoding.CONTEXT
    narrow: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    lead: float = decoding.LEAD
    most_boxes: int = MOST_BOXES

    def open(self) -> ReferenceReader:
        """Load the networks. Raises InputError for one that cannot be loaded."""
        return ReferenceReader(self)


class ReferenceReader:
    """Finds lines and reads them, a page after the other on one thread."""

    def __init__(self, spec: ReferenceSpec) -> None:
        self._spec = spec
        with temporary.folder() as folder:

            def opened(content: bytes) -> OnnxNetwork:
                (folder / "network.onnx").write_bytes(content)
                return OnnxNetwork(folder / "network.onnx")

            self._detector = opened(spec.detector.onnx)
            full = spec.recognizer.size[1]
            networks = {
                width: opened(content) for width, content in {**spec.narrow, full: spec.recognizer.onnx}.items()
            }
            self._recognizer = _Recognizer(networks, spec)

    def read(self, pixels: np.ndarray) -> tuple[list[Found], float]:
        """A page, uint8 [H, W, 3] BGR -> its lines, and pixels of the detector's input for one of the page."""
        spec, frame = self._spec, frame_of(pixels)
        height, width = spec.detector.size
        picture = rows.picture(frame, width, height, spec.options)
        output = self._detector.run(spec.detector.levels.tensor(picture, height, width))
        values = boxes.levels(output.reshape(height, width))
        scale = 65536 / rows.scaling(frame, width, height).step
        with contextlib.suppress(CrowdedError):
            room = whole.run_room(values.size)
            found = order.ordered(boxes.found(values, frame, spec.options, room, spec.most_boxes))
            return self._lines(frame, found), scale
        return [], scale

    def _lines(self, frame: np.ndarray, found: Sequence[boxes.Box]) -> list[Found]:
        texts, _ = whole.read(self._recognizer, frame, found, self._spec.options)
        return [self._line(each) for each in texts]

    def _line(self, each: whole.ReadBox) -> Found:
        corners = np.array(each.box.corners, np.float32) / UNIT + 0.5
        return Found(corners, "".join(self._spec.charset[one] for one in each.line.classes), float(each.line.score))

    def close(self) -> None:
        """Nothing to remove."""


class _Recognizer:
    """The recognizer at several widths, as `tasks/page` wants one."""

    parts_fit = True

    def __init__(self, networks: Mapping[int, OnnxNetwork], spec: ReferenceSpec) -> None:
        self._networks, self._charset, self._decoder = networks, spec.charset, spec.decoder
        self._lead = np.float32(min(spec.lead, spec.options.lead / 65536))
        self._levels = spec.recognizer.levels
        self.height, self._width = spec.recognizer.size
        steps = self.probabilities(np.zeros((self.height, self._width, 3), np.uint8), self._width).shape[0]
        self.windows: Windows = windows(self._width, steps, sorted(networks), spec.options.beyond)
        self._class_of: Mapping[str, int] = {char: index for index, char in enumerate(spec.charset) if char}

    def probabilities(self, pixels: np.ndarray, width: int) -> np.ndarray:
        """Of uint8 [height, w, 3], at one of the widths: float32 [steps, classes]."""
        columns = width if width == self._width else width + padding.TAIL
        output = self._networks[width].run(self._levels.tensor(pixels, self.height, columns))
        return output.reshape(-1, output.shape[-1])

    def recognize(self, pixels: np.ndarray) -> tuple[np.ndarray, list[int], float]:
        """Of uint8 [height, w, 3]: the probabilities [steps, classes], the text's classes, its score."""
        least = min(pixels.shape[1] + self.windows.beyond, self._width)
        width = min(width for width in self._networks if width >= least)
        output = self.probabilities(pixels, width)
        if width < self._width and decoding.least_lead(output, self._charset, self._decoder) < self._lead:
            output = self.probabilities(pixels, self._width)
        return (output, *self.decode(output))

    def decode(self, probabilities: np.ndarray) -> tuple[list[int], float]:
        """The classes and the score of a part of a window."""
        answer = decoding.decode(probabilities, self._charset, self._decoder)
        return self._classes(answer.text), answer.score

    def _classes(self, text: Sequence[str]) -> list[int]:
        return [self._class_of[char] for char in text]


def frame_of(pixels: np.ndarray) -> np.ndarray:
    """A picture as the frame that goes to the target: grey uint8 [H, W] where no pixel has a colour, else BGR."""
    grey = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    return np.ascontiguousarray(pixels[..., 1]) if grey else pixels
