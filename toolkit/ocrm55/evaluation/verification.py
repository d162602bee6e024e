"""Truth: the same images through Paddle, ONNX Runtime and the target, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrm55 import libraries, stages, target
from ocrm55.compiler.onnx_graph import frontend
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.reference.cmsis_nn import CmsisNnReference
from ocrm55.compiler.reference.ethos_u import NpuReference
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets.base import assign
from ocrm55.compiler.targets.ethos_u import regions
from ocrm55.compiler.targets.ethos_u.target import NpuTarget
from ocrm55.metadata import read_metadata
from ocrm55.tasks.recognizer import ctc, decoding, image
from ocrm55.tasks.recognizer.inference import OnnxRecognizer, PaddleRecognizer

# Largest difference of a probability between Paddle and the float32 network on the target.
FLOAT32_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Comparison:
    """One image as the three see it; differences are the largest of a probability, against Paddle.

    width: columns of the input at which the target read the image, where it chooses; Paddle and ONNX Runtime read it
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
    paddle = PaddleRecognizer(stages.model(options.made))
    artifact = stages.artifact(options.made)
    second_network = OnnxRecognizer(artifact / "model.onnx")
    # What was compiled: greedy where context is asked for but not known.
    decoder = str(read_metadata(artifact).get("decoder", decoding.GREEDY))
    references = {
        width: reference_of(options.made, width) if options.precision == "int8" else None
        for width in {result.width for result in run.results}
    }
    charset = paddle.charset
    _, full = paddle.model.sized(options.height, options.width)
    comparisons = []
    for path, pixels, reported, rows in zip(paths, run.images, run.results, run.probabilities, strict=True):
        reference = references[reported.width]
        tensor = image.normalise(pixels, full)
        truth, second = paddle.probabilities(tensor), second_network.probabilities(tensor)
        expected = None if reference is None else reference.probabilities(pixels)
        steps = len(truth if expected is None else expected)
        on_target = rows[:steps]  # the rows behind the last step of a narrow image say blank
        decoded = decoding.decode(on_target, charset, decoder)
        comparisons.append(
            Comparison(
                path=path,
                paddle=decoding.decode(truth, charset, decoder),
                onnx=decoding.decode(second, charset, decoder),
                target=ctc.Recognition(reported.text, reported.score),
                onnx_difference=float(np.abs(second - truth).max()),
                target_difference=float(np.abs(on_target - truth[:steps]).max()),
                decode_agrees=(decoded.text, f"{decoded.score:.6f}") == (reported.text, f"{reported.score:.6f}"),
                exact=None if expected is None else equal_bits(expected, on_target),
                width=reported.width,
            )
        )
    return comparisons


def reference_of(options: stages.Options, width: int | None = None) -> IntegerReference:
    """The integer reference of the int8 network that these options give (built where needed), at one of its widths."""
    once = libraries.LIBRARY not in options.kernels or libraries.rounds_once(options.cmsis_nn)
    return integer_reference(stages.artifact(options), options.kernels, width, rounds_once=once)


def integer_reference(
    artifact: Path,
    kernels: tuple[str, ...] = (libraries.OWN,),
    width: int | None = None,
    *,
    rounds_once: bool = True,
) -> IntegerReference:
    """The network of an int8 artifact, computed on the host; an NPU's regions by its functional model.

    rounds_once: how the copy of CMSIS-NN was built, see libraries.rounds_once.
    """
    program, accelerator = program_of(artifact, kernels, width), accelerator_of(artifact)
    if accelerator:
        return NpuReference(program, rounds_once=rounds_once, accelerator=accelerator)
    return CmsisNnReference(program, rounds_once=rounds_once)


def accelerator_of(artifact: Path) -> str:
    """The NPU that an artifact was compiled for, empty for none."""
    metadata = read_metadata(artifact)
    return str(metadata["npu"]["accelerator"]) if "npu" in metadata else ""


def program_of(artifact: Path, kernels: tuple[str, ...] = (libraries.OWN,), width: int | None = None) -> Program:
    """The operators of an int8 artifact, each given to the target that computes it there.

    width: one of several that the artifact serves, None for the model's own.
    """
    from ocrm55.compiler import pipeline

    model = frontend.read_onnx(artifact / "model.onnx")
    options = pipeline.CompileOptions(precision="int8", kernels=kernels)
    if width is None:
        program = pipeline.to_program(model, options)
    else:
        all_widths = [row["width"] for row in read_metadata(artifact)["widths"]]
        program = pipeline.lowered_for(all_widths, model, options)[width]
    targets = pipeline.targets_for("int8", kernels)
    if accelerator_of(artifact):
        program = regions.read_regions(program, artifact)
        targets = [NpuTarget(), *targets]
    assign(program, targets)
    return program


def equal_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two float32 arrays hold the same bits."""
    return bool((left.astype(np.float32).view(np.int32) == right.astype(np.float32).view(np.int32)).all())
