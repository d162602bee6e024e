"""The host's integer reference: runs a lowered int8 Program in numpy. The target must equal it to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.pixels import pixel_table
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.reference.int8 import convolution, elementwise, moves, pool, product, rows
from ocrm55.errors import UnsupportedError

FAMILIES = (convolution, product, pool, elementwise, rows, moves)
COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    spec: compute for family in FAMILIES for spec, compute in family.COMPUTE.items()
}


@dataclass
class IntegerReference:
    """Runs an int8 Program. tensors: after `run`, every tensor of the network by its name."""

    program: Program
    tensors: dict[str, np.ndarray] = field(default_factory=dict)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels uint8 [height, width, 3] in BGR -> probabilities float32 [steps, classes]."""
        return self.run(self.input_of(pixels))

    def input_of(self, pixels: np.ndarray) -> np.ndarray:
        """The firmware's input tensor for an image: int8 [1, height, width, channels]."""
        table = pixel_table(self.program.input, self.program.normalisation)
        image = np.full(self.program.input.shape, table.padding, np.int8)
        for channel, values in enumerate(table.values):
            image[0, :, : pixels.shape[1], channel] = values[pixels[:, :, channel]]
        return image

    def run(self, image: np.ndarray) -> np.ndarray:
        """The output for an int8 input tensor, without leading axes of 1: [steps, classes] of a recognizer."""
        self.tensors = {t.name: t.data for t in self.program.tensors.values() if t.data is not None}
        self.tensors[self.program.input.name] = image
        for operator in self.program.operators:
            self.step(operator)
        shape = self.program.output.shape
        leading = [extent for extent in shape[:-2] if extent != 1]
        return self.tensors[self.program.output.name].reshape(*leading, *shape[-2:])

    def compute(self, operator: Operator) -> Callable[..., np.ndarray] | None:
        """The functions that compute an operator from its spec and its inputs."""
        return COMPUTE.get(type(operator.spec))

    def step(self, operator: Operator) -> np.ndarray:
        """Compute one operator from `tensors`, add its output there and return it."""
        compute = self.compute(operator)
        if compute is None:
            raise UnsupportedError(f"the integer reference does not know {operator.kind}.")
        result = compute(operator.spec, *(self.tensors[name] for name in operator.inputs))
        tensor = self.program.tensors[operator.outputs[0]]
        result = result.reshape(tensor.shape)
        self.tensors[tensor.name] = result
        if tensor.view_of is not None:  # a part of a wider tensor: columns view_offset.. of its rows
            whole = self.program.tensors[tensor.view_of]
            stored = self.tensors.setdefault(whole.name, np.zeros(whole.shape, whole.dtype))
            rows = result.reshape(-1, tensor.shape[-1])
            first, last = tensor.view_offset, tensor.view_offset + rows.shape[1]
            stored.reshape(len(rows), -1)[:, first:last] = rows
        return result
