"""A region on the functional model of the NPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.int8.convolution import Convolution
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.targets.ethos_u import convolution, regions
from ocrm55.compiler.targets.ethos_u.region import Compiled, Place, Region
from ocrm55.npu_model import run, vela_files
from ocrm55.npu_model.accelerators import by_name
from ocrm55.npu_model.machine import filters


def computed(operator: Operator, program: Program, values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """A region's outputs from its inputs. It runs in memory of its own, filled with rubbish."""
    region = model_program(operator, program)
    results, _ = region.run([value.reshape(t.shape) for value, t in zip(values, region.inputs, strict=True)])
    return list(results)


def computed_as_placed(
    operator: Operator, program: Program, plan: MemoryPlan, values: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """A region's outputs by the command stream that the image holds, in an arena that is full of rubbish."""
    arena = np.full(plan.arena_bytes, 0xA5, np.uint8)
    for name, value in zip(operator.inputs, values, strict=True):
        place, raw = plan.offsets[name], np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        arena[place : place + raw.size] = raw
    compiled = regions.compiled_of(operator)
    memories = {vela_files.WEIGHTS_REGION: compiled.weights.copy(), vela_files.ARENA_REGION: arena}
    run(regions.placed_stream(operator, plan), memories, compiled.accelerator)
    outputs = [program.tensors[name] for name in operator.outputs]
    places = [plan.offsets[tensor.name] for tensor in outputs]
    return [
        arena[place : place + tensor.bytes].view(tensor.dtype).reshape(tensor.shape)
        for tensor, place in zip(outputs, places, strict=True)
    ]


def wrong_weights(operator: Operator, program: Program, plan: MemoryPlan) -> int:
    """How many outputs of convolutions have other weights in the image than in the program: every wrong byte counts.

    Vela orders and splits weights as it likes, so that an output is known by its weights that are not 0, sorted. What
    Vela adds by itself, for averages and copies, are weights that are all the same.
    """
    compiled = regions.compiled_of(operator)
    arena = np.zeros(plan.arena_bytes, np.uint8)
    memories = {vela_files.WEIGHTS_REGION: compiled.weights.copy(), vela_files.ARENA_REGION: arena}
    tensors = {**operator.spec.part_tensors, **program.tensors}
    wanted = {key for part in operator.spec.parts for data in _weights(part, tensors) for key in _keys(data) if key}
    found: set[bytes] = set()
    wrong = 0
    for decoded in filters(regions.placed_stream(operator, plan), memories, compiled.accelerator):
        keys = _keys(decoded)
        found.update(keys)
        wrong += sum(key not in wanted and len(set(np.frombuffer(key, np.int16))) > 1 for key in keys)
    return wrong + sum(key not in found for key in wanted)


def _weights(part: Operator, tensors: Mapping[str, Tensor]) -> list[np.ndarray]:
    """The weights of an operator of a region, as the NPU gets them."""
    found = [data for name in part.inputs if (data := tensors[name].data) is not None]
    if not isinstance(part.spec, Convolution):
        return [data for data in found if data.dtype == np.int8 and data.ndim > 1]
    result = tensors[part.outputs[0]]
    quantization = result.quantization or (tensors[result.view_of].quantization if result.view_of else None)
    zero_point = part.spec.epilogue.zero_point if quantization is None else quantization.zero_point
    return [convolution.numbers(part.spec, found, zero_point)[0]]


def _keys(weights: np.ndarray) -> list[bytes]:
    """The weights of each output that are not 0, sorted."""
    rows = np.sort(weights.reshape(len(weights), -1).astype(np.int16), axis=1)
    return [row[row != 0].tobytes() for row in rows]


def model_program(operator: Operator, program: Program) -> vela_files.Program:
    """A region as the functional model runs it."""
    spec = operator.spec
    assert isinstance(spec, Region) and spec.compiled is not None
    compiled: Compiled = spec.compiled
    sizes = {vela_files.ARENA_REGION: compiled.scratch_bytes}
    for place in (*compiled.inputs, *compiled.outputs):
        sizes[place.base] = max(sizes.get(place.base, 0), place.offset + place.bytes)
    return vela_files.Program(
        by_name(compiled.accelerator),
        compiled.commands,
        compiled.weights,
        sizes,
        [_tensor(program.tensors[n], p) for n, p in zip(operator.inputs, compiled.inputs, strict=True)],
        [_tensor(program.tensors[n], p) for n, p in zip(operator.outputs, compiled.outputs, strict=True)],
    )


def _tensor(tensor: Tensor, place: Place) -> vela_files.Tensor:
    known = tensor.quantization
    scale, zero_point = (known.step, known.zero_point) if known else (0.0, 0)
    return vela_files.Tensor(
        tensor.name, tensor.shape, np.dtype(tensor.dtype), place.base, place.offset, scale, zero_point
    )
