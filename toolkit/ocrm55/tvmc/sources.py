"""The C of a compiled program behind TVM's C interface: codegen/host/ of the archive.

All names for the linker are tvmgen_NAME_..., so several models share a firmware.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55 import __version__, libraries
from ocrm55.compiler.c_language import environment, standalone
from ocrm55.compiler.c_language.literals import float_literal
from ocrm55.compiler.c_language.text import comment
from ocrm55.compiler.codegen import driver
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.targets.c.target import VECTORS
from ocrm55.compiler.targets.ethos_u import regions
from ocrm55.tvmc.interface import Port
from ocrm55.tvmc.settings import ALIGN, ArenaSource

_TEMPLATES = Path(__file__).parent / "templates"
LIBRARY_MAKEFILE = "cmsis_nn.mk"
_WHERE = {
    "inside": "They lie in the section .bss.noinit.tvm of the generated C.",
    "asked": "They are asked for with TVMBackendAllocWorkspace; {slack} of them pay for a block that is not aligned.",
    "pool": "The caller hands them over.",
}
# A stack allocator may align the start of its memory, and may write a check behind the block.
SLACK = 2 * ALIGN


def prefix(name: str) -> str:
    """The prefix of all C names of a module, in lower case as TVM wrote it."""
    return f"tvmgen_{name.lower()}"


def attempts(program: Program) -> list[Operator]:
    """The steps that an accelerator computes."""
    return [operator for operator in program.steps if operator.attempt]


def alignment(program: Program) -> int:
    """Bytes of the workspace."""
    return regions.ALIGN if regions.regions_of(program) else ALIGN


def constant_bytes(program: Program) -> int:
    """Bytes of the weights, with the NPU's."""
    on_npu = sum(regions.compiled_of(operator).weights.size for operator in regions.regions_of(program))
    return sum(tensor.bytes for tensor in program.weights()) + on_npu


def workspace_bytes(program: Program, plan: MemoryPlan, workspace: ArenaSource) -> int:
    """The bytes that the program must hand over, or that the generated C takes by itself."""
    return plan.arena_bytes + (SLACK + alignment(program) - ALIGN if workspace.kind == "asked" else 0)


def files(
    program: Program,
    plan: MemoryPlan,
    ports: tuple[list[Port], list[Port]],
    kernels: Sequence[str],
    workspace: ArenaSource,
    called: Sequence[str] = (),
    accelerator: str = "",
) -> dict[str, str]:
    """The files of codegen/host/ by their path in it; the program's prefix is the module's.

    kernels: hand-written ones that come along. called: libraries that do not. accelerator: of the program's regions.
    """
    name = program.name
    weights = driver.weight_image(program)
    values = {**_values(program, plan, weights, workspace), "inputs": _shown(ports[0]), "outputs": _shown(ports[1])}
    written = {
        f"include/{prefix(name)}.h": _render("tvmgen.h.j2", **values),
        **_npu_files(program, plan, values, accelerator),
        f"src/{name}_lib0.c": _render("lib0.c.j2", **values),
        f"src/{name}_lib1.c": _render("lib1.c.j2", rows=standalone.words(weights.data) or ["0,"], **values),
        f"src/{VECTORS.name}": VECTORS.read_text(encoding="utf-8"),
    }
    names = [f"{name}_names.h"] if kernels or called else []
    for file, text in driver.operator_files(program, f"{name}_operators.h", names).items():
        own = text if file.endswith(".h") else standalone.with_pragma(text, standalone.FOR_OPERATORS)
        written[f"src/{file}"] = own
    if libraries.LIBRARY in called:
        written[LIBRARY_MAKEFILE] = (_TEMPLATES / LIBRARY_MAKEFILE).read_text(encoding="utf-8")
    return written | (_kernel_files(kernels, name) if kernels or called else {})


def _npu_files(program: Program, plan: MemoryPlan, values: dict[str, Any], accelerator: str) -> dict[str, str]:
    """The NPU's command streams and weights; nothing for a program without regions."""
    if not values["regions"]:
        return {}
    common = {**values, "regions": regions.rows(program, plan, accelerator), "accelerator": accelerator}
    name = program.name
    return {f"src/{name}_npu.{ending}": _render(f"npu.{ending}.j2", **common) for ending in ("c", "h")}


def _shown(ports: Sequence[Port]) -> list[dict[str, Any]]:
    """The data about inputs and outputs for a template."""
    return [
        {
            "name": port.member,
            "title": f"{comment(port.name)}: {port.dtype} {'x'.join(str(extent) for extent in port.shape)}",
            "bytes": port.bytes,
            "offset": port.offset,
            "shape": port.shape,
            "quantization": None if port.copied else port.inner.quantization,
            **_quantisation(port),
        }
        for port in ports
    ]


def _quantisation(port: Port) -> dict[str, str]:
    """Literals of the scale and the zero point of a quantised input."""
    quantization = port.inner.quantization
    if quantization is None:
        return {}
    scale, zero_point = np.float32(quantization.step), float(quantization.zero_point)
    return {"scale": float_literal(float(scale)), "zero_point": float_literal(zero_point)}


def _values(program: Program, plan: MemoryPlan, weights: driver.WeightImage, workspace: ArenaSource) -> dict[str, Any]:
    size = workspace_bytes(program, plan, workspace)
    return {
        **driver.straight_line(program, plan, weights),
        "name": program.name,
        "prefix": prefix(program.name),
        "macro": prefix(program.name).upper(),
        "precision": program.precision,
        "macs": program.macs,
        "align": alignment(program),
        "regions": [operator.layer for operator in attempts(program)],
        "weight_bytes": len(weights.data),
        "weight_words": max(1, len(weights.data) // 4),  # an array of none is no C
        "arena_bytes": plan.arena_bytes,
        "workspace": workspace,
        "workspace_bytes": size,
        "workspace_text": _WHERE[workspace.kind].format(slack=size - plan.arena_bytes),
    }


def _kernel_files(kernels: Sequence[str], name: str) -> dict[str, str]:
    """Hand-written kernels that the program calls, under names of the module's own."""
    written = {f"src/{header}": text for header, text in standalone.kernel_headers().items()}
    public = sorted({each for text in written.values() for each in re.findall(r"\b(ocrm55_\w+)\s*\(", text)})
    defines = "".join(f"#define {each} {prefix(name)}_{each.removeprefix('ocrm55_')}\n" for each in public)
    guard = f"{prefix(name).upper()}_NAMES_H"
    what = f"/* The kernels' names in {name}'s own copy. */"
    written[f"src/{name}_names.h"] = f"{what}\n#ifndef {guard}\n#define {guard}\n\n{defines}\n#endif\n"
    for kernel in kernels:
        text = standalone.kernel_source(kernel).replace("#include", f'#include "{name}_names.h"\n#include', 1)
        written[f"src/{name}_kernel_{kernel}.c"] = standalone.with_pragma(text, standalone.FOR_KERNELS)
    return written


def _render(template: str, **values: Any) -> str:
    return environment.of(_TEMPLATES).get_template(template).render(version=__version__, **values)
