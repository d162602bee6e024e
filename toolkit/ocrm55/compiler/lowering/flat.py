"""A straight-line Relax function as a list of nodes that can be matched and replaced.

Replaced nodes become calls of named operators (`call_dps_packed`), which TVM's own passes leave alone. A spec beside
the function keeps their meaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import tvm
from tvm import relax

from ocrm55.compiler.operators.float32 import Spec

_RESHAPES = ("relax.reshape", "relax.squeeze", "relax.expand_dims", "relax.flatten")


@dataclass(frozen=True)
class Node:
    """One binding: `var = value`."""

    var: relax.Var
    value: relax.Expr

    @property
    def name(self) -> str:
        return str(self.var.name)

    @property
    def op(self) -> str:
        """Name of the Relax operator, empty for tuples and copies."""
        return str(self.value.op.name) if isinstance(self.value, relax.Call) and hasattr(self.value.op, "name") else ""

    @property
    def args(self) -> list[relax.Expr]:
        return list(self.value.args)

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.var)


@dataclass(frozen=True)
class Replacement:
    """The replacement of a node: an operator of ours, with its inputs as Relax expressions."""

    spec: Spec
    inputs: list[relax.Expr]
    layer: str


def shape_of(expression: relax.Expr) -> tuple[int, ...]:
    """Static shape of a tensor expression."""
    return tuple(int(d) for d in expression.ty.shape)


def dtype_of(expression: relax.Expr) -> str:
    return str(expression.ty.dtype)


class FlatFunction:
    """The nodes of `main` in order, with the look-ups that matching needs.

    layers: name of a variable -> layer of the model. replacements: name of a variable -> its replacement.
    """

    def __init__(self, module: tvm.IRModule, layers: dict[str, str]) -> None:
        self._module = module
        function = module["main"]
        self.params = list(function.params)
        self.nodes = [Node(b.var, b.value) for block in function.body.blocks for b in block.bindings]
        self.result = function.body.body
        self.layers = dict(layers)
        self.replacements: dict[str, Replacement] = {}
        self._absorbed: set[str] = set()
        self._producers = {node.name: node for node in self.nodes}
        self._places = {node.name: place for place, node in enumerate(self.nodes)}
        self._users: dict[str, list[Node]] = {}
        for node in self.nodes:
            if isinstance(node.value, relax.Var) and node.value.name in layers:
                self.layers[node.name] = layers[node.value.name]  # a copy: TVM binds the output once more
            for variable in _variables(node.value):
                self._users.setdefault(variable.name, []).append(node)

    def users(self, node: Node) -> list[Node]:
        """The nodes that read `node`. The function's result counts as a node that no pattern matches."""
        readers = self._users.get(node.name, [])
        return [*readers, Node(node.var, self.result)] if _is(self.result, node.var) else readers

    def ordered(self, nodes: Iterable[Node]) -> list[Node]:
        """Nodes in execution order."""
        return sorted(nodes, key=lambda node: self._places[node.name])

    def only_user(self, node: Node) -> Node | None:
        readers = self.users(node)
        return readers[0] if len(readers) == 1 else None

    def producer(self, expression: relax.Expr) -> Node | None:
        """The node that binds a variable; None for parameters and constants."""
        return self._producers.get(expression.name) if isinstance(expression, relax.Var) else None

    def constant(self, expression: relax.Expr) -> np.ndarray | None:
        """The value of a constant, also of a reshaped one; None for everything else."""
        if isinstance(expression, tvm.ir.GenericConst):
            return np.asarray(expression.value.numpy() if hasattr(expression.value, "numpy") else expression.value)
        producer = self._producers.get(expression.name) if isinstance(expression, relax.Var) else None
        if producer is None or producer.op not in (*_RESHAPES, "relax.permute_dims"):
            return None
        value = self.constant(producer.args[0])
        if value is None:
            return None
        if producer.op == "relax.permute_dims":
            axes = producer.value.attrs.axes
            return value.transpose([int(a) for a in axes] if axes is not None else None)
        return value.reshape(producer.shape)

    def scalar(self, expression: relax.Expr) -> float | None:
        """The value of a constant with one element."""
        value = self.constant(expression)
        return float(value.item()) if value is not None and value.size == 1 else None

    def other_argument(self, node: Node, argument: Node) -> relax.Expr:
        """The argument of a two-argument node that is not `argument`."""
        left, right = node.args
        return right if _is(left, argument.var) else left

    def layer(self, node: Node) -> str:
        """The layer of a node; a node inside an expanded layer belongs to the next named one."""
        start = self._places[node.name]
        return next((self.layers[n.name] for n in self.nodes[start:] if n.name in self.layers), node.name)

    def replace(self, output: Node, spec: Spec, inputs: list[relax.Expr], absorbed: list[Node], layer: str) -> None:
        """Replace `output` by an operator of ours; `absorbed` are the nodes that it makes superfluous."""
        self.replacements[output.name] = Replacement(spec, inputs, layer)
        self._absorbed.update(node.name for node in absorbed if node.name != output.name)

    def is_taken(self, node: Node) -> bool:
        return node.name in self.replacements or node.name in self._absorbed

    def module(self) -> tvm.IRModule:
        """The function with its replacements as calls of `ocrm55.NAME`, NAME being the replaced variable's."""
        bindings = []
        for node in self.nodes:
            replacement = self.replacements.get(node.name)
            if replacement is not None:
                inputs = relax.Tuple(replacement.inputs)
                value = relax.op.call_dps_packed(f"ocrm55.{node.name}", inputs, out_ty=node.var.ty)
                bindings.append(relax.VarBinding(node.var, value))
            elif node.name not in self._absorbed:
                bindings.append(relax.VarBinding(node.var, node.value))
        body = relax.SeqExpr([relax.DataflowBlock(bindings)], self.result)
        function = relax.Function(self.params, body, self._module["main"].ret_ty, is_pure=True)
        # TVM's importer turns some operators into loops at once, such as Clip with bounds that are tensors.
        loops = {var: body for var, body in self._module.functions.items() if var.name_hint != "main"}
        rebuilt = tvm.IRModule({**loops, "main": function.with_attr("global_symbol", "main")})
        return relax.transform.Normalize()(rebuilt)


