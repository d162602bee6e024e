"""`tvmc compile`, one line a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import onnx

from ocrm55 import console, files, libraries
from ocrm55.compiler import pipeline
from ocrm55.compiler.memory import planner
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets import choice
from ocrm55.compiler.targets.base import Target, assign
from ocrm55.errors import Ocrm55Error, UnsupportedError, can_be_tried
from ocrm55.tvmc import arguments, comparison, library, models, sources
from ocrm55.tvmc.library import Library
from ocrm55.tvmc.settings import ArenaSource, Settings

# The advice of `ocrm55 compile`, in the words of this command line.
_OTHER_WORDS = {
    "--precision float32": "compile the model as it was before it was quantised",
    "ocrm55 export": "export the model anew",
    "leave --npu out": "leave ethos-u out of --target",
}


def compile_library(settings: Settings) -> Library:
    """Compile the model and write the archive.

    Raises InputError for a model that is none, UnsupportedError for one that cannot be compiled or whose workspace
    does not fit the pool, MiscompiledError where the C computes other numbers, OutputError when the archive cannot be
    written.
    """
    with _in_our_words():
        model = models.load(settings.model, settings.model_format, settings.shapes)
    precision = models.precision(model)
    npu = settings.accelerator if precision == "int8" else ""
    if settings.accelerator and not npu:
        console.note(
            "tvmc: --target ethos-u: the NPU computes int8 and the model is float32: the CPU computes all of it"
        )
    options = CompileOptions(
        model_name=settings.name,
        prefix=sources.prefix(settings.name),
        precision=precision,
        kernels=settings.kernels,
        npu=npu,
    )
    with _in_our_words():
        choice.check(options)
        targets = choice.targets_for(options)
        program, plan = planned(model, targets, options, settings.workspace)
    kernels = sorted({name for target in targets for name in target.kernel_sources(program)})
    called = sorted({name for target in targets for name in target.libraries(program)})
    accelerator = npu if sources.attempts(program) else ""
    told = {name: value for target in targets for name, value in target.metadata(program).items()}
    built = Library(
        settings, program, plan, model, tuple(kernels), tuple(called), accelerator, told if accelerator else {}
    )
    if settings.check:
        with _in_our_words():
            comparison.compare(built)
    library.write(built)
    if libraries.LIBRARY in settings.kernels:
        console.note(f"tvmc: {_about_library(built)}")
    if npu:
        console.note(f"tvmc: --target ethos-u: {_about_npu(built)}")
    if settings.offloads is not None:
        show_offloads(program, settings.offloads)
    return built


def planned(
    model: onnx.ModelProto, targets: list[Target], options: CompileOptions, pool: ArenaSource
) -> tuple[Program, MemoryPlan]:
    """Lower the model, give its operators to the targets and place its tensors, within the size of the pool."""
    program = pipeline.prepared(pipeline.to_program(model, options), targets)
    assign(program, targets)
    plan = planner.plan(program)
    if pool.limit is None or plan.arena_bytes <= pool.limit:
        return program, plan
    with suppress(UnsupportedError):
        return pipeline.planned(model, targets, replace(options, arena_limit=pool.limit))
    raise UnsupportedError(
        f"the workspace takes {plan.arena_bytes:,} bytes; the pool {pool.pool} has {pool.limit:,}.",
        ["a smaller input shape", "an int8 model"],
    )


def _about_library(built: Library) -> str:
    """Whether the C calls CMSIS-NN, and how it gets it."""
    count = sum(step.target == libraries.LIBRARY for step in built.program.steps)
    if not count:
        why = (
            "the model is float32, and CMSIS-NN computes int8" if built.program.precision == "float32" else "none fits"
        )
        return f"--kernels: no operator goes to CMSIS-NN: {why}"
    return f"{count} operators call CMSIS-NN, which your program links: codegen/host/{sources.LIBRARY_MAKEFILE} does it"


def _about_npu(built: Library) -> str:
    """The part that the NPU computes, and what the program must bring for it."""
    found = sources.attempts(built.program)
    if not built.accelerator:
        return "no operator goes to the NPU: the CPU computes everything, and the run function takes no devices"
    share = sum(operator.macs for operator in found) / max(1, built.program.macs)
    return (
        f"{len(found)} regions with {share:.1%} of the MACs go to the {built.accelerator}; the run function "
        "takes devices, and your program brings Arm's driver"
    )


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Errors of the compiler, with advice in the words of this command line."""
    try:
        yield
    except Ocrm55Error as trouble:
        trouble.sentence = trouble.sentence.replace("--npu", "--target=ethos-u,c")
        options = arguments.parser("tvmc compile").flags
        tries = [_OTHER_WORDS.get(each, each) for each in trouble.tries]
        trouble.tries = [each for each in tries if can_be_tried(each, options)]
        raise


def show_offloads(program: Program, where: str) -> None:
    """List the target of each operator, on the terminal (`-`) or in a file."""
    rows = [f"{step.target:<10} {step.kind:<18} {step.layer}" for step in program.steps]
    if where == "-":
        for row in rows:
            console.result(row)
    else:
        files.write_text(Path(where), "\n".join(rows) + "\n")
