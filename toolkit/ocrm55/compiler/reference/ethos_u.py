"""The host's reference of a network with an NPU: regions by the functional model, the rest as on the core."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.reference.cmsis_nn import CmsisNnReference
from ocrm55.compiler.targets.ethos_u.region import Compiled, Place, Region
from ocrm55.npu_model import vela_files
from ocrm55.npu_model.accelerators import by_name


@dataclass
class NpuReference(CmsisNnReference):
    """Runs a Program with regions. Every region runs in memory of its own, filled with rubbish.

    accelerator: the one for which the regions were compiled.
    """

    accelerator: str = "ethos-u55-128"
    programs: dict[str, vela_files.Program] = field(default_factory=dict)

    def step(self, operator: Operator) -> np.ndarray:
        if not isinstance(operator.spec, Region):
            return super().step(operator)
        program = self.programs.setdefault(operator.layer, model_program(operator, self.program, self.accelerator))
        values = [self.tensors[name].reshape(t.shape) for name, t in zip(operator.inputs, program.inputs, strict=True)]
        results, _ = program.run(values)
        for name, result in zip(operator.outputs, results, strict=True):
            self.tensors[name] = result.reshape(self.program.tensors[name].shape)
        return self.tensors[operator.outputs[0]]


def model_program(operator: Operator, program: Program, accelerator: str) -> vela_files.Program:
    """Run a region with the functional model."""
    spec = operator.spec
    assert isinstance(spec, Region) and spec.compiled is not None
    compiled: Compiled = spec.compiled
    sizes = {vela_files.ARENA_REGION: compiled.scratch_bytes}
    for place in (*compiled.inputs, *compiled.outputs):
        sizes[place.base] = max(sizes.get(place.base, 0), place.offset + place.bytes)
    return vela_files.Program(
        by_name(accelerator),
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
