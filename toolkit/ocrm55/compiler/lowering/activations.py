"""Find the activation that follows an operator: patterns of nodes, the same for float32 and int8."""

from __future__ import annotations

from dataclasses import replace

from ocrm55.compiler.lowering.flat import FlatFunction, Node
from ocrm55.compiler.operators.float32 import NO_ACTIVATION, Activation

Match = tuple[Activation, Node, list[Node]] | None

STEEPEST = 2.0  # of a hard sigmoid: PaddleOCR has 1/6 and 0.2


def activation_after(function: FlatFunction, node: Node) -> tuple[Activation, Node, list[Node]]:
    """The activation that follows a node, its last node, and the nodes in between."""
    for match in (_relu, _hard_swish, _swish, _hard_sigmoid, _sigmoid):
        found = match(function, node)
        if found is not None:
            return _affine(function, *found)
    return NO_ACTIVATION, node, []


def _affine(
    function: FlatFunction, activation: Activation, last: Node, between: list[Node]
) -> tuple[Activation, Node, list[Node]]:
    """The activation with the factor and the offset, one number each, that follow it."""
    for op in ("relax.multiply", "relax.add"):
        user = function.only_user(last)
        number = None if user is None or user.op != op else function.scalar(function.other_argument(user, last))
        if user is None or not number or user.shape != last.shape:
            continue
        gain, offset = (number, 0.0) if op == "relax.multiply" else (activation.gain, number)
        activation, between, last = replace(activation, gain=gain, offset=offset), [*between, last], user
    return activation, last, between


def _relu(function: FlatFunction, node: Node) -> Match:
    user = function.only_user(node)
    return (Activation("relu"), user, []) if user is not None and user.op == "relax.nn.relu" else None


def _sigmoid(function: FlatFunction, node: Node) -> Match:
    user = function.only_user(node)
    return (Activation("sigmoid"), user, []) if user is not None and user.op == "relax.sigmoid" else None


def _hard_sigmoid(function: FlatFunction, node: Node) -> Match:
    """clip(alpha * x + beta, 0, 1); a steeper one would be lost in a table of -10 .. 10"""
    multiply = function.only_user(node)
    add = function.only_user(multiply) if multiply is not None and multiply.op == "relax.multiply" else None
    clip = function.only_user(add) if add is not None and add.op == "relax.add" else None
    if multiply is None or add is None or clip is None or clip.op != "relax.clip" or _bounds(clip) != (0.0, 1.0):
        return None
    alpha = function.scalar(function.other_argument(multiply, node))
    beta = function.scalar(function.other_argument(add, multiply))
    if alpha is None or beta is None or not -STEEPEST <= alpha <= STEEPEST:
        return None
    return Activation("hard_sigmoid", alpha, beta), clip, [multiply, add]


def _hard_swish(function: FlatFunction, node: Node) -> Match:
    """x * (clip(x + 3, 0, 6) / 6)"""
    add, product = _pair(function, node, "relax.add")
    if add is None or product is None or function.scalar(function.other_argument(add, node)) != 3.0:
        return None
    clip = function.only_user(add)
    divide = function.only_user(clip) if clip is not None and clip.op == "relax.clip" else None
    if clip is None or divide is None or divide.op != "relax.divide" or _bounds(clip) != (0.0, 6.0):
        return None
    if function.scalar(divide.args[1]) != 6.0 or function.only_user(divide) is not product:
        return None
    return Activation("hard_swish"), product, [add, clip, divide]


def _swish(function: FlatFunction, node: Node) -> Match:
    """x * sigmoid(x)"""
    sigmoid, product = _pair(function, node, "relax.sigmoid")
    if sigmoid is None or product is None or function.only_user(sigmoid) is not product:
        return None
    return Activation("swish"), product, [sigmoid]


def _pair(function: FlatFunction, node: Node, op: str) -> tuple[Node | None, Node | None]:
    """The two users of a node, if one is `op` and the other multiplies."""
    users = function.users(node)
    first = next((user for user in users if user.op == op), None)
    product = next((user for user in users if user.op == "relax.multiply"), None)
    return (first, product) if len(users) == 2 else (None, None)


def _bounds(clip: Node) -> tuple[float, float]:
    low, high = clip.args[1:3]
    return float(low.value), float(high.value)
