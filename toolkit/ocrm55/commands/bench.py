"""`ocrm55 bench`: what single kernels cost."""

from __future__ import annotations

import enum
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, files, libraries, stages, temporary
from ocrm55.commands import effect
from ocrm55.commands.options import build_options
from ocrm55.errors import ToolchainError


class What(enum.StrEnum):
    """The things that can be measured."""

    KERNELS = "kernels"
    SILICON = "silicon"


class Compiler(enum.StrEnum):
    """The compiler of the kernels."""

    GCC = "gcc"
    CLANG = "clang"


class Rival(enum.StrEnum):
    """The library with which our kernels are compared."""

    CMSIS_NN = "cmsis-nn"


@build_options(only=["source", "calibrate", "cmsis_nn", "build_dir", "force"])
def bench(
    options: stages.Options,
    what: Annotated[
        What,
        typer.Argument(
            help="`kernels`: every int8 kernel at the shapes of the network's layers. `silicon`: CMSIS-NN's kernels "
            "whose cycles others measured, and the estimate of cycles beside them."
        ),
    ],
    compiler: Annotated[Compiler, typer.Option(help="Compiler of the kernels.")] = Compiler.GCC,
    against: Annotated[
        Rival | None, typer.Option("--against", help="Run the whole network with both, and show them side by side.")
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write the table there too; of `kernels` that of the loops."),
    ] = None,
    fork: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="For `silicon`: sources of ns-cmsis-nn, a fork of CMSIS-NN whose kernels were measured.",
        ),
    ] = None,
    cc: Annotated[
        str, typer.Option("--cc", metavar="PATH", help="For `silicon`: another GCC for Arm, which builds the kernels.")
    ] = "gcc",
    record: Annotated[
        bool, typer.Option("--record", help="With --against: write the table of costs anew; compile chooses by it.")
    ] = False,
) -> None:
    """Count the instructions of every int8 kernel on QEMU.

    What it runs for that is shown with `ocrm55 -v bench` only.

    If llvm-mca is installed, its estimate for the inner loops stands beside the counts. It is no measurement.
    `silicon` builds CMSIS-NN's kernels from its sources (--cmsis-nn) and says how far the estimate is off.
    With --against, the network is compiled for both and run. Each layer then shows the instructions of both.
    """
    console.keep_commands_quiet()
    files.check_place(markdown)
    if what is What.SILICON:
        effect.refuse("on silicon", ["source", "calibrate", "compiler", "against", "record", "force"])
    else:
        effect.refuse(f"on {what.value}", ["fork", "cc"], "ocrm55 bench silicon")
    if against is None:
        effect.refuse("without --against", ["record", "calibrate"], "--against cmsis-nn")
    if against is not None:
        libraries.defines((libraries.LIBRARY,), options.build.cmsis_nn)  # refused before anything is compiled
    if what is What.SILICON:
        from ocrm55.bench import silicon

        compared = silicon.measure(libraries.root(options.build.cmsis_nn), fork, cc)
        silicon.print_table(compared)
        for path in () if markdown is None else silicon.write(compared, markdown):
            console.note(f"wrote {path}")
        return
    if against is not None:
        from ocrm55.bench import against as comparison

        measured = comparison.measure(replace(options, build=replace(options.build, toolchain=compiler.value)))
        table = comparison.table_of(measured)
        comparison.print_table(table)
        if record:
            console.note(f"wrote {comparison.record(measured)}")
        if markdown is not None:
            comparison.write(table, markdown)
        return
    from ocrm55.bench import kernels, loops
    from ocrm55.tasks.recognizer.model import to_onnx

    assert what is What.KERNELS
    estimated = loops.estimate()
    if markdown is not None and estimated is None:
        raise ToolchainError(
            f"{loops.MCA[0]}, whose figures --markdown writes, is not installed.", ["apt install llvm-19"]
        )
    folder = stages.model(options)
    with temporary.folder() as scratch:
        path = to_onnx(folder, scratch / "model.onnx", check=False)
        rows = kernels.measure(path, compiler.value, cycles=True)
    kernels.print_table(rows, estimated)
    if markdown is not None and estimated is not None:
        files.write_text(markdown, loops.markdown(estimated))
        console.note(f"wrote {markdown}")
