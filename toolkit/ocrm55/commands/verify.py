"""`ocrm55 verify`: the target against Paddle and ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ocrm55 import console, plain_json, stages
from ocrm55.commands import effect
from ocrm55.commands.about import about
from ocrm55.commands.options import FvpPath, Images, SimulatorChoice, SimulatorOption, build_options
from ocrm55.commands.page_options import DetectorOption, PageFlag, SizeOption, page_options
from ocrm55.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ocrm55.evaluation.verification import Comparison
    from ocrm55.page.program import PageOptions
    from ocrm55.simulators import Simulator


@build_options()
def verify(
    options: stages.Options,
    images: Images,
    page: PageFlag = False,
    detector: DetectorOption = "bundled",
    size: SizeOption = "320x320",
    simulator: SimulatorOption = SimulatorChoice.AUTO,
    fvp: FvpPath = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Show, side by side, what Paddle, ONNX Runtime and the target read in IMAGEs, and how far they differ.

    It ends with a non-zero status where they differ. int8: a single bit of the target's probabilities differs from the
    host's integer reference. float32: the target's text is not Paddle's, or a probability is off by more than 1e-4.
    Both: on the same probabilities, the decoder in C does not give what the host's decoder gives.

    With --page every step of reading a page is compared with the host, bit for bit: the page as the detector's input,
    its map, boxes, crops, texts and scores. The first step that differs is named.
    """
    from ocrm55.evaluation import verification
    from ocrm55.simulators import find_simulator

    effect.check_simulator(simulator.value, options)
    if not page:
        effect.refuse("without --page", ["detector", "size"], "--page")
    board = find_simulator(simulator.value, fvp, options.board)
    if page:
        verify_pages(images, page_options(options, detector, size), board, about(options) if as_json else None)
        return
    comparisons = verification.compare(images, options, board)
    if as_json:
        console.result(plain_json.text(about(options) | {"images": [values(row) for row in comparisons]}))
    else:
        show(comparisons)
    failed = [row for row in comparisons if not row.passed]
    if failed:
        raise TargetError(
            f"the target differs from {'Paddle' if failed[0].exact is None else 'the integer reference'} on "
            f"{len(failed)} of {len(comparisons)} images, first on {failed[0].path}."
        )
    exact = all(row.exact for row in comparisons)
    if not as_json:
        console.result(f"{len(comparisons)} of {len(comparisons)} {'bit for bit' if exact else 'the same'}")


def show(comparisons: Sequence[Comparison]) -> None:
    """Print three lines for each image: the verdict and the target's reading, Paddle's, and ONNX Runtime's."""
    rows = []
    for row in comparisons:
        image = row.path.name if row.width is None else f"{row.path.name} at {row.width}"
        target, onnx = f"{row.target_difference:.1e}", f"{row.onnx_difference:.1e}"
        rows += [
            (image, verdict(row), "target", row.target.text, f"{row.target.score:.6f}", target),
            ("", "", "ONNX Runtime", row.onnx.text, f"{row.onnx.score:.6f}", onnx),
            ("", "", "Paddle", row.paddle.text, f"{row.paddle.score:.6f}", ""),
        ]
    columns = ("image", "verdict", "read by", "text", "score", "largest diff.")
    console.table("", columns, rows, right=columns[4:])


def values(row: Comparison) -> dict[str, Any]:
    """For JSON. Differences are the largest of a probability, against Paddle."""
    readings = {"target": row.target, "onnx": row.onnx, "paddle": row.paddle}
    return {
        "image": str(row.path),
        "width": row.width,
        "verdict": verdict(row),
        "passed": row.passed,
        "exact": row.exact,
        "decode_agrees": row.decode_agrees,
        **{name: {"text": each.text, "score": each.score} for name, each in readings.items()},
        "target_difference": row.target_difference,
        "onnx_difference": row.onnx_difference,
    }


def verify_pages(
    paths: Sequence[Path], options: PageOptions, simulator: Simulator, head: dict[str, Any] | None = None
) -> None:
    """Compare every step of reading pages. Raises TargetError where one differs.

    head: of JSON, which is then printed instead of the table.
    """
    from ocrm55.evaluation import page_verification
    from ocrm55.page import host, program, read

    host.check(options)
    pictures = read.load(paths)
    compared = page_verification.compare(pictures, program.prepare(options, native=simulator.native), simulator)
    rows = [(str(each.path), str(each.boxes), str(each.readings), each.differs or "exact") for each in compared]
    if head is not None:
        names = ("page", "boxes", "readings", "verdict")
        console.result(plain_json.text(head | {"pages": [dict(zip(names, row, strict=True)) for row in rows]}))
    else:
        console.table("", ("page", "boxes", "readings", "verdict"), rows, right=("boxes", "readings"))
    failed = [each for each in compared if each.differs]
    if failed:
        count = f"{len(failed)} of {len(compared)} pages"
        raise TargetError(
            f"the target differs from the host on {count}, first in {failed[0].differs} of {failed[0].path}."
        )
    if head is None:
        console.result(f"{len(compared)} of {len(compared)} bit for bit")


def verdict(row: Comparison) -> str:
    """The outcome of an image in a word or two. int8 may read another text and still be computed right."""
    if not row.passed:
        return "DIFFERS"
    if row.exact is None:
        return "same"
    return "exact" if row.target.text == row.paddle.text else "exact, other text"
