"""`ocrm55 package`: the recognizer as a C library for any project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, libraries, resources, stages
from ocrm55.commands import effect
from ocrm55.commands.options import build_options
from ocrm55.errors import InputError
from ocrm55.pictures import read_image


@build_options(also=["stepwise"], without=["cmsis_nn", "ethosu_driver", "toolchain"])
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
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            metavar="DIR|bundled|NAME",
            help="A network that finds lines: the library then reads whole pages too (ocrm55_page.h).",
        ),
    ] = None,
    size: Annotated[
        str, typer.Option("--size", metavar="WIDTHxHEIGHT", help="The detector's input in pixels.")
    ] = "320x320",
    url: Annotated[
        str,
        typer.Option(
            "--url",
            metavar="ADDRESS",
            show_default=False,
            help="The folder on the web where the CMSIS pack lies: for its description and its index.",
        ),
    ] = "",
    weights_image: Annotated[
        int | None,
        typer.Option(
            "--weights-image",
            metavar="NUMBER",
            min=0,
            max=0xFFFFFFFF,
            help="Weights as an image of their own, for updates without new firmware; a higher number is newer.",
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a package that ocrm55 wrote there.")] = False,
) -> None:
    """Write the recognizer as a C library that drops into any project, without our start-up code and drivers.

    It has one public header, ocrm55.h: pixels go in, text and score come out. It uses no heap, reads no files and
    prints nothing. It comes with CMakeLists (target ocrm55::recognizer), a CMSIS-Pack description, an example with a
    linker script, README and licence. It builds with GCC and clang for the Cortex-M55, M85 and M52, and for a computer.
    """
    from ocrm55.package import measure as measured
    from ocrm55.package.compiled import Compiled
    from ocrm55.package.page import Detector
    from ocrm55.package.write import Order, check_place, check_url, write

    place, url = check_place(out, replace), check_url(url)
    picture = example or resources.folder("models") / "samples" / "word_capital.png"
    read_image(picture)  # refuse a wrong picture before anything is compiled
    chosen = _detector_options(options, detector, size)
    prepared = stages.prepare(options) if measure else stages.compiled(options)
    compiled = Compiled.read(prepared.artifact)
    run = measured.on_simulator(picture, prepared) if isinstance(prepared, stages.Prepared) else None
    finder = Detector.read(stages.compiled(chosen).artifact) if chosen is not None else None
    page = resources.folder("models") / "calibration_pages" / "page_00.jpg" if finder else None
    console.stage("package", f"{compiled.name}, {compiled.precision} -> {out}")
    order = Order(compiled, options.board.memories, picture, run, finder, page, url, weights_image)
    write(order, place, replace=replace)
    if libraries.LIBRARY in compiled.libraries:
        console.note("link CMSIS-NN v7.0.0 or later too: with CMake, its target cmsis-nn")
    console.result(str(out))


def _detector_options(options: stages.Options, detector: str | None, size: str) -> stages.Options | None:
    """The detector's options, or None without one. Raises InputError where it does not go with an NPU."""
    from ocrm55.page import program

    if detector is None:
        effect.refuse("without --detector", ["size"], "--detector bundled")
        return None
    if options.compile.npu:
        raise InputError("pages are read without an NPU.", ["leave --npu out", "leave --detector out"])
    height, width = program.parse_size(size)
    return program.detector_options(options, detector, height, width)
