"""Truth: the same images through Paddle, ONNX Runtime and the target, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import libraries, stages, target
from ocrm55.compiler.cmsis_nn_reference import CmsisNnReference
from ocrm55.compiler.program import Program
from ocrm55.compiler.reference import IntegerReference
from ocrm55.compiler.targets.base import assign
from ocrm55.recognizer import ctc, image
from ocrm55.recognizer.inference import OnnxRecognizer, PaddleRecognizer

# Largest difference of a probability between Paddle and the float32 network on the target.
FLOAT32_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Comparison:
    """One image as the three see it; differences are the largest of a probability, against Paddle.

    exact: for an int8 target, whether its probabilities equal the host's integer reference bit for bit; else None.
    """

    path: Path
    paddle: ctc.Recognition
    onnx: ctc.Recognition
    target: ctc.Recognition
    onnx_difference: float
    target_difference: float
    decode_agrees: bool
    exact: bool | None = None

    @property
    def passed(self) -> bool:
        """int8: every bit as the integer reference has it. float32: same text as Paddle, within the tolerance.

        In both, the target's decode must equal the host's.
        """
        if self.exact is not None:
            return self.exact and self.decode_agrees
        same_text = self.target.text == self.paddle.text
        return same_text and self.target_difference <= FLOAT32_TOLERANCE and self.decode_agrees


def compare(paths: Sequence[Path], options: stages.Options, *, simulator: str, fvp: Path | None) -> list[Comparison]:
    """Run all images through Paddle, ONNX Runtime and the target (building it where needed)."""
    run = target.read_images(paths, options, simulator=simulator, fvp=fvp, want_probabilities=True)
    assert run.probabilities is not None
    paddle = PaddleRecognizer(stages.model(options))
    onnx = OnnxRecognizer(stages.artifact(options) / "model.onnx")
    charset = paddle.charset
    reference = integer_reference(stages.artifact(options), options.kernels) if options.precision == "int8" else None
    comparisons = []
    for path, reported, on_target in zip(paths, run.results, run.probabilities, strict=True):
        pixels = image.resize(image.read_image(path))
        tensor = image.normalise(pixels)
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
                exact=None if reference is None else equal_bits(reference.probabilities(pixels), on_target),
            )
        )
    return comparisons


def integer_reference(artifact: Path, kernels: tuple[str, ...] = (libraries.OWN,)) -> IntegerReference:
    """The network of an int8 artifact, computed on the host."""
    return CmsisNnReference(program_of(artifact, kernels))


def program_of(artifact: Path, kernels: tuple[str, ...] = (libraries.OWN,)) -> Program:
    """The operators of an int8 artifact, each given to the target that computes it there."""
    from ocrm55.compiler import frontend, pipeline

    model = frontend.read_onnx(artifact / "model.onnx")
    program = pipeline.to_program(model, pipeline.CompileOptions(precision="int8"))
    assign(program, pipeline.targets_for("int8", kernels))
    return program


def equal_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two float32 arrays hold the same bits."""
    return bool((left.astype(np.float32).view(np.int32) == right.astype(np.float32).view(np.int32)).all())
