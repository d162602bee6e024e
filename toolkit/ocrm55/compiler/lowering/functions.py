"""Find the function of one value that follows an operator, whatever it is made of: in int8 it becomes a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax

from ocrm55.compiler.lowering.activations import activation_after
from ocrm55.compiler.lowering.flat import FlatFunction, Node
from ocrm55.compiler.onnx_graph.functions import MOST, Candidate, group
from ocrm55.compiler.operators.activations import sigmoid
from ocrm55.compiler.operators.float32 import NO_ACTIVATION, Activation

Array = np.ndarray

_erf_of_one = np.frompyfunc(math.erf, 1, 1)


def erf(x: Array) -> Array:
    """The error function of each element, float64."""
    return np.asarray(_erf_of_one(x), np.float64)


def _gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


_LINEAR = ("relax.add", "relax.subtract", "relax.multiply", "relax.divide", "relax.negative")
_PLAIN: dict[str, Callable[..., Array]] = {
    "relax.add": np.add,
    "relax.subtract": np.subtract,
    "relax.multiply": np.multiply,
    "relax.divide": np.divide,
    "relax.power": np.power,
    "relax.maximum": np.maximum,
    "relax.minimum": np.minimum,
    "relax.negative": np.negative,
    "relax.abs": np.abs,
    "relax.exp": np.exp,
    "relax.log": np.log,
    "relax.sqrt": np.sqrt,
    "relax.rsqrt": lambda x: 1 / np.sqrt(x),
    "relax.square": np.square,
    "relax.tanh": np.tanh,
    "relax.sin": np.sin,
    "relax.cos": np.cos,
    "relax.erf": erf,
    "relax.sigmoid": sigmoid,
    "relax.floor": np.floor,
    "relax.ceil": np.ceil,
    "relax.round": np.rint,
    "relax.sign": np.sign,
    "relax.where": np.where,
    "relax.less": np.less,
    "relax.less_equal": np.less_equal,
    "relax.greater": np.greater,
    "relax.greater_equal": np.greater_equal,
    "relax.zeros_like": np.zeros_like,
    "relax.astype": lambda x: np.asarray(x, np.float64),
    "relax.clip": np.clip,
    "relax.nn.relu": lambda x: np.maximum(x, 0),
    "relax.nn.silu": lambda x: x * sigmoid(x),
    "relax.nn.gelu": lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))),
    "relax.nn.gelu_tanh": _gelu_tanh,
    "relax.nn.prelu": lambda x, slope: np.where(x < 0, x * slope, x),
}


def function_after(function: FlatFunction, node: Node, *, shared: bool = False) -> tuple[Activation, Node, list[Node]]:
    """The function of one value that follows a node, its last node, and the nodes in between.

    An activation with a kernel of its own stays one. shared: others may read the node as well.
    """
    known, last, between = activation_after(function, node)
    nodes = _elementwise_behind(function, node)
    candidates = [Candidate(each.name, frozenset(_variables(function, each))) for each in nodes]
    users = {each.name: [_name_of_user(each, user) for user in function.users(each)] for each in (node, *nodes)}
    found = group(node.name, candidates, users.__getitem__, shared=shared)
    inside = [each for each in nodes if each.name in {member.output for member in found}]
    after = [each for each in inside if each.name not in {last.name, *(b.name for b in between)}]
    if not inside or all(_is_linear(function, each) for each in inside):
        return known, last, between
    if known != NO_ACTIVATION and all(each.op == "relax.multiply" and _is_linear(function, each) for each in after):
        return known, last, between
    return Activation("table", function=_evaluated(function, node.name, inside)), inside[-1], inside[:-1]


def _name_of_user(node: Node, user: Node) -> str:
    """The name of what reads a node; "" for the function's result, which stands under the node's own name."""
    return "" if user.name == node.name else user.name


def _elementwise_behind(function: FlatFunction, node: Node) -> list[Node]:
    """Nodes that compute single elements from `node` or each other, in order; MOST at most."""
    found: dict[str, Node] = {}
    names, pending = {node.name}, [node]
    while pending and len(found) < MOST:
        for user in function.users(pending.pop(0)):
            if user.name not in names and _is_elementwise(function, user, node.shape):
                found[user.name] = user
                names.add(user.name)
                pending.append(user)
    return function.ordered(found.values())


def _is_elementwise(function: FlatFunction, node: Node, shape: tuple[int, ...]) -> bool:
    if node.op not in _PLAIN and node.op != "relax.nn.leakyrelu":
        return False
    others = [each for each in node.args if not isinstance(each, relax.Var) or function.constant(each) is not None]
    return node.shape == shape and all(_number(function, each) is not None for each in others)


def _variables(function: FlatFunction, node: Node) -> list[str]:
    return [a.name for a in node.args if isinstance(a, relax.Var) and function.constant(a) is None]


def _is_linear(function: FlatFunction, node: Node) -> bool:
    return node.op in _LINEAR and len(_variables(function, node)) == 1


def _evaluated(function: FlatFunction, source: str, nodes: list[Node]) -> Callable[[Array], Array]:
    """The nodes as a function of float64 arrays. What is not a number becomes 0."""
    steps = [(node.name, _step(node), [_argument(function, a) for a in node.args]) for node in nodes]

    def of(x: Array) -> Array:
        values: dict[str, Any] = {source: np.asarray(x, np.float64)}
        with np.errstate(all="ignore"):
            for name, compute, arguments in steps:
                values[name] = compute(*(values[a] if isinstance(a, str) else a for a in arguments))
        return np.nan_to_num(np.asarray(values[nodes[-1].name], np.float64), nan=0.0)

    return of


def _step(node: Node) -> Callable[..., Array]:
    if node.op == "relax.nn.leakyrelu":
        slope = float(node.value.attrs.alpha)
        return lambda x: np.where(x < 0, x * slope, x)
    return _PLAIN[node.op]


def _argument(function: FlatFunction, argument: relax.Expr) -> str | float:
    number = _number(function, argument)
    return str(argument.name) if number is None else number


def _number(function: FlatFunction, argument: relax.Expr) -> float | None:
    """The value of a constant with one element, or of a bound of a clip."""
    bound = getattr(argument, "value", None)
    return float(bound) if isinstance(bound, int | float) else function.scalar(argument)
