"""Regions from end to end: partition, TFLite, Vela, and the C with the data for the NPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55.compiler.c_language import environment, standalone
from ocrm55.compiler.memory import planner
from ocrm55.compiler.memory.planner import MemoryPlan, round_up
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.targets.base import Additions
from ocrm55.compiler.targets.ethos_u import lookup_tables, tflite, vela
from ocrm55.compiler.targets.ethos_u.options import ALIGN, NpuOptions
from ocrm55.compiler.targets.ethos_u.partition import partition
from ocrm55.compiler.targets.ethos_u.region import SCRATCH, Compiled, Region
from ocrm55.compiler.targets.ethos_u.relocation import ARENA, Move, relocate
from ocrm55.compiler.targets.ethos_u.tflite_file import StandIn
from ocrm55.npu_model.accelerators import by_name

ARCHITECTURE = 0x1006_0000  # ID register: version 1.0.6, which Vela compiles for
STREAM_GROWTH = 2  # a relocated stream repeats addresses that Vela's stream leaves out
_TEMPLATES = Path(__file__).parent / "templates"
_NOP, _CONFIG, _STREAM = 5, 0x0010_0001, 2  # driver actions; the configuration's parameter is patch 1, release 0


def compile_regions(program: Program, options: NpuOptions, strategy: Sequence[str] = ()) -> Program:
    """The program with the NPU's regions as operators, each compiled; tensors inside a region are removed."""
    partition(program)
    for operator in program.operators:
        if isinstance(operator.spec, Region):
            compiled = _compiled(operator, program, options, strategy)
            rows = _rows(operator.spec.operators, compiled.layers, program)
            operator.spec = replace(operator.spec, compiled=compiled, rows=tuple(rows))
    if not options.fallback:
        used = {name for o in program.operators for name in (*o.inputs, *o.outputs)}
        used |= {program.storage(name) for name in used}
        inside = {name: tensor for name, tensor in program.tensors.items() if name not in used}
        for operator in regions_of(program):
            assert isinstance(operator.spec, Region)
            operator.spec = replace(operator.spec, inside=inside)
        program.tensors = {name: tensor for name, tensor in program.tensors.items() if name in used}
    return program


def least_arena(program: Program, options: NpuOptions | None = None, limit: int = 0) -> int:
    """Bytes of the tensors that are there while some region runs; with options, Vela's scratch on top of them.

    program: lowered; it is changed. A region never writes over what it reads, so none of these bytes are shared.
    options: to ask Vela about the regions in its smallest way, the largest first, until one takes more than `limit`.
    """
    partition(program)
    calls = zip(program.calls, planner.tensors_alive(program), strict=True)
    alive = [(size, operator) for operator, size in calls if isinstance(operator.spec, Region)]
    least = max((size for size, _ in alive), default=0)
    for size, operator in sorted(alive, key=lambda each: -_bytes_inside(each[1], program)):
        if options is None or least > limit:
            break
        compiled = _compiled(operator, program, options, vela.STRATEGIES[-1])
        least = max(least, size + compiled.scratch_bytes)
    return least


def least_weights(program: Program, *, fallback: bool) -> int:
    """Bytes of the int8 weights of a lowered program, equal ones once; 0 without regions. The program is changed.

    fallback: whether the core has the regions' weights too. Vela's, compressed, have a bit for each that is not zero.
    """
    partition(program)
    found = regions_of(program)
    inside = {name for region in found for step in _steps(region) for name in step.inputs}
    outside = {name for operator in program.operators if operator not in found for name in operator.inputs}
    cores, velas = (outside | inside, inside) if fallback else (outside, inside)
    bits = sum(int(np.count_nonzero(values)) for values in _different(program, velas))
    return sum(values.size for values in _different(program, cores)) + bits // 8 if found else 0


def _steps(region: Operator) -> Sequence[Operator]:
    assert isinstance(region.spec, Region)
    return region.spec.operators


def _different(program: Program, names: set[str]) -> list[np.ndarray]:
    """The int8 weights among tensors, equal ones once."""
    found = [tensor.data for name in names if (tensor := program.tensors[name]).dtype == "int8"]
    return list({(data.shape, data.tobytes()): data for data in found if data is not None}.values())


