"""`ocrm55 run-fvp`: images in, text out of the board's UART."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocrm55 import console, plain_json, plain_text, stages
from ocrm55.commands import camera_options, effect
from ocrm55.commands.camera_options import FrameOption, PolarityChoice, PolarityOption, RegionOption
from ocrm55.commands.options import (
    SECONDS,
    AnyTimeLimit,
    FvpPath,
    Images,
    SimulatorChoice,
    SimulatorOption,
    build_options,
)
from ocrm55.commands.page_options import DetectorOption, PageFlag, SizeOption, page_options
from ocrm55.errors import InputError
from ocrm55.simulators.protocol import ImageResult

if TYPE_CHECKING:
    import numpy as np

    from ocrm55.artifact import Artifact
    from ocrm55.page.program import PageOptions
    from ocrm55.simulators import Run
    from ocrm55.simulators.base import Simulator
    from ocrm55.simulators.protocol import Line
    from ocrm55.stages import Prepared
    from ocrm55.tasks.recognizer.picture_warnings import PictureWarning

_CONFIDENCE = ("character ", "confidence ")  # how lines begin that say how sure a text is
# As simulators/npu_registers.py has them.
NPU_FAULTS = "absent|other-size|no-reset|bus-error|stream-error|ecc-error|hang|no-interrupt"


@build_options()
def run_fvp(
    options: stages.Options,
    images: Images,
    simulator: SimulatorOption = SimulatorChoice.AUTO,
    fvp: FvpPath = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="Count instructions, operator by operator (QEMU), and show the memory.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the UART's output.")] = False,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Say how sure each text and each of its characters is.")
    ] = False,
    reject: Annotated[
        float | None,
        typer.Option(
            "--reject",
            metavar="P",
            min=0,
            max=1,
            help="Say of each text that is right with a probability under P that it is rejected.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with an error where a picture has a warning, such as being turned.")
    ] = False,
    timeout: AnyTimeLimit = None,
    npu_fault: Annotated[
        str | None,
        typer.Option(
            "--npu-fault",
            metavar=NPU_FAULTS,
            help="With --npu, on QEMU: make this fail, to see how the firmware reacts.",
        ),
    ] = None,
    page: PageFlag = False,
    detector: DetectorOption = "bundled",
    size: SizeOption = "320x320",
    frame: FrameOption = None,
    region: RegionOption = None,
    polarity: PolarityOption = PolarityChoice.AS_IT_IS,
) -> None:
    """Read IMAGEs on a simulated Corstone-300 board (Cortex-M55) and show what its UART says.

    It first exports, compiles and builds what is missing or out of date. Another image needs none of that. QEMU's
    board has no NPU: with --npu, a functional model plays it. The firmware is the same as for a real NPU.
    """
    from ocrm55 import simulation
    from ocrm55.commands import hints
    from ocrm55.simulators import find_simulator

    camera_options.check(frame, region, polarity)
    effect.check_simulator(simulator.value, options)
    if not page:
        effect.refuse("without --page", ["detector", "size"], "--page")
    if page:
        _check_page(frame, npu_fault, reject, strict)
        chosen = page_options(options, detector, size)
        show_pages(images, chosen, simulator, fvp, stats, as_json, timeout, confidence=confidence)
        return
    if npu_fault is not None:
        from ocrm55.simulators.npu_registers import fault_of

        fault_of(npu_fault, options.compile.npu)
    pictures = simulation.load(images)
    board = find_simulator(simulator.value, fvp, options.board)
    check_counts(board, stats)
    if frame is not None:
        effect.refuse("with --frame", ["npu_fault", "strict"])
        view = (frame, region, polarity)
        prepared, run = camera_options.read(images, options, *view, board, stats=stats, timeout_s=timeout or SECONDS)
        _show(images, run, prepared, reject, stats, as_json, confidence=confidence)
        return
    prepared = stages.prepare(options, native=board.native)
    run = simulation.read_images(
        pictures,
        prepared,
        board,
        stats=stats,
        timeout_s=timeout or SECONDS,
        npu_fault=npu_fault,
        want_confidence=confidence or as_json or reject is not None or not stats,
    )
    found = warnings_of(pictures, run, prepared, board, timeout or SECONDS, with_turns=npu_fault is None and not stats)
    _show(images, run, prepared, reject, stats, as_json, found, confidence=confidence)
    hints.show(images, found)
    if strict:
        hints.check(images, found)


def _check_page(
    frame: camera_options.FrameFormat | None, npu_fault: str | None, reject: float | None, strict: bool
) -> None:
    """Raise InputError for what pages do not have."""
    if frame is not None:
        raise InputError("a page is no region of a frame.", ["leave --frame out", "ocrm55 read --pixels rgb565"])
    if npu_fault is not None:
        raise InputError("pages are read without an NPU.", ["leave --npu-fault out"])
    if reject is not None:
        raise InputError("the UART rejects no text of a page.", ["use `ocrm55 read --reject P`"])
    if strict:
        raise InputError("whole pages have no warnings.", ["leave --strict out"])


def _show(
    images: list[Path],
    run: Run,
    prepared: Prepared,
    reject: float | None,
    stats: bool,
    as_json: bool,
    found: Sequence[Sequence[PictureWarning]] = (),
    *,
    confidence: bool,
) -> None:
    """Show what the UART says, or JSON."""
    from ocrm55.artifact import Artifact
    from ocrm55.report import statistics

    artifact = Artifact.read(prepared.artifact)
    if reject is not None and not artifact.metadata.confidence:
        console.note("no text is rejected: how likely a text of this model is right is not known (docs/confidence.md)")
    if as_json:
        console.result(plain_json.text(_as_values(images, run, artifact, reject, found)))
        return
    for line in with_names(run.lines, images, confidence=confidence or reject is not None):
        console.result(line)
    for path, result in zip(images, run.results, strict=True):
        if is_rejected(result, reject):
            console.result(f"rejected: {plain_text.shown(str(path))}")
    if stats:
        statistics.show(artifact, prepared.elf, run)


def check_counts(board: Simulator, stats: bool) -> None:
    """Raise InputError where counts are asked for, and memory of the board, that a native program does not have."""
    if stats and board.native:
        raise InputError("a native program counts no instructions.", ["leave --stats out", "--simulator qemu"])


def warnings_of(
    pictures: Sequence[np.ndarray],
    run: Run,
    prepared: Prepared,
    board: Simulator,
    timeout_s: float,
    *,
    with_turns: bool,
) -> list[list[PictureWarning]]:
    """The warnings about each picture. with_turns: read those in doubt once more, turned."""
    from ocrm55 import simulation
    from ocrm55.commands import hints
    from ocrm55.tasks.recognizer.model import RecognizerFolder

    def read(turned: list[np.ndarray]) -> Sequence[ImageResult]:
        if not with_turns:
            return [ImageResult("", 0.0)] * len(turned)
        again = simulation.read_images(turned, prepared, board, timeout_s=timeout_s, want_confidence=True)
        return again.results

    options = prepared.options.compile
    size = RecognizerFolder(prepared.model).sized(options.height, options.width)
    return hints.find(pictures, run.results, size, read)


def show_pages(
    paths: Sequence[Path],
    options: PageOptions,
    simulator: SimulatorChoice,
    fvp: Path | None,
    stats: bool,
    as_json: bool,
    timeout: float | None,
    *,
    confidence: bool = False,
) -> None:
    """Read whole pages, and show what the UART says of them. confidence: how likely each text is right, too."""
    from ocrm55.page import program, read
    from ocrm55.report import page_statistics
    from ocrm55.simulators import find_simulator

    pictures = read.load(paths)
    board = find_simulator(simulator.value, fvp, options.recognizer.board)
    check_counts(board, stats)
    prepared = program.prepare(options, native=board.native)
    limit = timeout or read.SECONDS_PER_PAGE
    runs = read.run(pictures, prepared, board, stats=stats, want_confidence=confidence or as_json, timeout_s=limit)
    if as_json:
        console.result(plain_json.text([page.values for page in read.pages(runs)]))
        return
    for part, run in runs:
        for line in with_names(run.lines, [picture.path for picture in part]):
            console.result(line)
    if stats:
        page_statistics.show(prepared, runs)


def with_names(lines: Sequence[Line], images: Sequence[Path], *, confidence: bool = True) -> list[str]:
    """The UART's lines as they came; that of an image gets the file's name, counts are left to the table of --stats.

    confidence: whether to show how sure texts are.
    """
    names = {number: f" {plain_text.shown(str(path))}" for number, path in enumerate(images, 1)}
    return [
        f"{line.text}{names.get(line.image or 0, '')}"
        for line in lines
        if not line.is_count and (confidence or not line.text.startswith(_CONFIDENCE))
    ]


def is_rejected(result: ImageResult, reject: float | None) -> bool:
    """Whether a text is less likely right than asked for."""
    right = None if result.confidence is None else result.confidence.right
    return reject is not None and right is not None and right < reject


def _confidence(result: ImageResult, artifact: Artifact | None, reject: float | None) -> dict[str, object]:
    """How sure a text is, for JSON; nothing where that is not known. Columns are those of the network's input."""
    sure = result.confidence
    if sure is None or artifact is None:
        return {}
    step = artifact.image_size[1] / artifact.steps
    characters = [
        {
            "character": artifact.labels[each.index],
            "probability": each.probability,
            "columns": [round(each.first * step, 2), round((each.last + 1) * step, 2)],
            "runner_up": artifact.labels[each.runner_up],
            "runner_up_probability": each.runner_up_probability,
        }
        for each in sure.characters
    ]
    whole = {name: getattr(sure, name) for name in ("right", "least", "mean", "lead", "likelihood")}
    rejected = {} if reject is None else {"rejected": is_rejected(result, reject)}
    return {"confidence": whole, "characters": characters, **rejected}


def _as_values(
    images: list[Path],
    run: Run,
    artifact: Artifact | None,
    reject: float | None,
    found: Sequence[Sequence[PictureWarning]] = (),
) -> list[dict[str, object]]:
    from ocrm55.commands import hints

    return [
        {
            "image": str(path),
            "text": result.text,
            "score": result.score,
            **(
                {}
                if result.seen is None
                else {"fits": False, "seen": dict(zip(("text", "score"), result.seen, strict=True))}
            ),
            **({} if result.width is None else {"width": result.width}),
            **_confidence(result, artifact, reject),
            **({"warnings": hints.values(found[number])} if found else {}),
            "instructions": {**result.instructions, "operators": result.operator_instructions},
        }
        for number, (path, result) in enumerate(zip(images, run.results, strict=True))
    ]
