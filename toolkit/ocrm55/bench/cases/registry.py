"""The families' rows together."""

from __future__ import annotations

from ocrm55.bench.cases import convolution, elementwise, moves, pool, product, rows
from ocrm55.bench.cases.drawn import Drawn, Loops
from ocrm55.bench.cases.node import Node
from ocrm55.bench.runner import Case

FAMILIES = (convolution, product, pool, elementwise, rows, moves)
LOOPS: Loops = {kernel: loop for family in FAMILIES for kernel, loop in family.LOOPS.items()}


def case_of(node: Node, drawn: Drawn) -> Case | None:
    """The call for a node; None if it is fused into another or costs nothing."""
    makers = (family.MAKERS[node.operator] for family in FAMILIES if node.operator in family.MAKERS)
    return next((made for make in makers if (made := make(node, drawn)) is not None), None)


def loop_of(case: Case) -> str:
    """The marked loop in which a kernel spends its time; empty if it has none."""
    find = LOOPS.get(case.kernel)
    return "" if find is None else find(case)
