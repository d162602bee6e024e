"""The straight-line driver and the headers around it, from jinja2 templates.

This module computes plain strings and numbers for the templates; the templates contain all of the C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55.compiler.c_language import environment
from ocrm55.compiler.c_language.literals import C_TYPES, float_literal
from ocrm55.compiler.c_language.text import c_string, comment, lines, wrapped
from ocrm55.compiler.codegen import interface, steps, stripes
from ocrm55.compiler.codegen.interface import Interface
from ocrm55.compiler.memory.planner import ALIGN, SOURCE_BYTES, MemoryPlan, workspace_key
from ocrm55.compiler.operators.pixels import pixel_table
from ocrm55.compiler.operators.program import Function, Operator, Program, Tensor
from ocrm55.compiler.operators.stripes import find
from ocrm55.compiler.targets.base import Additions
from ocrm55.compiler.widths.sharing import Fit
from ocrm55.tasks.base import Extras

KERNELS_HEADER = '"ocrm55_kernels.h"'
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class WeightImage:
    """weights.bin: the weights back to back, each on a vector boundary; the first hot_bytes have their own section, and
    so have the last far_bytes.

    prefix: of the network, whose weights these are.
    """

    data: bytes
    offsets: dict[str, int]
    hot_bytes: int = 0
    prefix: str = ""
    far_bytes: int = 0

    def place(self, name: str) -> str:
        """The place of a tensor, as a C expression."""
        offset = self.offsets[name]
        if offset < self.hot_bytes:
            return f"{self.prefix}_weights_hot + {offset}"
        if offset >= len(self.data) - self.far_bytes:
            return f"{self.prefix}_weights_far + {offset - (len(self.data) - self.far_bytes)}"
        return f"{self.prefix}_weights + {offset - self.hot_bytes}"


def weight_image(program: Program, hot: Sequence[str] = (), far: Sequence[str] = ()) -> WeightImage:
    """Lay out the weights in the order in which the operators read them: those named `hot` before the others, those
    named `far` behind them.
    """
    parts: list[bytes] = []
    offsets: dict[str, int] = {}
    size = hot_bytes = far_bytes = 0
    for tensor in sorted(program.weights(), key=lambda tensor: (tensor.name not in hot, tensor.name in far)):
        assert tensor.data is not None
        data = np.ascontiguousarray(tensor.data).astype(tensor.data.dtype.newbyteorder("<"), copy=False).tobytes()
        offsets[tensor.name] = size
        padding = -len(data) % ALIGN
        parts += [data, bytes(padding)]
        size += len(data) + padding
        hot_bytes = size if tensor.name in hot else hot_bytes
        far_bytes += len(data) + padding if tensor.name in far else 0
    return WeightImage(b"".join(parts) or bytes(ALIGN), offsets, hot_bytes, program.prefix, far_bytes)


def render(template: str, **values: Any) -> str:
    """A generated file: the template's name without `.j2` is the file's."""
    return environment.render(_TEMPLATES, template, **values)


def interface_of(
    program: Program,
    plan: MemoryPlan,
    weights: WeightImage,
    fits: Sequence[Fit] = (),
    extras: Extras | None = None,
    additions: Additions | None = None,
    *,
    stepwise: bool = False,
) -> Interface:
    """The interface of the network for a program.

    fits: the widths that share the program, where there are several. extras: the task's. additions: the targets'.
    stepwise: whether it can run step by step.
    """
    return Interface(
        prefix=program.prefix,
        model=program.name,
        precision=program.precision,
        input_size=program.input_size,
        input_bytes=program.input.bytes,
        output_shape=program.output.shape,
        arena_bytes=plan.arena_bytes,
        operators=[operator.layer for operator in program.steps],
        weight_bytes=len(weights.data),
        widths=[fit.width for fit in fits] or [program.input_size[2]],
        by_rows=not fits and not program.output_rows,
        output_rows=program.output_rows,
        output_int8=_of_int8(program.output),
        step_count=steps.count(program) if stepwise else 0,
        step_macs=steps.most_macs(program) if stepwise else 0,
        extras=extras or Extras(),
        additions=additions or Additions(),
    )


def _of_int8(output: Tensor) -> tuple[str, int] | None:
    """Scale, as C writes it, and zero point of an output in int8; None for one in float32."""
    if output.dtype != "int8" or output.quantization is None:
        return None
    return float_literal(output.quantization.step), output.quantization.zero_point


def model_source(
    program: Program, plan: MemoryPlan, weights: WeightImage, network: Interface, fits: Sequence[Fit] = ()
) -> str:
    """src/model.c. fits: the widths that share the program, if there are several."""
    run, own = straight_line(program, plan, weights), network.additions
    output = str(plan.offsets[program.output.name])
    source = plan.arena_bytes - SOURCE_BYTES if program.input_by_rows else None
    if fits:
        for pointer in run["tensors"]:
            pointer["offset"] = f"at->{pointer['name']}"
        output = f"fits[fit_of(arena)].at.{program.output.name}"
    by_step = ""
    if network.step_count:
        values = steps.values(program, run["groups"], by_rows=source)
        by_step = render("steps.c.j2", by_width=bool(fits), **run, **values).rstrip("\n")
    return render(
        "model.c.j2",
        by_step=by_step,
        name=program.name,
        prefix=program.prefix,
        precision=program.precision,
        macs=program.macs,
        weight_bytes=len(weights.data),
        arena_bytes=plan.arena_bytes,
        fits=_fits(program, plan, fits) if fits else "",
        set_image=set_image(program, plan.offsets[program.input.name], by_width=bool(fits), source=source),
        by_width=bool(fits),
        source=source,
        output_rows=program.output_rows,
        input=_pointer(program.input, plan.offsets[program.input.name]) | {"height": program.input_size[1]},
        standard_headers=sorted({"<stddef.h>", "<stdint.h>", *(h for h in own.headers if h.startswith("<"))}),
        headers=sorted(
            {
                '"operators.h"',
                '"weights.h"',
                *(h for h in own.headers if not h.startswith("<")),
                *([KERNELS_HEADER] if own_kernels(program) else []),
            }
        ),
        code=own.code,
        **run,
        output_offset=output,
        network_output=C_TYPES[program.output.dtype],
        output_name=program.output.name,
        output_shape=_shape(program.output.shape),
        steps=program.output.shape[-2],
        width=program.input_size[2],
        network=interface.definition(network),
    )


def _fits(program: Program, plan: MemoryPlan, fits: Sequence[Fit]) -> str:
    """The table of everything that depends on the width: columns, steps, and the place of each tensor in the arena."""
    names = [program.input.name, program.output.name]
    names += [p["name"] for p in _arena_pointers(program, plan) if p["name"] not in names]
    rows = []
    for fit in fits:
        offsets = {p["name"]: p["offset"] for p in _arena_pointers(fit.program, fit.plan)}
        offsets |= {name: fit.plan.offsets[name] for name in names[:2]}
        values = [f".{name} = {offsets[name]}" for name in names]
        row = {"width": fit.width, "columns": fit.columns, "steps": fit.steps, "macs": fit.program.macs}
        rows.append(row | {"offsets": lines(values, 4)})
    return render("fits.c.j2", names=names, rows=rows, choice_offset=plan.arena_bytes - ALIGN)


def straight_line(program: Program, plan: MemoryPlan, weights: WeightImage) -> dict[str, Any]:
    """The data of a template for the run of a network: its calls, and pointers into the arena and the weights.

    groups: the same calls, where those that run in stripes stand together.
    """
    steps = [_step(operator, program) | {"number": number} for number, operator in enumerate(program.steps)]
    groups, tables = _grouped(program, plan, steps)
    return {
        "operators": steps,
        "groups": groups,
        "tables": tables,
        "tensors": _arena_pointers(program, plan),
        "weights": [
            {**_pointer(t, weights.offsets[t.name]), "place": weights.place(t.name)} for t in program.weights()
        ],
        "hot_weight_bytes": weights.hot_bytes,
    }


def _grouped(
    program: Program, plan: MemoryPlan, steps: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The steps in groups, each of a segment or of one step; and the tables that they read."""
    groups: list[dict[str, Any]] = []
    tables, done = stripes.Tables(), 0
    for number, operator in enumerate(program.steps):
        segment = find(program.segments, operator.outputs[0])
        if number < done:
            continue
        done = number + (1 if segment is None else len(segment.pieces))
        if segment is None:
            groups.append({"stripes": 1, "operators": [steps[number]]})
        else:
            groups.append(stripes.group(program, plan, segment, steps[number:done], tables))
    return groups, tables.definitions()


