"""`ocrm55 package`: the recognizer as a C library for any project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, libraries, resources, stages
from ocrm55.commands.options import build_options
from ocrm55.pictures import read_image


@build_options(without=["cmsis_nn", "ethosu_driver", "toolchain"])
def package(
    options: stages.Options,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write; a new or an empty one.")],
    example: Annotated[
        Path | None,
        typer.Option("--example", metavar="IMAGE", help="Picture that the example reads; otherwise a bundled sample."),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Build library and firmware, count on QEMU, and put the figures in README.md."),
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a package that ocrm55 wrote there.")] = False,
) -> None:
    """Write the recognizer as a C library that drops into any project, without our start-up code and drivers.

    It has one public header, ocrm55.h: pixels go in, text and score come out. It uses no heap, reads no files and
    prints nothing. It comes with CMakeLists (target ocrm55::recognizer), a CMSIS-Pack description, an example with a
    linker script, README and licence. It builds with GCC and clang for the Cortex-M55, M85 and M52, and for a computer.
    """
    from ocrm55.package import measure as measured
    from ocrm55.package.compiled import Compiled
    from ocrm55.package.write import Order, check_place, write

    place = check_place(out, replace)
    picture = example or resources.folder("models") / "samples" / "word_capital.png"
    read_image(picture)  # refuse a wrong picture before anything is compiled
    prepared = stages.prepare(options) if measure else stages.compiled(options)
    compiled = Compiled.read(prepared.artifact)
    run = measured.on_simulator(picture, prepared) if isinstance(prepared, stages.Prepared) else None
    console.stage("package", f"{compiled.name}, {compiled.precision} -> {out}")
    write(Order(compiled, options.board.memories, picture, run), place, replace=replace)
    if libraries.LIBRARY in compiled.libraries:
        console.note("link CMSIS-NN v7.0.0 or later too: with CMake, its target cmsis-nn")
    console.result(str(out))
