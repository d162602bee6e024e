"""`tvmc compile`, one line a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import onnx

from ocrm55 import console, files, libraries
from ocrm55.compiler import memory, pipeline
from ocrm55.compiler.memory import MemoryPlan
from ocrm55.compiler.pipeline import CompileOptions
from ocrm55.compiler.program import Program
from ocrm55.compiler.targets.base import Target, assign
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.tvmc import library, models, sources
from ocrm55.tvmc.library import Library
from ocrm55.tvmc.settings import Settings, Workspace

# What `ocrm55 compile` would have its users try, in the words of this command line.
_OTHER_WORDS = {
    "--precision float32": "compile the model as it was before it was quantised",
    "ocrm55 export": "export the model anew",
}


def compile_library(settings: Settings) -> Library:
    """Compile the model and write the archive.

    Raises InputError for a model that is none, UnsupportedError for one that cannot be compiled or whose workspace
    does not fit the pool, OutputError when the archive cannot be written.
    """
    model = models.load(settings.model, settings.model_format, settings.shapes)
    options = CompileOptions(model_name=settings.name, precision=models.precision(model), kernels=settings.kernels)
    targets = pipeline.targets_for(options.precision, options.kernels)
    with _in_our_words():
        program, plan = planned(model, targets, options, settings.workspace)
    sources.rename_functions(program, settings.name)
    kernels = sorted({name for target in targets for name in target.kernel_sources(program)})
    called = sorted({name for target in targets for name in target.libraries(program)})
    made = Library(settings, program, plan, model, tuple(kernels), tuple(called))
    library.write(made)
    if libraries.LIBRARY in settings.kernels:
        console.note(f"tvmc: {_about_library(made)}")
    if settings.offloads is not None:
        show_offloads(program, settings.offloads)
    return made


def planned(
    model: onnx.ModelProto, targets: list[Target], options: CompileOptions, pool: Workspace
) -> tuple[Program, MemoryPlan]:
    """Lower the model, give its operators to the targets and place its tensors; in a pool, within its size."""
    program = pipeline.to_program(model, options)
    assign(program, targets)
    plan = memory.plan(program)
    if pool.limit is None or plan.arena_bytes <= pool.limit:
        return program, plan
    with suppress(UnsupportedError):
        return pipeline.planned(model, targets, replace(options, arena_limit=pool.limit))
    raise UnsupportedError(
        f"the workspace takes {plan.arena_bytes:,} bytes; the pool {pool.pool} has {pool.limit:,}.",
        ["a smaller input shape", "an int8 model"],
    )


def _about_library(made: Library) -> str:
    """Whether the C calls CMSIS-NN, and how it gets it."""
    count = sum(step.target == libraries.LIBRARY for step in made.program.steps)
    if not count:
        why = "the model is float32, and CMSIS-NN computes int8" if made.program.precision == "float32" else "none fits"
        return f"--kernels: no operator goes to CMSIS-NN: {why}"
    return f"{count} operators call CMSIS-NN, which your program links: codegen/host/{sources.LIBRARY_MAKEFILE} does it"


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Errors of the compiler with things to try that are arguments here."""
    try:
        yield
    except (InputError, UnsupportedError) as trouble:
        trouble.tries = [_OTHER_WORDS.get(each, each) for each in trouble.tries]
        raise


def show_offloads(program: Program, where: str) -> None:
    """Which target took which operator, on the terminal (`-`) or in a file."""
    rows = [f"{step.target:<10} {step.kind:<18} {step.layer}" for step in program.steps]
    if where == "-":
        for row in rows:
            console.result(row)
    else:
        files.write_text(Path(where), "\n".join(rows) + "\n")
