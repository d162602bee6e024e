"""Compare the same images through Paddle, ONNX Runtime and the target, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import libraries, simulation, stages
from ocrm55.artifact import Artifact
from ocrm55.compiler import program_file
from ocrm55.compiler.reference.accelerator import AcceleratorReference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.simulators.base import Simulator
from ocrm55.tasks.recognizer import ctc, decoding, image
from ocrm55.tasks.recognizer.inference import OnnxRecognizer, PaddleRecognizer
from ocrm55.tasks.recognizer.restriction.restriction import tables_of

# Largest difference of a probability between Paddle and the float32 network on the target.
FLOAT32_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Comparison:
    """One image as the three read it. Differences are the largest of a probability, against Paddle.

    width: columns of the input at which the target read the image, if it has a choice. Paddle and ONNX Runtime read it
    at full width.
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
    width: int | None = None

    @property
    def passed(self) -> bool:
        """int8: every bit equals the integer reference. float32: the text is Paddle's, and probabilities are within
        tolerance.

        In both, the target's decoding must equal the host's.
        """
        if self.exact is not None:
            return self.exact and self.decode_agrees
        same_text = self.target.text == self.paddle.text
        return same_text and self.target_difference <= FLOAT32_TOLERANCE and self.decode_agrees


def compare(paths: Sequence[Path], options: stages.Options, simulator: Simulator) -> list[Comparison]:
    """Run all images through Paddle, ONNX Runtime and the target (built if needed)."""
    pictures = simulation.load(paths)
    prepared = stages.prepare(options, native=simulator.native)
    run = simulation.read_images(pictures, prepared, simulator, want_probabilities=True)
    assert run.probabilities is not None
    artifact = Artifact.read(prepared.artifact)
    paddle, second_network = PaddleRecognizer(prepared.model), OnnxRecognizer(artifact.onnx)
    decoder = artifact.decoder or decoding.GREEDY  # what was compiled: greedy where context is asked for but not known
    references = {
        width: reference_of(artifact, options, width) if artifact.precision == "int8" else None
        for width in {result.width for result in run.results}
    }
    charset = paddle.charset
    tables = tables_of(options.compile.restriction, charset, artifact.steps)
    _, full = paddle.model.sized(options.compile.height, options.compile.width)
    comparisons = []
    for path, pixels, reported, rows in zip(paths, run.images, run.results, run.probabilities, strict=True):
        reference = references[reported.width]
        tensor = image.normalise(pixels, full, paddle.model.levels)
        truth, second = paddle.probabilities(tensor), second_network.probabilities(tensor)
        expected = None if reference is None else reference.probabilities(pixels)
        steps = len(truth if expected is None else expected)
        on_target = rows[:steps]  # the rows behind the last step of a narrow image are blank
        decoded = decoding.decode(on_target, charset, decoder, tables)
        comparisons.append(
            Comparison(
                path=path,
                paddle=decoding.decode(truth, charset, decoder, tables),
                onnx=decoding.decode(second, charset, decoder, tables),
                target=ctc.Recognition(reported.text, reported.score),
                onnx_difference=float(np.abs(second - truth).max()),
                target_difference=float(np.abs(on_target - truth[:steps]).max()),
                decode_agrees=_as_said(decoded) == (reported.text, f"{reported.score:.6f}", _seen(reported.seen)),
                exact=None if expected is None else equal_bits(expected, on_target),
                width=reported.width,
            )
        )
    return comparisons


def _as_said(decoded: ctc.Recognition) -> tuple[str, str, tuple[str, str] | None]:
    """A decoded text as the UART has it."""
    seen = None if decoded.seen is None else (decoded.seen.text, decoded.seen.score)
    return decoded.text, f"{decoded.score:.6f}", _seen(seen)


def _seen(seen: tuple[str, float] | None) -> tuple[str, str] | None:
    return seen and (seen[0], f"{seen[1]:.6f}")


def reference_of(artifact: Artifact, options: stages.Options, width: int | None = None) -> IntegerReference:
    """The integer reference of an int8 network that was built with these options, at one of its widths."""
    calls_library = libraries.LIBRARY in options.compile.kernels
    once = not calls_library or libraries.rounds_once(options.build.cmsis_nn)
    return integer_reference(artifact, width, rounds_once=once)


def integer_reference(artifact: Artifact, width: int | None = None, *, rounds_once: bool = True) -> IntegerReference:
    """The program of an int8 artifact, computed on the host; an accelerator's part as it does.

    width: one of several that the artifact serves, None for the widest. rounds_once: how the copy of CMSIS-NN was
    built, see libraries.rounds_once. Raises InputError for an artifact that keeps no program, or a damaged one.
    """
    program = program_file.read(artifact.folder, width)
    return AcceleratorReference(program, rounds_once=rounds_once)


def equal_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two float32 arrays hold the same bits."""
    return bool((left.astype(np.float32).view(np.int32) == right.astype(np.float32).view(np.int32)).all())
