"""Sums and products of single elements."""

from __future__ import annotations

import numpy as np

from ocrm55.bench.cases.drawn import Drawn, Loops, Makers
from ocrm55.bench.cases.node import Node
from ocrm55.bench.runner import Case


def _multiply(node: Node, drawn: Drawn) -> Case | None:
    """Of an image by a factor for each channel."""
    if node.other[2:] != (1, 1) or node.input[2:] == (1, 1):
        return None
    _, channels, height, width = node.input
    bits = int(np.float32(0.01).view(np.int32))
    return Case(
        "multiply",
        [height * width, channels, 0, 3, -128, 5, bits],
        [drawn.int8(height * width, channels), drawn.int8(channels)],
        (height * width, channels),
        label=f"{height}x{width}x{channels} by {channels}",
    )


def _add(node: Node, drawn: Drawn) -> Case | None:
    """The residual stream, which is float32."""
    if node.other != node.input:
        return None
    count = int(np.prod(node.input))
    a, b = drawn.rng.normal(size=(2, count)).astype(np.float32)
    return Case("add_f32", [count], [a, b], (count,), np.float32, str(count))


MAKERS: Makers = {"Mul": _multiply, "Add": _add}
LOOPS: Loops = {"multiply": lambda case: "multiply"}
