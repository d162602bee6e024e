"""`ocrm55 build`: the compiled model becomes a firmware image."""

from __future__ import annotations

from typing import Annotated

import typer

from ocrm55 import console, stages
from ocrm55.commands.options import build_options


@build_options(also=["image"])
def build(
    options: stages.Options,
    sizes: Annotated[bool, typer.Option("--sizes", help="Show every section and how full each memory is.")] = False,
) -> None:
    """Build the firmware of a compiled model with CMake and the Arm GCC (or clang).

    It first exports and compiles the model, if that is missing or out of date. It prints the name of the ELF file.
    The ELF runs on the Corstone-300 FVP and on QEMU's mps3-an547. It reads its images over semihosting, so one build
    serves all images.
    """
    from ocrm55 import firmware

    elf = stages.prepare(options).elf
    console.result(str(elf))
    if sizes:
        built = firmware.inspect(elf, options.board.memories)
        console.table("", ("section", "bytes"), ((n, f"{s:,}") for n, s in built.sections.items()), right=("bytes",))
        console.table(
            "",
            ("memory", "used", "of", "%", "holds"),
            (
                (use.region.name, f"{use.used:,}", f"{use.region.size:,}", f"{use.percent:.1f}", use.region.holds)
                for use in built.regions
            ),
            right=("used", "of", "%"),
        )
