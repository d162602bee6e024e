"""Truth: the same images through Paddle, ONNX Runtime and the target, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import stages, target
from ocrm55.recognizer import ctc, image
from ocrm55.recognizer.inference import OnnxRecognizer, PaddleRecognizer

# Largest difference of a probability between Paddle and the float32 network on the target.
FLOAT32_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Comparison:
    """One image as the three see it; differences are the largest of a probability, against Paddle."""

    path: Path
    paddle: ctc.Recognition
    onnx: ctc.Recognition
    target: ctc.Recognition
    onnx_difference: float
    target_difference: float
    decode_agrees: bool

    @property
    def passed(self) -> bool:
        """Same text as Paddle, probabilities within the tolerance, and the target's decode equal to the host's."""
        return (
            self.target.text == self.paddle.text and self.target_difference <= FLOAT32_TOLERANCE and self.decode_agrees
        )


def compare(paths: Sequence[Path], options: stages.Options, *, simulator: str, fvp: Path | None) -> list[Comparison]:
    """Run all images through Paddle, ONNX Runtime and the target (building it where needed)."""
    run = target.read_images(paths, options, simulator=simulator, fvp=fvp, want_probabilities=True)
    assert run.probabilities is not None
    paddle = PaddleRecognizer(stages.model(options))
    onnx = OnnxRecognizer(stages.artifact(options) / "model.onnx")
    charset = paddle.charset
    comparisons = []
    for path, reported, on_target in zip(paths, run.results, run.probabilities, strict=True):
        tensor = image.normalise(image.resize(image.read_image(path)))
        truth = paddle.probabilities(tensor)
        second = onnx.probabilities(tensor)
        decoded = ctc.decode(on_target, charset)
        comparisons.append(
            Comparison(
                path=path,
                paddle=ctc.decode(truth, charset),
                onnx=ctc.decode(second, charset),
                target=ctc.Recognition(reported.text, reported.score),
                onnx_difference=float(np.abs(second - truth).max()),
                target_difference=float(np.abs(on_target - truth).max()),
                decode_agrees=(decoded.text, f"{decoded.score:.6f}") == (reported.text, f"{reported.score:.6f}"),
            )
        )
    return comparisons
