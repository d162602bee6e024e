"""The host's reference of a network that calls CMSIS-NN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.program import Operator
from ocrm55.compiler.reference.cmsis_nn import convolution, elementwise, moves, pool, product, rows
from ocrm55.compiler.reference.cmsis_nn.fixed_point import rounded_once, rounded_twice
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.compiler.targets.cmsis_nn.target import NAME

FAMILIES = (convolution, product, pool, elementwise, rows, moves)
COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    spec: compute for family in FAMILIES for spec, compute in family.COMPUTE.items()
}


@dataclass
class CmsisNnReference(IntegerReference):
    """Runs a Program. Some operators are CMSIS-NN's; the others are computed as our own kernels do.

    rounds_once: how the library was built, see libraries.rounds_once.
    """

    rounds_once: bool = True

    def compute(self, operator: Operator) -> Callable[..., np.ndarray] | None:
        compute = COMPUTE.get(type(operator.spec))
        if operator.target != NAME or compute is None:
            return super().compute(operator)  # the largest of integers, for one, is the same
        return partial(compute, rounded_once if self.rounds_once else rounded_twice)
