"""Write the artifact of `compile`: a folder with C, weights, headers, the ONNX model and metadata.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ocrm55 import __version__
from ocrm55.compiler import program_file
from ocrm55.compiler.codegen import driver, interface
from ocrm55.compiler.codegen.interface import Interface
from ocrm55.compiler.memory import overlap
from ocrm55.compiler.memory.placement import Placement
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.program import Program, Tensor
from ocrm55.compiler.targets.base import Additions, Target
from ocrm55.compiler.widths.sharing import Fit
from ocrm55.files import atomic_directory
from ocrm55.tasks.base import Extras

# Entries of metadata.json that differ at another width of the input.
DECIDED_BY_WIDTH = ("input", "output", "macs", "arena_lower_bound", "operators", "tensors", "workspaces")


@dataclass(frozen=True)
class Written:
    """A compiled model on disk and the program that it came from; `ocrm55.artifact` reads one back."""

    directory: Path
    program: Program
    plan: MemoryPlan
    weight_bytes: int

    @property
    def arena_bytes(self) -> int:
        return self.plan.arena_bytes


@dataclass(frozen=True)
class Contents:
    """The contents of an artifact besides the program.

    targets: those that computed it. extras: the task's. image: name and pixels of an image to compile in.
    stepwise: whether the network can run step by step.
    """

    model: onnx.ModelProto
    targets: Sequence[Target]
    extras: Extras = field(default_factory=Extras)
    image: tuple[str, np.ndarray] | None = None
    placement: Placement | None = None
    fits: Sequence[Fit] = ()
    stepwise: bool = False


def write(
    program: Program,
    plan: MemoryPlan,
    contents: Contents,
    destination: Path,
    check: Callable[[Path], None] = lambda _: None,
) -> Written:
    """Write the folder, whole or not at all. Equal programs give equal bytes.

    check: sees the whole folder before it gets its name, and raises where it is wrong.
    """
    placement, targets = contents.placement, contents.targets
    weights = driver.weight_image(program, *((placement.hot, placement.far) if placement else ()))
    additions = sum((target.additions(program) for target in targets), Additions())
    called = {name for target in targets for name in target.kernel_sources(program)}
    kernels = sorted(called | driver.own_kernels(program))
    libraries = sorted({name for target in targets for name in target.libraries(program)})
    parts = (contents.fits, contents.extras, additions)
    network = driver.interface_of(program, plan, weights, *parts, stepwise=contents.stepwise)
    sources = {
        "model.c": driver.model_source(program, plan, weights, network, contents.fits),
        **contents.extras.sources(program.prefix),
        **driver.weight_files(weights),
        **driver.operator_files(program),
    }
    for target in targets:
        sources |= target.sources(program, plan)
    compiled = sorted(f"src/{name}" for name in sources if name.endswith((".c", ".S")))
    with atomic_directory(destination) as folder:
        for name in ("include", "src"):
            (folder / name).mkdir()
        for name, text in sources.items():
            (folder / "src" / name).write_text(text, encoding="utf-8")
        (folder / "src" / "weights.bin").write_bytes(weights.data)
        for name, text in _headers(network, contents).items():
            (folder / "include" / name).write_text(text, encoding="utf-8")
        cmake = driver.render(
            "sources.cmake.j2",
            prefix=program.prefix,
            task=contents.extras.task,
            sources=compiled,
            kernels=kernels,
            libraries=libraries,
            variables=additions.variables,
            placement=placement.rows() if placement else [],
        )
        (folder / "sources.cmake").write_text(cmake, encoding="utf-8")
        (folder / "model.onnx").write_bytes(contents.model.SerializeToString(deterministic=True))
        values = metadata(program, plan, weights, placement)
        values |= {"kernels": kernels, "libraries": libraries}
        values |= contents.extras.metadata
        if network.step_count:
            values |= {"step_count": network.step_count, "step_macs": network.step_macs}
        if program.precision == "int8":
            fits = {fit.width: fit.program for fit in contents.fits} or {program.input_size[2]: program}
            program_file.write(fits, folder)
        for target in targets:
            values |= target.metadata(program)
            target.write_files(program, folder)
        if contents.fits:
            values["widths"] = [_at_width(fit, weights) for fit in contents.fits]
        text = json.dumps(values, indent=2) + "\n"
        (folder / "metadata.json").write_text(text, encoding="utf-8")
        check(folder)
    return Written(Path(destination), program, plan, len(weights.data))


def metadata(
    program: Program, plan: MemoryPlan, weights: driver.WeightImage, placement: Placement | None = None
) -> dict[str, Any]:
    """metadata.json: the kind and cost of each operator, the place and lifetime of each tensor."""
    packages = ("apache-tvm", "apache-tvm-ffi", "onnx", "numpy")
    return {
        "ocrm55": __version__,
        "model": program.name,
        "prefix": program.prefix,
        "precision": program.precision,
        "input": _interface(program, plan, program.input.name),
        "output": _interface(program, plan, program.output.name) | _meaning(program.output),
        "arena_bytes": plan.arena_bytes,
        "arena_lower_bound": plan.lower_bound,
        "weights_read_again_bytes": overlap.reread_bytes(program),
        **_stripes(program, plan),
        "weight_bytes": len(weights.data),
        "placement": _placed(placement),
        "macs": program.macs,
        "operators": [
            {
                "name": operator.layer,
                "kind": operator.kind,
                "target": operator.target,
                "function": operator.function,
                "macs": operator.macs,
                "live_macs": operator.spec.live_macs,
                "inputs": operator.inputs,
                "output": operator.outputs[0],
                "weight_bytes": _weight_bytes(program, operator.arguments),
                "workspace_bytes": sum(w.bytes for w in operator.workspaces),
                "why_not": operator.why_not,
            }
            for operator in program.steps
        ],
        "tensors": _tensors(program, plan),
        "workspaces": [
            {
                "name": workspace.name,
                "bytes": workspace.bytes,
                "offset": plan.workspace_offset(operator, workspace.name),
                "operator": index,
            }
            for index, operator in enumerate(program.steps)
            for workspace in operator.workspaces
        ],
        "weights": [
            {
                "name": t.name,
                "shape": list(t.shape),
                "dtype": t.dtype,
                "bytes": t.bytes,
                "offset": weights.offsets[t.name],
            }
            for t in program.weights()
        ],
        "versions": {name: version(name) for name in packages},
    }


def _at_width(fit: Fit, weights: driver.WeightImage) -> dict[str, Any]:
    """The entries of metadata.json that differ at one of several widths; `report.widths.at_width` merges them."""
    values = metadata(fit.program, fit.plan, weights)
    return {"width": fit.width, "steps": fit.steps} | {name: values[name] for name in DECIDED_BY_WIDTH}


def _placed(placement: Placement | None) -> dict[str, dict[str, Any]]:
    rows = placement.rows() if placement else []
    return {what: {"region": region.name, "bytes": size} for what, region, size in rows}


def _stripes(program: Program, plan: MemoryPlan) -> dict[str, Any]:
    """What runs in stripes of rows, if anything does: the arena otherwise, and a row for each segment."""
    if not program.segments:
        return {}
    operators = {operator.outputs[0]: number for number, operator in enumerate(program.steps)}
    rows = []
    for segment in program.segments:
        numbers = [operators[name] for name in segment.outputs if name in operators]
        macs = sum(program.steps[number].macs for number in numbers)
        row: dict[str, Any] = {"stripes": segment.stripes, "first": min(numbers), "last": max(numbers)}
        row |= {"calls": segment.calls, "macs_again": segment.macs - macs, "copied_bytes": segment.copied_bytes}
        row["reads_picture"] = bool(segment.input)
        row["windows"] = [
            {"name": name, "bytes": window.bytes, "kept_bytes": window.kept_bytes}
            for name, window in segment.windows.items()
        ]
        rows.append(row)
    return {"whole_arena_bytes": plan.whole_bytes, "stripes": rows}


def _interface(program: Program, plan: MemoryPlan, name: str) -> dict[str, Any]:
    tensor = program.tensors[name]
    return {"name": name, "shape": list(tensor.shape), "dtype": tensor.dtype, "offset": plan.offsets[name]}


def _meaning(tensor: Tensor) -> dict[str, Any]:
    """What the integers of an output in int8 stand for: (q - zero_point) * scale."""
    given = tensor.quantization
    return {} if tensor.dtype != "int8" or given is None else {"scale": given.step, "zero_point": given.zero_point}


def _weight_bytes(program: Program, names: Sequence[str]) -> int:
    return sum(program.tensors[name].bytes for name in names if program.tensors[name].role == "weight")


def _tensors(program: Program, plan: MemoryPlan) -> list[dict[str, Any]]:
    rows = []
    steps = [number for number, operator in enumerate(program.steps) for _ in (operator, *operator.fallback)]
    step = {-1: -1, len(steps): len(program.steps), **dict(enumerate(steps))}  # of a call
    for tensor in program.tensors.values():
        if tensor.role == "weight":
            continue
        first, last = plan.lifetimes[program.storage(tensor.name)]
        row: dict[str, Any] = {"name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype}
        row |= {"bytes": tensor.bytes, "offset": plan.offsets[tensor.name], "first": step[first], "last": step[last]}
        if program.window(tensor.name) is not None and not tensor.view_of:
            row["window_bytes"] = program.stored_bytes(tensor.name)
        rows.append(row | ({"view_of": tensor.view_of} if tensor.view_of else {}))
    return rows


def _headers(network: Interface, contents: Contents) -> dict[str, str]:
    headers = interface.headers(network) | dict(contents.extras.headers)
    if contents.image is not None:
        headers["inputs.h"] = driver.inputs_header(*contents.image)
    return headers
