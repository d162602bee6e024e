"""`ocrm55 verify`: the target against Paddle and ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocrm55 import console, stages
from ocrm55.commands.options import FvpPath, Images, SimulatorChoice, SimulatorOption, build_options
from ocrm55.errors import TargetError

if TYPE_CHECKING:
    from ocrm55.evaluation.verification import Comparison


@build_options()
def verify(
    options: stages.Options,
    images: Images,
    simulator: SimulatorOption = SimulatorChoice.AUTO,
    fvp: FvpPath = None,
) -> None:
    """Show, side by side, what Paddle, ONNX Runtime and the target read in IMAGEs, and how far they differ.

    It ends with a non-zero status where they differ. int8: a single bit of the target's probabilities differs from the
    host's integer reference. float32: the target's text is not Paddle's, or a probability is off by more than 1e-4.
    Both: on the same probabilities, the decoder in C does not give what the host's decoder gives.
    """
    from ocrm55.evaluation import verification
    from ocrm55.simulators import find_simulator

    board = find_simulator(simulator.value, fvp, options.board)
    comparisons = verification.compare(images, options, board)
    console.table(
        "",
        (
            "image",
            "Paddle",
            "score",
            "ONNX Runtime",
            "score",
            "largest diff.",
            "target",
            "score",
            "largest diff.",
            "verdict",
        ),
        (
            (
                row.path.name if row.width is None else f"{row.path.name} at {row.width}",
                row.paddle.text,
                f"{row.paddle.score:.6f}",
                row.onnx.text,
                f"{row.onnx.score:.6f}",
                f"{row.onnx_difference:.1e}",
                row.target.text,
                f"{row.target.score:.6f}",
                f"{row.target_difference:.1e}",
                verdict(row),
            )
            for row in comparisons
        ),
        right=("score", "largest diff."),
    )
    failed = [row for row in comparisons if not row.passed]
    if failed:
        raise TargetError(
            f"the target differs from {'Paddle' if failed[0].exact is None else 'the integer reference'} on "
            f"{len(failed)} of {len(comparisons)} images, first on {failed[0].path}."
        )
    exact = all(row.exact for row in comparisons)
    console.result(f"{len(comparisons)} of {len(comparisons)} {'bit for bit' if exact else 'the same'}")


def verdict(row: Comparison) -> str:
    """The outcome of an image in a word or two. int8 may read another text and still be computed right."""
    if not row.passed:
        return "DIFFERS"
    if row.exact is None:
        return "same"
    return "exact" if row.target.text == row.paddle.text else "exact, other text"
