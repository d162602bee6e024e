"""Both networks of a program for pages on the host, in the integers of the target: for verification and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocrm55 import libraries
from ocrm55.artifact import Artifact
from ocrm55.compiler import program_file
from ocrm55.compiler.reference.accelerator import AcceleratorReference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.errors import InputError
from ocrm55.page.program import PageOptions, PreparedPage
from ocrm55.stages import Options as StagesOptions
from ocrm55.tasks.page import boxes, order, whole
from ocrm55.tasks.page.boxes import Box
from ocrm55.tasks.page.components import CrowdedError
from ocrm55.tasks.page.lines import Line
from ocrm55.tasks.page.options import Options, of_model
from ocrm55.tasks.page.windows import Windows, windows
from ocrm55.tasks.recognizer import confidence, decoding
from ocrm55.tasks.recognizer.confidence import Calibration
from ocrm55.tasks.recognizer.restriction.restriction import Tables, tables_of

MOST_BOXES = 1000  # as firmware/page/main.c has it; a detector may ask for less


@dataclass
class HostRecognizer:
    """The recognizer on the host, as recognize.c of the firmware runs it.

    steps: of the output at full width. lead: by which a narrower reading stands. tables: of a restriction of texts.
    calibration: of how likely a text is right.
    """

    references: dict[int, IntegerReference]
    labels: Sequence[str]
    decoder: str
    height: int
    windows: Windows
    steps: int
    lead: float = decoding.LEAD
    tables: Tables | None = None
    calibration: Calibration | None = None

    @property
    def parts_fit(self) -> bool:
        """Whether parts of a text fit the restriction too."""
        return self.tables is None or self.tables.only_characters

    def recognize(self, pixels: np.ndarray) -> tuple[np.ndarray, list[int], float]:
        """Of uint8 BGR [height, width, 3]: the probabilities [steps, classes], the text's classes, its score."""
        full = max(self.references)
        least = min(pixels.shape[1] + self.windows.beyond, full)
        width = min(width for width in self.references if width >= least)
        output = self.references[width].probabilities(pixels)
        if width < full and decoding.least_lead(output, self.labels, self.decoder, self.tables) < np.float32(self.lead):
            output = self.references[full].probabilities(pixels)
        return (output, *self.decode(output))

    def decode(self, probabilities: np.ndarray) -> tuple[list[int], float]:
        """The classes and the score of a part of a window."""
        found = decoding.decode(probabilities, self.labels, self.decoder, self.tables)
        return [self.labels.index(character) for character in found.text], found.score

    def right(self, line: Line) -> float | None:
        """The calibrated probability that a line's text is right; None where it is not known."""
        lead, likelihood = np.float32(1), np.float32(1)
        for part in line.parts:
            if not len(part):
                continue
            found = decoding.decode(part, self.labels, self.decoder, self.tables)
            measured = decoding.with_confidence(found, part, None).confidence
            if measured is None:
                return None
            lead = min(lead, np.float32(measured.lead))
            likelihood = confidence.both(likelihood, np.float32(measured.likelihood))
        return None if self.calibration is None else confidence.calibrated(self.calibration, lead, likelihood)

    def text(self, classes: Sequence[int]) -> str:
        """The text of classes."""
        return "".join(self.labels[each] for each in classes)


def check(options: PageOptions) -> None:
    """Raise InputError for options whose networks have no integer reference: to be called before they are built."""
    if options.recognizer.compile.precision != "int8" or options.detector.compile.precision != "int8":
        raise InputError("the host computes pages bit for bit in int8 only.", ["--precision int8"])


class Host:
    """Both networks of a program for pages, on the host."""

    def __init__(self, prepared: PreparedPage) -> None:
        """Raises InputError for networks that have no integer reference."""
        check(prepared.options)
        detector, recognizer = (Artifact.read(each.artifact) for each in (prepared.detector, prepared.recognizer))
        if any(len(label) != 1 for label in recognizer.labels[1:]):
            raise InputError("the host computes pages only where every class is one character.")
        options = prepared.options
        self.size = detector.image_size
        self.detector = reference_of(detector, options.detector)
        given = detector.values.get("thresholds", {})
        self.most_boxes = min(MOST_BOXES, given.get("candidates", MOST_BOXES))
        names = {"thresh": "pixel", "box_thresh": "box", "unclip_ratio": "unclip"}
        self.options: Options = of_model({name: given[of] for name, of in names.items() if of in given})
        widths = recognizer.widths
        several = len(widths) > 1
        self.recognizer = HostRecognizer(
            {width: reference_of(recognizer, options.recognizer, width if several else None) for width in widths},
            recognizer.labels,
            recognizer.decoder or decoding.GREEDY,
            recognizer.image_size[0],
            windows(widths[-1], recognizer.steps, widths, self.options.beyond),
            recognizer.steps,
            min(recognizer.values.get("least_lead", decoding.LEAD), self.options.lead / 65536),
            tables_of(options.recognizer.compile.restriction, recognizer.labels, recognizer.steps),
            Calibration(*recognizer.metadata.confidence) if recognizer.metadata.confidence else None,
        )

    def map(self, picture: np.ndarray) -> np.ndarray:
        """The detector's map of its input, uint8 BGR: int8 [height, width]."""
        output = self.detector.run(self.detector.input_of(picture)).reshape(self.size)
        return output if output.dtype == np.int8 else boxes.levels(output)

    def boxes(self, values: np.ndarray, frame: np.ndarray) -> list[Box]:
        """The boxes of a map in reading order; none where its runs do not fit."""
        try:
            room = whole.run_room(values.size)
            return order.ordered(boxes.found(values, frame, self.options, room, self.most_boxes))
        except CrowdedError:
            return []


def reference_of(artifact: Artifact, options: StagesOptions, width: int | None = None) -> IntegerReference:
    """The integer reference of an int8 network that was built with these options, at one of its widths."""
    calls_library = libraries.LIBRARY in options.compile.kernels
    once = not calls_library or libraries.rounds_once(options.build.cmsis_nn)
    return AcceleratorReference(program_file.read(artifact.folder, width), rounds_once=once)