def weight_files(weights: WeightImage) -> dict[str, str]:
    """src/weights.h and src/weights.S, which places weights.bin."""
    values = {"prefix": weights.prefix, "weight_bytes": len(weights.data), "hot_bytes": weights.hot_bytes}
    values["far_bytes"] = weights.far_bytes
    return {name: render(f"{name}.j2", **values) for name in ("weights.h", "weights.S")}


def operator_files(program: Program, header: str = "operators.h", before: Sequence[str] = ()) -> dict[str, str]:
    """src/operators.h and one src/operators_KIND.c for each kind of operator.

    header: the file name of the first. before: headers that the others include in front of it.
    """
    kinds: dict[str, dict[str, Function]] = {}
    for operator in program.calls:
        if operator.function in program.functions:
            kinds.setdefault(operator.kind, {})[operator.function] = program.functions[operator.function]
    common = {"name": program.name, "prefix": program.prefix, "precision": program.precision, "header": header}
    functions = [function for group in kinds.values() for function in group.values()]
    files = {header: render("operators.h.j2", functions=functions, **common)}
    for kind, group in kinds.items():
        headers = sorted({header for function in group.values() for header in function.headers})
        text = render(
            "operators.c.j2", kind=kind, before=before, headers=headers, functions=list(group.values()), **common
        )
        files[f"{header.removesuffix('.h')}_{kind}.c"] = text
    return files