def view_offset(function: FlatFunction, node: Node) -> int | None:
    """The start of `node`'s bytes within its argument, if it only gives them another shape; None otherwise."""
    if node.op in _RESHAPES:
        return 0 if function.constant(node.args[0]) is None else None
    if node.op == "relax.strided_slice":
        return _slice_offset(node)
    if node.op != "relax.permute_dims":
        return None
    shape = shape_of(node.args[0])
    axes: Any = node.value.attrs.axes
    order = [int(a) for a in axes] if axes is not None else list(range(len(shape)))[::-1]
    moved = [axis for axis in order if shape[axis] > 1]
    return 0 if moved == sorted(moved) else None


def _slice_offset(node: Node) -> int | None:
    """A slice along the first axis that has more than one element is a run of bytes."""
    source, axes, begins, _ = node.args[:4]
    strides = node.args[4].fields if len(node.args) > 4 else []
    shape = shape_of(source)
    if len(axes.fields) != 1 or any(int(s.value) != 1 for s in strides):
        return None
    axis = int(axes.fields[0].value) % len(shape)
    if prod(shape[:axis]) != 1:
        return None
    begin = int(begins.fields[0].value)
    begin = min(max(begin + shape[axis] if begin < 0 else begin, 0), shape[axis])
    return begin * prod(shape[axis + 1 :]) * np.dtype(dtype_of(source)).itemsize


def rows_of(shape: tuple[int, ...]) -> int:
    """The number of rows of a tensor whose last axis is a row."""
    return prod(shape[:-1])


def _is(expression: relax.Expr, variable: relax.Var) -> bool:
    return isinstance(expression, relax.Var) and bool(expression.same_as(variable))


def _variables(value: relax.Expr) -> list[relax.Var]:
    if isinstance(value, relax.Var):
        return [value]
    if isinstance(value, relax.Tuple):
        return [v for part in value.fields for v in _variables(part)]
    if isinstance(value, relax.TupleGetItem):
        return _variables(value.tuple_value)
    if isinstance(value, relax.Call):
        return [v for part in value.args for v in _variables(part)]
    return []
