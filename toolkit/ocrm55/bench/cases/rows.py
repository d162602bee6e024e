"""Layer norm and softmax."""

from __future__ import annotations

import numpy as np

from ocrm55.bench.cases.drawn import Drawn, Loops, Makers
from ocrm55.bench.cases.node import Node
from ocrm55.bench.runner import Case
from ocrm55.compiler.operators.int8 import tables


def _layer_norm(node: Node, drawn: Drawn) -> Case:
    _, rows, count = node.input
    epsilon, gain = (int(np.float32(v).view(np.int32)) for v in (1e-5, 20))
    ones, x = np.ones(count, np.float32), drawn.rng.normal(size=(rows, count)).astype(np.float32)
    integers = [rows, count, 0, epsilon, 4, gain]
    return Case("layer_norm", integers, [x, ones, ones], (rows, count), label=f"{rows} x {count}")


def _softmax(node: Node, drawn: Drawn) -> Case:
    count, last = node.input[-1], node.last
    rows = int(np.prod(node.input)) // count
    x = drawn.rng.normal(size=(rows, count)).astype(np.float32) if last else drawn.int8(rows, count)
    return Case(
        "softmax",
        [rows, count, int(last), int(last)],
        [x, tables.softmax_powers(0.1)],
        (rows, count),
        np.float32 if last else np.int8,
        label=f"{rows} x {count}" + (", float" if last else ""),
    )


MAKERS: Makers = {"LayerNormalization": _layer_norm, "Softmax": _softmax}
LOOPS: Loops = {}
