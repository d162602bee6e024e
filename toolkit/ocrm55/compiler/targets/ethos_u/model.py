"""A region on the functional model of the NPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.targets.ethos_u.region import Compiled, Place, Region
from ocrm55.npu_model import vela_files
from ocrm55.npu_model.accelerators import by_name


def computed(operator: Operator, program: Program, values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """A region's outputs from its inputs. It runs in memory of its own, filled with rubbish."""
    region = model_program(operator, program)
    results, _ = region.run([value.reshape(t.shape) for value, t in zip(values, region.inputs, strict=True)])
    return list(results)


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
