"""`ocrm55 live`: a page on localhost that shows what the board's C reads in a camera's frames."""

from __future__ import annotations

from typing import Annotated

import typer

from ocrm55 import console, stages
from ocrm55.commands.options import FvpPath, build_options
from ocrm55.commands.page_options import DetectorOption, SizeOption, page_options
from ocrm55.errors import ToolchainError


@build_options(without=["npu", "npu_memory_mode", "vela_config", "npu_fallback", "ethosu_driver", "prefix", "height"])
def live(
    options: stages.Options,
    detector: DetectorOption = "bundled",
    size: SizeOption = "320x320",
    host: Annotated[
        str, typer.Option("--host", help="Listen there. Others than this computer reach any but **127.0.0.1**.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Listen there; 0 takes a free one.")] = 8055,
    fvp: FvpPath = None,
) -> None:
    """Show on a page what the board's C reads: in a camera, a video or a picture.

    It prints the page's address, which holds a secret. The same C runs on this computer; the page proves on QEMU that a
    frame has the same bits there. Cycles of the board are an estimate.
    """
    from ocrm55.live import program

    try:
        from ocrm55.live import run
    except ImportError as trouble:
        raise ToolchainError(
            f"the page needs a package that is not installed: {trouble.name}.", ["pip install 'ocrm55[live]'"]
        ) from trouble
    programs = program.prepare(page_options(options, detector, size))
    console.note(programs.page.placement.words)
    run.serve(programs, host, port, fvp)