def _compiled(operator: Operator, program: Program, options: NpuOptions, strategy: Sequence[str]) -> Compiled:
    """Vela's output for a region, with the core's tables where Vela read stand-ins."""
    assert isinstance(operator.spec, Region)
    stand_ins: list[StandIn] = []
    name, data = operator.spec.name, tflite.write(operator, program, stand_ins)
    compiled = vela.compile_region(name, data, options, strategy)
    if not stand_ins:
        return compiled
    return replace(lookup_tables.filled(name, compiled, stand_ins), tflite=tflite.write(operator, program))


def _bytes_inside(region: Operator, program: Program) -> int:
    """Bytes of all that the operators of a region write."""
    assert isinstance(region.spec, Region)
    return sum(program.tensors[name].bytes for operator in region.spec.operators for name in operator.outputs)


def read_regions(program: Program, folder: Path) -> Program:
    """The program with Vela's output for its regions, from the files of an artifact in `folder`."""
    for operator in regions_of(program):
        spec = operator.spec
        assert isinstance(spec, Region)
        stem = Path(spec.name).name
        place = folder / "npu"
        compiled = vela.read(stem, place / f"{stem}.tflite", place / f"{stem}_vela.npz")
        operator.spec = replace(spec, compiled=compiled)
    return program


def regions_of(program: Program) -> list[Operator]:
    return [operator for operator in program.steps if isinstance(operator.spec, Region)]


def placed_stream(operator: Operator, plan: MemoryPlan) -> np.ndarray:
    """A region's command stream with the addresses of this plan's arena."""
    compiled = compiled_of(operator)
    moves = [Move(ARENA, 0, compiled.scratch_bytes, plan.workspace_offset(operator, SCRATCH))]
    places = [
        *zip(operator.inputs, compiled.inputs, strict=True),
        *zip(operator.outputs, compiled.outputs, strict=True),
    ]
    moves += [Move(place.base, place.offset, place.bytes, plan.offsets[name]) for name, place in places]
    return relocate(compiled.commands, moves)


def constants(program: Program) -> int:
    """The most bytes that all command streams and weights take in the image."""
    return sum(
        round_up(c.commands.nbytes * STREAM_GROWTH, ALIGN) + round_up(c.weights.size, ALIGN)
        for c in map(compiled_of, regions_of(program))
    )


def compiled_of(operator: Operator) -> Compiled:
    assert isinstance(operator.spec, Region) and operator.spec.compiled is not None
    return operator.spec.compiled


def driver_payload(stream: np.ndarray, accelerator: str) -> np.ndarray:
    """The input of Arm's driver (COP1): eight words, then the stream. Our driver skips the eight words."""
    size = by_name(accelerator)
    config = size.macs.bit_length() - 1 | size.shram_bytes // 1024 << 8
    length = len(stream)
    tag = _STREAM | (length >> 16 & 0xFF) << 8 | (length & 0xFFFF) << 16
    fourcc = int.from_bytes(b"COP1", "little")
    head = [fourcc, _CONFIG, config, ARCHITECTURE, _NOP, _NOP, _NOP, tag]
    return np.concatenate([np.asarray(head, np.uint32), stream])


def source(program: Program, plan: MemoryPlan, accelerator: str) -> str:
    """src/npu_regions.c"""
    return environment.render(
        _TEMPLATES,
        "npu_regions.c.j2",
        name=program.name,
        prefix=program.prefix,
        accelerator=accelerator,
        regions=rows(program, plan, accelerator),
        arena_bytes=plan.arena_bytes,
    )


def rows(program: Program, plan: MemoryPlan, accelerator: str) -> list[dict[str, Any]]:
    """The data of a template about each region: its stream with the driver's words in front, and its weights."""
    found = []
    for operator in regions_of(program):
        compiled = compiled_of(operator)
        stream = placed_stream(operator, plan)
        payload = driver_payload(stream, accelerator)
        raw = compiled.weights.tobytes()
        weights = raw + bytes(-len(raw) % 4)
        found.append(
            {
                "name": operator.layer,
                "operators": operator.spec.operators,  # type: ignore[attr-defined]
                "macs": operator.macs,
                "cycles": compiled.cycles,
                "payload": standalone.words(payload.tobytes()),
                "command_bytes": 4 * len(stream),
                "weights": standalone.words(weights),
                "weight_bytes": compiled.weights.size,
                "command_words": len(payload),
                "weight_words": len(weights) // 4,
            }
        )
    return found


