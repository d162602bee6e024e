"""`ocrm55 run-fvp`: images in, text out of the board's UART."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, libraries, stages
from ocrm55.commands.options import (
    ArenaLimitOption,
    BuildDir,
    CalibrateOption,
    CmsisNnOption,
    FvpPath,
    Images,
    KernelsOption,
    Precision,
    PrecisionOption,
    SimulatorChoice,
    SimulatorOption,
    Source,
    TimeLimit,
    Toolchain,
    ToolchainOption,
    WidthsOption,
)
from ocrm55.stages import parse_widths
from ocrm55.workspace import DEFAULT_BUILD_DIR


def run_fvp(
    images: Images,
    source: Source = "bundled",
    precision: PrecisionOption = Precision.INT8,
    calibrate: CalibrateOption = None,
    widths: WidthsOption = "",
    arena_limit: ArenaLimitOption = None,
    kernels: KernelsOption = libraries.OWN,
    cmsis_nn: CmsisNnOption = None,
    toolchain: ToolchainOption = Toolchain.GCC,
    simulator: SimulatorOption = SimulatorChoice.AUTO,
    fvp: FvpPath = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="Count instructions, operator by operator (QEMU), and show the memory.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the UART's output.")] = False,
    timeout: TimeLimit = 120,
    build_dir: BuildDir = DEFAULT_BUILD_DIR,
) -> None:
    """Read IMAGEs on a simulated Corstone-300 board (Cortex-M55) and show what its UART says.

    Exports, compiles and builds first whatever is missing or out of date; another image needs none of that.
    """
    from ocrm55 import target
    from ocrm55.report import statistics

    options = stages.Options(
        build_dir=build_dir,
        source=source,
        precision=precision.value,
        calibrate=calibrate,
        widths=parse_widths(widths),
        arena_limit=arena_limit,
        kernels=libraries.kernels(kernels),
        cmsis_nn=cmsis_nn,
        toolchain=toolchain.value,
    )
    run = target.read_images(images, options, simulator=simulator.value, fvp=fvp, stats=stats, timeout_s=timeout)
    if as_json:
        console.result(json.dumps(_as_values(images, run), indent=2, ensure_ascii=False))
        return
    for line in uart_with_names(run.uart, images):
        console.result(line)
    if stats:
        statistics.show(stages.artifact(options), stages.firmware(options), run)


def uart_with_names(uart: str, images: list[Path]) -> list[str]:
    """The UART's lines as they came; `image 2/3` gets the file's name, the counts of --stats are left to the table."""
    lines = []
    for line in uart.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("op", "instructions", "unsure"):
            continue
        if word == "image" and rest.split("/")[0].isdigit():
            lines.append(f"{line} {images[int(rest.split('/')[0]) - 1]}")
        else:
            lines.append(line)
    return lines


def _as_values(images: list[Path], run: object) -> list[dict[str, object]]:
    return [
        {
            "image": str(path),
            "text": result.text,
            "score": result.score,
            "instructions": {
                "preprocess": result.preprocess_instructions,
                "inference": result.inference_instructions,
                "decode": result.decode_instructions,
                "operators": result.operator_instructions,
            },
        }
        for path, result in zip(images, run.results, strict=True)  # type: ignore[attr-defined]
    ]
