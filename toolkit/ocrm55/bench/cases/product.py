"""Products of two activations."""

from __future__ import annotations

from ocrm55.bench.cases.drawn import CLAMP, Drawn, Loops, Makers
from ocrm55.bench.cases.node import Node
from ocrm55.bench.runner import Case


def _matmul(node: Node, drawn: Drawn) -> Case | None:
    if node.weights:
        return None
    *_, batches, rows, depth = node.input
    columns = node.output[-1]
    transposed = columns < depth  # of q k', k lies ready row by row; of a v, v does not
    integers, blobs = drawn.epilogue(columns, CLAMP, depth)
    where = [columns, 1, batches * columns] if transposed else [depth, batches * depth, 1]
    b = drawn.int8(depth if transposed else columns, batches * (columns if transposed else depth))
    return Case(
        "matmul",
        [*integers, batches, rows, columns, depth, depth, batches * depth, *where, columns, batches * columns, 3],
        [drawn.int8(rows, batches * depth), b, *blobs],
        (rows, batches * columns),
        label=f"{batches} x {rows} x {depth} x {columns}",
        macs=batches * rows * columns * depth,
    )


MAKERS: Makers = {"MatMul": _matmul}
LOOPS: Loops = {"matmul": lambda case: "tile_core"}
