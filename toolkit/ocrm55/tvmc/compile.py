"""`tvmc compile`, one line a step."""

from __future__ import annotations

from pathlib import Path

from ocrm55 import console, files
from ocrm55.compiler import memory, pipeline
from ocrm55.compiler.pipeline import CompileOptions
from ocrm55.compiler.program import Program
from ocrm55.compiler.targets.base import assign
from ocrm55.errors import UnsupportedError
from ocrm55.tvmc import library, models, sources
from ocrm55.tvmc.library import Library
from ocrm55.tvmc.settings import Settings


def compile_library(settings: Settings) -> Library:
    """Compile the model and write the archive.

    Raises InputError for a model that is none, UnsupportedError for one that cannot be compiled or whose workspace
    does not fit the pool, OutputError when the archive cannot be written.
    """
    model = models.load(settings.model, settings.model_format, settings.shapes)
    options = CompileOptions(model_name=settings.name, precision=models.precision(model))
    program = pipeline.to_program(model, options)
    targets = pipeline.targets_for(options.precision)
    assign(program, targets)
    sources.rename_functions(program, settings.name)
    plan = memory.plan(program)
    check_pool(plan.arena_bytes, settings)
    kernels = sorted({name for target in targets for name in target.kernel_sources(program)})
    made = Library(settings, program, plan, model, tuple(kernels))
    library.write(made)
    if settings.offloads is not None:
        show_offloads(program, settings.offloads)
    return made


def check_pool(needed: int, settings: Settings) -> None:
    """Refuse a workspace that is larger than its pool."""
    pool = settings.workspace
    if pool.limit is not None and needed > pool.limit:
        raise UnsupportedError(
            f"the workspace takes {needed:,} bytes; the pool {pool.pool} has {pool.limit:,}.",
            ["a smaller input shape", "an int8 model"],
        )


def show_offloads(program: Program, where: str) -> None:
    """Which target took which operator, on the terminal (`-`) or in a file."""
    rows = [f"{step.target:<10} {step.kind:<18} {step.layer}" for step in program.steps]
    if where == "-":
        for row in rows:
            console.result(row)
    else:
        files.write_text(Path(where), "\n".join(rows) + "\n")