def inputs_header(source: str, pixels: np.ndarray) -> str:
    """include/inputs.h: an image compiled in; pixels are uint8 [height, width, 3] in the order blue, green, red."""
    height, width, _ = pixels.shape
    rows = lines([str(value) for value in pixels.reshape(-1)], 24)
    return render(
        "inputs.h.j2",
        source=comment(source),
        quoted_source=c_string(source),
        height=height,
        width=width,
        rows=rows,
    )


def _step(operator: Operator, program: Program) -> dict[str, Any]:
    arguments = [*operator.arguments, *(stripes.workspace_name(operator, w.name) for w in operator.workspaces)]
    shapes = " to ".join(_shape(program.tensors[n].shape) for n in (operator.inputs[0], operator.outputs[0]))
    macs = f", {operator.macs:,} MAC" if operator.macs else ""
    function = program.functions.get(operator.function)
    if function is not None and function.by_width:
        arguments.append("fit")
    call = f"{operator.function}({', '.join(arguments)});"
    return {
        "name": c_string(operator.layer),
        "title": comment(f"{operator.kind} of layer {operator.layer}: {shapes}{macs}"),
        "call": wrapped(call),
        "function": operator.function,
        "attempt": operator.attempt,
        "fallback": [_step(step, program) for step in operator.fallback],
    }


def _arena_pointers(program: Program, plan: MemoryPlan) -> list[dict[str, Any]]:
    pointers: list[dict[str, Any]] = []
    for operator in program.calls:
        for name in operator.arguments:
            tensor = program.tensors[name]
            if tensor.role != "weight" and all(p["name"] != name for p in pointers):
                pointers.append(_pointer(tensor, plan.offsets[name]))
        for workspace in () if operator.attempt else operator.workspaces:
            key = workspace_key(operator, workspace.name)
            pointers.append(
                {
                    "name": stripes.workspace_name(operator, workspace.name),
                    "type": C_TYPES[workspace.dtype],
                    "offset": plan.offsets[key],
                    "shape": comment(f"scratch of {operator.layer}"),
                }
            )
    return pointers


def _pointer(tensor: Tensor, offset: int) -> dict[str, Any]:
    shape = _shape(tensor.shape)
    if tensor.view_of is not None:
        shape += f", a view of {tensor.view_of}"
    return {"name": tensor.name, "type": C_TYPES[tensor.dtype], "offset": offset, "shape": shape}


def own_kernels(program: Program) -> set[str]:
    """The hand-written kernels that model.c calls itself."""
    table = pixel_table(program.input, program.normalisation)
    one_row = (table.values == table.values[0]).all()
    looked_up = program.input.channels_last and (program.input.dtype == "int8" or not one_row)
    copied = any(window.kept_bytes for segment in program.segments for window in segment.windows.values())
    return ({"copy"} if copied else set()) | ({"lookup"} if looked_up else set())


def set_image(program: Program, offset: int, *, by_width: bool = False, source: int | None = None) -> str:
    """Preprocessing on the target: a table from each byte of a picture to its value in the input tensor.

    source: the place in the arena that keeps where a picture is, if the run reads its rows.
    """
    tensor, (channels, height, width) = program.input, program.input_size
    table = pixel_table(tensor, program.normalisation)
    real = tensor.dtype == "float32"

    def literal(value: np.generic) -> str:
        return float_literal(float(value)).strip("()") if real else str(int(value))

    # One row serves all channels if they have the same values.
    one_row = bool((table.values == table.values[0]).all())
    rows = [lines([literal(v) for v in row], 8 if real else 16) for row in table.values[: 1 if one_row else None]]
    return render(
        "set_image.c.j2",
        meaning=table.meaning,
        type=C_TYPES[tensor.dtype],
        pixel_rows=rows,
        one_row=one_row,
        looked_up=tensor.dtype == "int8",
        padding=literal(table.padding),
        channels_last=tensor.channels_last,
        by_width=by_width,
        source=source,
        source_bytes=SOURCE_BYTES,
        width=width,
        channels=channels,
        height=height,
        columns="columns" if by_width else width,
        offset=f"fits[fit].at.{tensor.name}" if by_width else offset,
        name=tensor.name,
        shape=_shape(tensor.shape),
    )


def _shape(shape: Sequence[int]) -> str:
    return "x".join(str(extent) for extent in shape) or "scalar"
