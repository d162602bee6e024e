"""Numbers of a case: at random, because no kernel's path depends on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ocrm55.bench.cases.node import Node
from ocrm55.bench.runner import Case
from ocrm55.compiler.targets.m55 import packing

Array = npt.NDArray
CLAMP, HARD_SWISH, TABLE16, REAL = range(4)  # enum ocrm55_activation
TABLE_SHIFT = 4
SHALLOW = 31  # products in a sum; below this, hard-swish in float costs more than the bars allow


class Drawn:
    """Random tensors, and the epilogue of a layer with its arrays."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def int8(self, *shape: int) -> Array:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def epilogue(self, channels: int, activation: int, depth: int) -> tuple[list[int], list[Array]]:
        if activation == HARD_SWISH and depth <= SHALLOW:
            return self._tables(channels)
        table = self.int8(1 << (16 - TABLE_SHIFT))
        scale = packing.scale(self.rng.uniform(0.5, 1, channels) * 1e-3, channels)
        extra = scale if activation == HARD_SWISH else table
        return [activation, 3, -128, 127, TABLE_SHIFT, 0], [scale, extra]

    def _tables(self, channels: int) -> tuple[list[int], list[Array]]:
        """Hard-swish's tables, one for each channel, for layers that float arithmetic would dominate."""
        shift, entries = 5, 2048
        scale = packing.scale(self.rng.uniform(0.5, 1, channels), channels)
        return [TABLE16, 3, -128, 127, shift, entries], [scale, self.int8(len(scale) * entries)]


Makers = dict[str, Callable[[Node, Drawn], Case | None]]  # by ONNX operator; None: costs nothing, or another family's
Loops = dict[str, Callable[[Case], str]]  # by kernel: the marked loop in which it spends its time


def activation_of(node: Node) -> int:
    """What is fused behind a sum."""
    return {"": CLAMP, "Softmax": REAL, "HardSwish": HARD_SWISH}.get(node.follower, TABLE16)
