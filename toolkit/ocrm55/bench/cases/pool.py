"""Means over windows."""

from __future__ import annotations

import numpy as np

from ocrm55.bench.cases.drawn import Drawn, Loops, Makers
from ocrm55.bench.cases.node import Node
from ocrm55.bench.runner import Case


def _average_pool(node: Node, drawn: Drawn) -> Case:
    (_, channels, height, width), (_, _, high, wide) = node.input, node.output
    kernel, strides = node.kernel or (height, width), node.strides
    bits = int(np.float32(1 / (kernel[0] * kernel[1])).view(np.int32))
    return Case(
        "average_pool",
        [channels, height, width, high, wide, *kernel, *strides, channels, 3, -3, bits],
        [drawn.int8(height, width, channels)],
        (high, wide, channels),
        label=f"{height}x{width}x{channels} -> {high}x{wide}",
    )


MAKERS: Makers = {"GlobalAveragePool": _average_pool, "AveragePool": _average_pool}
LOOPS: Loops = {"average_pool": lambda case: "average_pool"}
