"""The host's reference of any network: accelerators compute their own operators, the core all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ocrm55.compiler.operators.program import Operator
from ocrm55.compiler.reference.cmsis_nn.network import CmsisNnReference
from ocrm55.compiler.targets import accelerators


@dataclass
class AcceleratorReference(CmsisNnReference):
    """Runs a Program."""

    def step(self, operator: Operator) -> np.ndarray:
        accelerator = accelerators.maker(operator.spec)
        if accelerator is None:
            return super().step(operator)
        results = accelerator.computed(operator, self.program, [self.tensors[name] for name in operator.inputs])
        for name, result in zip(operator.outputs, results, strict=True):
            self.tensors[name] = result.reshape(self.program.tensors[name].shape)
        return self.tensors[operator.outputs[0]]
