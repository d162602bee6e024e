"""Random functions element by element, on images and on rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.random_networks.graph import Growing


def _named(op: str, **attributes: float) -> Callable[[Growing, str], str]:
    def grow(g: Growing, x: str) -> str:
        return g.node(op, [x], g.shapes[x], **attributes)

    return grow


def _swish(g: Growing, x: str) -> str:
    gate = g.node("Sigmoid", [x], g.shapes[x])
    return g.node("Mul", [x, gate] if g.some(0.5) else [gate, x], g.shapes[x])


def _clip(g: Growing, x: str) -> str:
    low = g.chance.choice((0.0, -0.5, -1.0))
    inputs = [x, g.constant(low), g.constant(g.chance.choice((6.0, 1.0, 0.5)))]
    if g.some(0.2):
        inputs = inputs[:2] if g.some(0.5) else [x, "", inputs[2]]
    return g.node("Clip", inputs, g.shapes[x])


def _gelu(g: Growing, x: str) -> str:
    """As PyTorch and Paddle write it out: x * 0.5 * (1 + erf(x / sqrt(2)))."""
    shape = g.shapes[x]
    inner = g.node("Div", [x, g.constant(np.sqrt(2))], shape)
    raised = g.node("Add", [g.node("Erf", [inner], shape), g.constant(1)], shape)
    if g.some(0.5):
        return g.node("Mul", [g.node("Mul", [x, raised], shape), g.constant(0.5)], shape)
    return g.node("Mul", [x, g.node("Mul", [raised, g.constant(0.5)], shape)], shape)


def _hard_swish(g: Growing, x: str) -> str:
    """As Paddle exports it to opsets without HardSwish: x * clip(x + 3, 0, 6) / 6."""
    shape = g.shapes[x]
    raised = g.node("Add", [x, g.constant(3)], shape)
    clipped = g.node("Clip", [raised, g.constant(0), g.constant(6)], shape)
    if g.some(0.5):
        return g.node("Mul", [x, g.node("Div", [clipped, g.constant(6)], shape)], shape)
    return g.node("Div", [g.node("Mul", [x, clipped], shape), g.constant(6)], shape)


# The usual ones; the last is two operators, and no kernel computes one of them alone.
USUAL = (_named("Relu"), _named("Relu"), _named("HardSwish"), _named("HardSigmoid", alpha=1 / 6), _swish)
CHOICES: dict[Callable[[Growing, str], str], int] = {
    _named("Relu"): 6,
    _named("HardSwish"): 4,
    _swish: 3,
    _named("HardSigmoid", alpha=1 / 6): 1,
    _named("HardSigmoid"): 1,
    _named("Sigmoid"): 1,
    _named("Tanh"): 1,
    _named("LeakyRelu", alpha=0.1): 1,
    _named("Elu"): 1,
    _clip: 2,
    _gelu: 2,
    _hard_swish: 1,
}


def activation(g: Growing, x: str) -> str:
    """One of the usual ones, perhaps with a factor and an offset behind it."""
    usual = USUAL[: g.simple or None]
    grow = g.chance.choices(list(CHOICES), list(CHOICES.values()))[0] if g.odd(1) else g.chance.choice(usual)
    y = grow(g, x)
    return affine(g, y) if g.some(0.1) else y


def affine(g: Growing, x: str) -> str:
    """A factor, an offset or both: one number, or one for each channel."""
    shape = g.shapes[x]
    whole = len(shape) != 4 or g.some(0.5)
    size = (1,) if whole else (1, shape[1], 1, 1)
    if len(shape) == 3 and g.some(0.5):
        size = (shape[2],)
    for op, centre in (("Mul", 1.0), ("Add", 0.0)):
        if g.some(0.6):
            values = g.constant(g.numbers.normal(centre, 0.3, size) if g.some(0.9) else np.full(size, centre))
            x = g.node(op, [x, values] if g.some(0.7) else [values, x], shape)
    return x


def normalised(g: Growing, x: str) -> str:
    """Batch normalisation, or what is left of it: a factor and an offset."""
    channels = g.shapes[x][1]
    if g.some(0.4):
        return affine(g, x)
    gamma, beta = g.numbers.normal(1, 0.2, channels), g.numbers.normal(0, 0.3, channels)
    mean, variance = g.numbers.normal(0, 0.2, channels), g.numbers.uniform(0.3, 1.5, channels)
    inputs = [x, *(g.constant(values) for values in (gamma, beta, mean, variance))]
    return g.node("BatchNormalization", inputs, g.shapes[x], epsilon=1e-3)