def additions(macs: int, *, fallback: bool) -> Additions:
    """The C around regions: the NPU's start and status.

    macs: a cycle. fallback: whether the core can compute regions too.
    """
    return Additions(
        headers=("<stdbool.h>", '"npu_regions.h"'),
        code=environment.render(_TEMPLATES, "npu_status.c.j2", macs=macs),
        members=(
            ("npu_macs", str(macs)),
            ("npu_fallback", "true" if fallback else "false"),
            ("npu_start", "npu_start"),
            ("npu_status", "npu_status_now"),
        ),
        sizes=(
            ("NPU_MACS", macs, "multiply-accumulates a cycle of the Ethos-U55 that runs some operators"),
            ("NPU_FALLBACK", int(fallback), "whether the core can compute them where it is absent"),
        ),
        variables=(("NPU", macs),),
        arena_align=ALIGN,
    )


def header(program: Program, accelerator: str) -> str:
    """src/npu_regions.h"""
    names = [operator.function for operator in regions_of(program)]
    common = {"name": program.name, "prefix": program.prefix, "accelerator": accelerator}
    return environment.render(_TEMPLATES, "npu_regions.h.j2", regions=names, **common)


def write_files(program: Program, folder: Path) -> None:
    """Each region as LiteRT runs it and as Vela wrote it, to run it or look at it (python -m ocrm55.npu_model)."""
    folder.mkdir()
    for operator in regions_of(program):
        compiled = compiled_of(operator)
        (folder / f"{operator.layer}.tflite").write_bytes(compiled.tflite)
        (folder / f"{operator.layer}_vela.npz").write_bytes(compiled.raw)


def metadata(program: Program, options: NpuOptions) -> dict[str, Any]:
    """The entry `npu` of metadata.json: the NPU's part, and Vela's estimates of it."""
    regions = regions_of(program)
    macs = sum(operator.macs for operator in regions)
    return {
        "accelerator": options.accelerator,
        "macs_per_cycle": options.macs,
        "memory_mode": options.memory_mode,
        "vela_config": vela.BUNDLED_CONFIG if options.config is None else options.config.name,
        "system_config": vela.system_of(options),
        "fallback": options.fallback,
        "macs": macs,
        "vela": version("ethos-u-vela"),
        "vela_cycles": sum(compiled_of(operator).cycles for operator in regions),
        "regions": [_region_row(operator) for operator in regions],
    }


def _region_row(operator: Operator) -> dict[str, Any]:
    spec, compiled = operator.spec, compiled_of(operator)
    assert isinstance(spec, Region)
    return {
        "name": spec.name,
        "tflite": f"npu/{spec.name}.tflite",
        "vela": f"npu/{spec.name}_vela.npz",
        "inputs": operator.inputs,
        "outputs": operator.outputs,
        "macs": spec.macs,
        "command_bytes": compiled.commands.nbytes,
        "weight_bytes": compiled.weights.size,
        "scratch_bytes": compiled.scratch_bytes,
        "operators": [dict(row) for row in spec.rows],
        "vela_cycles": compiled.cycles,
        "vela_layers": [dict(layer) for layer in compiled.layers],
    }


def _rows(
    operators: Sequence[Operator], layers: Sequence[Mapping[str, Any]], program: Program
) -> Iterator[dict[str, Any]]:
    """A description of each operator of a region, and Vela's estimate of it."""
    cycles = _cycles(operators, layers, program)
    for operator in operators:
        output = operator.outputs[0]
        row = {"name": operator.layer, "kind": operator.kind, "macs": operator.macs}
        yield row | {"shape": list(program.tensors[output].shape), "vela_cycles": cycles.get(output)}


def _cycles(operators: Sequence[Operator], layers: Sequence[Mapping[str, Any]], program: Program) -> dict[str, int]:
    """Vela's cycles, by the tensor that an operator writes; none for an operator that Vela fuses with the next.

    Vela names a row after the last tensor of the fused operators: a tensor of the program, or one of tflite.py.
    """
    found: dict[str, int] = {}
    written = {o.outputs[0]: o.outputs[0] for o in operators}
    written |= {program.storage(o.outputs[0]): o.outputs[0] for o in operators}  # the last part of a concatenation
    for layer in layers:
        name = str(layer["name"])
        helper = next((name.removesuffix(what) for what in tflite.HELPERS if name.endswith(what)), name)
        output = written.get(name) or written.get(helper)
        if output is not None:
            found[output] = found.get(output, 0) + int(layer["cycles"])
    return found
