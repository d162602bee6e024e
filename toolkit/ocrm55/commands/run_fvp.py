"""`ocrm55 run-fvp`: images in, text out of the board's UART."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, stages
from ocrm55.commands.options import FvpPath, Images, SimulatorChoice, SimulatorOption, TimeLimit, build_options

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
    timeout: TimeLimit = 120,
    npu_fault: Annotated[
        str | None,
        typer.Option(
            "--npu-fault",
            metavar=NPU_FAULTS,
            help="With --npu, on QEMU: let this go wrong, to see what the firmware makes of it.",
        ),
    ] = None,
) -> None:
    """Read IMAGEs on a simulated Corstone-300 board (Cortex-M55) and show what its UART says.

    Exports, compiles and builds first whatever is missing or out of date; another image needs none of that. QEMU's
    board has no NPU: with --npu a functional model of it plays beside QEMU; the firmware is the one for a real one.
    """
    from ocrm55 import target
    from ocrm55.report import statistics

    run = target.read_images(
        images,
        options,
        simulator=simulator.value,
        fvp=fvp,
        stats=stats,
        timeout_s=timeout,
        npu_fault=npu_fault,
    )
    if as_json:
        console.result(json.dumps(_as_values(images, run), indent=2, ensure_ascii=False))
        return
    for line in uart_with_names(run.uart, images):
        console.result(line)
    if stats:
        statistics.show(stages.artifact(options.made), stages.firmware(options.made), run)


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
            **({} if result.width is None else {"width": result.width}),
            "instructions": {**result.instructions, "operators": result.operator_instructions},
        }
        for path, result in zip(images, run.results, strict=True)  # type: ignore[attr-defined]
    ]
