"""Count how often the target's integers and ONNX Runtime read the same text, over a labelled set of pictures.

The host's integer reference stands for the target, which equals it bit for bit. A sample of the pictures runs on the
target, to show that this is true for these pictures too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import console, simulation, stages
from ocrm55.artifact import Artifact
from ocrm55.errors import TargetError
from ocrm55.evaluation import verification
from ocrm55.pictures import read_image
from ocrm55.plain_text import with_spaces
from ocrm55.simulators.base import Simulator
from ocrm55.tasks.recognizer import ctc, image
from ocrm55.tasks.recognizer.inference import OnnxRecognizer, PaddleRecognizer


@dataclass(frozen=True)
class PictureTexts:
    """One picture's label and three readings: by the integers, ONNX Runtime on the same QDQ model, and in float."""

    path: Path
    label: str
    integers: str
    onnx: str
    real: str


@dataclass(frozen=True)
class Agreement:
    """readings: of all pictures. on_target: the number of pictures that ran on the target too, equal to the last
    bit.
    """

    readings: Sequence[PictureTexts]
    on_target: int

    def share(self, same: Callable[[PictureTexts], bool]) -> tuple[int, float]:
        count = sum(same(reading) for reading in self.readings)
        return count, count / len(self.readings)


def read(
    words: Sequence[tuple[Path, str]], options: stages.Options, simulator: Simulator, *, sample: int = 8
) -> Agreement:
    """Read labelled pictures three times, and `sample` of them on the target.

    Raises TargetError if the target differs from the host's reference in a single bit.
    """
    prepared = stages.prepare(options) if sample else stages.compiled(options)
    artifact = Artifact.read(prepared.artifact)
    reference = verification.reference_of(artifact, options)
    quantised, paddle = OnnxRecognizer(artifact.onnx), PaddleRecognizer(prepared.model)
    _, height, width = reference.program.input_size
    chosen = dict.fromkeys([path for path, _ in words[:: max(len(words) // sample, 1)]][:sample] if sample else [])
    readings, wanted = [], {}
    with console.progress("reading", len(words)) as bar:
        for path, label in words:
            pixels = image.resize(read_image(path), height, width)
            tensor = image.normalise(pixels, width, paddle.model.levels)
            rows = (reference.probabilities(pixels), quantised.probabilities(tensor), paddle.probabilities(tensor))
            if path in chosen:
                wanted[path] = rows[0]
            readings.append(PictureTexts(path, label, *(ctc.decode(row, paddle.charset).text for row in rows)))
            bar.advance(bar.task_ids[0])
    if wanted and isinstance(prepared, stages.Prepared):
        _check(wanted, prepared, simulator)
    return Agreement(readings, len(wanted))


def _check(wanted: Mapping[Path, np.ndarray], prepared: stages.Prepared, simulator: Simulator) -> None:
    """wanted: the host's probabilities of the pictures that the target reads too."""
    run = simulation.read_images(simulation.load(list(wanted)), prepared, simulator, want_probabilities=True)
    assert run.probabilities is not None
    for (path, expected), rows in zip(wanted.items(), run.probabilities, strict=True):
        if not verification.equal_bits(expected, rows[: len(expected)]):
            raise TargetError(f"the target differs from the integer reference on {path}.", ["ocrm55 verify"])


def show(found: Agreement, differing: int = 20) -> None:
    """The shares, and the first pictures that are read differently."""
    pairs = (
        ("target = ONNX Runtime on the same int8 model", lambda r: r.integers == r.onnx),
        ("target = float network", lambda r: r.integers == r.real),
        ("ONNX Runtime on the int8 model = float network", lambda r: r.onnx == r.real),
        ("target reads the label", lambda r: r.integers == r.label),
        ("ONNX Runtime on the int8 model reads the label", lambda r: r.onnx == r.label),
        ("float network reads the label", lambda r: r.real == r.label),
    )
    rows = []
    for what, same in pairs:
        count, share = found.share(same)
        rows.append((what, f"{count} of {len(found.readings)}", f"{100 * share:.1f} %"))
    console.table("", ("texts", "pictures", "share"), rows, right=("pictures", "share"))
    apart = [r for r in found.readings if r.integers != r.onnx][:differing]
    if apart:
        body = [(r.path.name, *map(with_spaces, (r.label, r.integers, r.onnx, r.real))) for r in apart]
        console.table("Read differently", ("picture", "label", "target", "ONNX Runtime", "float"), body)
    if found.on_target:
        console.result(f"{found.on_target} of {found.on_target} run on the target: bit for bit the host's reference")
