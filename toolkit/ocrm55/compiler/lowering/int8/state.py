"""The state that the families of the lowering share: the nodes, the values of variables so far, and the program.

A family's visitors get a node and bind its variable to a value. They look ahead for the bias and the activation that
the same operator computes, and absorb those nodes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tvm import relax

from ocrm55.compiler.lowering.flat import FlatFunction, Node
from ocrm55.compiler.lowering.int8.builder import Builder
from ocrm55.compiler.lowering.int8.values import Origin, Value


class Lowering:
    """A function while it is lowered. values: by the name of the variable. absorbed: names of nodes that are done."""

    def __init__(self, function: FlatFunction, build: Builder) -> None:
        self.function = function
        self.build = build
        self.values: dict[str, Value] = {}
        self.absorbed: set[str] = set()

    def value(self, expression: relax.Expr) -> Value | None:
        return self.values.get(expression.name) if isinstance(expression, relax.Var) else None

    def bind(self, node: Node, origin: Origin, index: np.ndarray) -> None:
        self.values[node.name] = Value(origin, index)

    def absorb(self, last: Node, nodes: list[Node]) -> None:
        self.absorbed.update(node.name for node in nodes if node.name != last.name)
        self.absorbed.add(last.name)

    def dequantised(self, expression: relax.Expr) -> tuple[np.ndarray, np.ndarray] | None:
        """Integers and scales of `dequantize(constant, scale, 0)`, also behind reshapes; None for everything else."""
        node = self.function.producer(expression)
        while node is not None and node.op == "relax.reshape":
            node = self.function.producer(node.args[0])
        if node is None or node.op != "relax.dequantize":
            return None
        q, scale, zero = (self.function.constant(a) for a in node.args[:3])
        if q is None or scale is None or zero is None or np.any(zero):
            return None
        return q, np.atleast_1d(scale)

    def bias(self, node: Node, size: int) -> tuple[np.ndarray, Node]:
        """The integer bias added to a node, and the node that adds it; zeros and the node itself without one."""
        user = self.function.only_user(node)
        if user is not None and user.op == "relax.add":
            found = self.dequantised(self.function.other_argument(user, node))
            if found is not None and found[0].size == size:
                return found[0].reshape(-1), user
        return np.zeros(size, np.int32), node


Visitor = Callable[[Lowering, Node], None]
