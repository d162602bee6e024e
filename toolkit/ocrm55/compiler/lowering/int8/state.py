"""The state that the families of the lowering share: the nodes, the values of variables so far, and the program.

A family's visitors get a node and bind its variable to a value. They look ahead for the bias and the activation that
the same operator computes, and absorb those nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from tvm import relax

from ocrm55.compiler.lowering.flat import FlatFunction, Node, shape_of
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder
from ocrm55.compiler.lowering.int8.values import Origin, Value
from ocrm55.errors import UnsupportedError


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
        """Give a node's value its array. Raises UnsupportedError for several images: kernels compute one."""
        if index.size != prod(node.shape):
            layer, count = self.function.layer(node), node.shape[0] if node.shape else 0
            raise UnsupportedError(f"layer {layer} gives {count} images; int8 has kernels for one.", TRIES)
        self.values[node.name] = Value(origin, index)

    def absorb(self, last: Node, nodes: list[Node]) -> None:
        self.absorbed.update(node.name for node in nodes if node.name != last.name)
        self.absorbed.add(last.name)

    def dequantised(self, expression: relax.Expr) -> tuple[np.ndarray, np.ndarray] | None:
        """Integers of `dequantize(constant, scale, 0)` and the scale of each, also behind reshapes; None for others."""
        node = self.function.producer(expression)
        while node is not None and node.op == "relax.reshape":
            node = self.function.producer(node.args[0])
        if node is None or node.op != "relax.dequantize":
            return None
        q, scale, zero = (self.function.constant(a) for a in node.args[:3])
        if q is None or scale is None or zero is None or np.any(zero):
            return None
        along = [-1 if axis == int(node.value.attrs.axis) % q.ndim else 1 for axis in range(q.ndim)]
        spread = scale.reshape(along) if scale.size > 1 else scale.reshape([1] * q.ndim)
        shape = shape_of(expression)
        return q.reshape(shape), np.broadcast_to(spread, q.shape).reshape(shape)

    def weights(self, expression: relax.Expr, axis: int, layer: str) -> tuple[np.ndarray, np.ndarray] | None:
        """int8 weights, and a scale for each index of `axis`; None for what is not quantised.

        Raises UnsupportedError for integers beyond int8, and for scales along another axis.
        """
        found = self.dequantised(expression)
        if found is None or found[0].ndim <= axis:
            return None
        q, scales = found
        rows = np.moveaxis(scales, axis, 0).reshape(q.shape[axis], -1)
        if not (rows == rows[:, :1]).all():
            raise UnsupportedError(
                f"the weights of layer {layer} have scales along an axis that no kernel knows.", TRIES
            )
        if (q.astype(np.int8) != q).any():
            raise UnsupportedError(f"the weights of layer {layer} are {q.dtype}; kernels have int8.", TRIES)
        return q.astype(np.int8), rows[:, 0]

    def bias(self, node: Node, size: int, axis: int) -> tuple[np.ndarray, np.ndarray | None, Node]:
        """The integer bias added to a node along an axis, its scales, and the node that adds it.

        Zeros, None and the node itself without one.
        """
        user = self.function.only_user(node)
        if user is not None and user.op == "relax.add":
            other = self.function.other_argument(user, node)
            found, shape = self.dequantised(other), shape_of(other)
            whole = (1,) * (len(node.shape) - len(shape)) + shape
            if found is not None and found[0].size == size == whole[axis]:
                return found[0].reshape(-1), found[1].reshape(-1), user
        return np.zeros(size, np.int32), None, node


Visitor = Callable[[Lowering, Node], None]
