"""Random operators on rows, [1, steps, channels]: what necks and heads are made of."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tests.random_networks import elements
from tests.random_networks.graph import Growing

MOST_STEPS = 40


def rows_of(g: Growing, x: str) -> str:
    """An image as rows, in one of the ways of PaddleOCR's necks and of others."""
    _, channels, height, width = g.shapes[x]
    if g.some(0.3):
        shape = (1, channels, height * width)
        flat = g.node("Reshape", [x, g.constant((0, channels, -1), "i8")], shape)
        return g.node("Transpose", [flat], (1, height * width, channels), perm=[0, 2, 1])
    if g.some(0.3):
        last = g.node("Transpose", [x], (1, height, width, channels), perm=[0, 2, 3, 1])
        shape = (1, height * width, channels) if g.some(0.5) else (1, height, width * channels)
        return g.node("Reshape", [last, g.constant(shape, "i8")], shape)
    if height > 1:
        op = g.chance.choice(("AveragePool", "MaxPool"))
        x = g.node(op, [x], (1, channels, 1, width), kernel_shape=[height, 1])
    squeezed = g.node("Squeeze", [x, g.constant([2], "i8")], (1, channels, width))
    return g.node("Transpose", [squeezed], (1, width, channels), perm=[0, 2, 1])


def product(g: Growing, x: str) -> str:
    """A fully connected layer."""
    _, steps, channels = g.shapes[x]
    outputs = g.chance.choice((1, 3, 4, 5, 8, 11, 16, 17))
    weights = g.constant(g.numbers.normal(0, 1 / math.sqrt(channels), (channels, outputs)))
    y = g.node("MatMul", [x, weights], (1, steps, outputs))
    if g.some(0.7):
        y = g.node("Add", [y, g.constant(g.numbers.normal(0, 0.3, outputs))], (1, steps, outputs))
    return elements.activation(g, y) if g.some(0.5) else y


def norm(g: Growing, x: str) -> str:
    """Layer norm over the channels, as one operator or written out."""
    shape = g.shapes[x]
    gamma, beta = (g.constant(g.numbers.normal(centre, 0.3, shape[-1])) for centre in (1, 0))
    if not g.odd(0.4):
        return g.node("LayerNormalization", [x, gamma, beta], shape, axis=-1, epsilon=1e-4)
    one = (*shape[:-1], 1)
    centred = g.node("Sub", [x, g.node("ReduceMean", [x], one, axes=[-1], keepdims=1)], shape)
    square = g.node("Pow", [centred, g.constant(2)], shape)
    spread = g.node("ReduceMean", [square], one, axes=[-1], keepdims=1)
    root = g.node("Sqrt", [g.node("Add", [spread, g.constant(1e-4)], one)], one)
    return g.node("Add", [g.node("Mul", [g.node("Div", [centred, root], shape), gamma], shape), beta], shape)


def attention(g: Growing, x: str) -> str:
    """Queries, keys and values in heads, as SVTR has them, and a sum with the input."""
    _, steps, channels = g.shapes[x]
    heads = g.chance.choice([n for n in (1, 2, 3, 4) if channels % n == 0])
    depth = channels // heads
    weights = g.constant(g.numbers.normal(0, 1 / math.sqrt(channels), (channels, 3 * channels)))
    mixed = g.node("MatMul", [x, weights], (1, steps, 3 * channels))
    mixed = g.node("Add", [mixed, g.constant(g.numbers.normal(0, 0.3, 3 * channels))], (1, steps, 3 * channels))
    five = (1, steps, 3, heads, depth)
    mixed = g.node("Reshape", [mixed, g.constant((0, -1, 3, heads, depth), "i8")], five)
    mixed = g.node("Transpose", [mixed], (3, 1, heads, steps, depth), perm=[2, 0, 3, 1, 4])
    query, key, value = (_part(g, mixed, number) for number in range(3))
    four = g.shapes[query]
    query = g.node("Mul", [query, g.constant([1 / math.sqrt(depth)])], four)
    key = g.node("Transpose", [key], (1, heads, depth, steps), perm=[0, 1, 3, 2])
    scores = g.node("MatMul", [query, key], (1, heads, steps, steps))
    scores = g.node("Softmax", [scores], (1, heads, steps, steps), axis=-1)
    y = g.node("MatMul", [scores, value], four)
    y = g.node("Transpose", [y], (1, steps, heads, depth), perm=[0, 2, 1, 3])
    y = g.node("Reshape", [y, g.constant((0, -1, channels), "i8")], (1, steps, channels))
    y = g.node("MatMul", [y, g.weights(channels, channels)], (1, steps, channels))
    return g.node("Add", [x, y], (1, steps, channels)) if g.some(0.8) else y


def _part(g: Growing, mixed: str, number: int) -> str:
    shape = g.shapes[mixed]
    ends = [g.constant([value], "i8") for value in (number, number + 1, 0)]
    part = g.node("Slice", [mixed, *ends], (1, *shape[1:]))
    return g.node("Squeeze", [part, g.constant([0], "i8")], shape[1:])


def feed_forward(g: Growing, x: str) -> str:
    """Two fully connected layers with an activation between, and a sum with the input."""
    _, steps, channels = g.shapes[x]
    middle = g.chance.randint(1, 2 * channels)
    first = g.constant(g.numbers.normal(0, 1 / math.sqrt(channels), (channels, middle)))
    y = g.node("MatMul", [x, first], (1, steps, middle))
    y = elements.activation(g, g.node("Add", [y, g.constant(g.numbers.normal(0, 0.3, middle))], (1, steps, middle)))
    second = g.constant(g.numbers.normal(0, 1 / math.sqrt(middle), (middle, channels)))
    y = g.node("MatMul", [y, second], (1, steps, channels))
    return g.node("Add", [x, y], (1, steps, channels))


def cut(g: Growing, x: str) -> str:
    """Some of the steps, or of the channels; or both ends one after the other."""
    shape = list(g.shapes[x])
    axis = g.chance.choice((1, 2))
    begin = g.chance.randint(0, shape[axis] - 1)
    end = g.chance.randint(begin + 1, shape[axis])
    shape[axis] = end - begin
    part = g.node("Slice", [x, *(g.constant([value], "i8") for value in (begin, end, axis))], shape)
    if g.some(0.5):
        return part
    other = list(g.shapes[x])
    other[axis] += shape[axis]
    return g.node("Concat", [x, part], other, axis=axis)


def taken(g: Growing, x: str) -> str:
    """Steps in an order of their own."""
    _, steps, channels = g.shapes[x]
    order = g.numbers.integers(-steps, steps, g.chance.randint(1, steps))
    return g.node("Gather", [x, g.constant(order, np.int64)], (1, len(order), channels), axis=1)


def softmax(g: Growing, x: str) -> str:
    return g.node("Softmax", [x], g.shapes[x], axis=1 if g.odd(0.25) else g.chance.choice((-1, 2)))


def usual(g: Growing, x: str) -> str:
    """What SVTR's necks have."""
    return g.chance.choice((norm, attention, attention, feed_forward, product, cut))(g, x)


Grow = Callable[[Growing, str], str]
CHOICES: dict[Grow, int] = {
    product: 5, norm: 2, attention: 3, feed_forward: 2, cut: 1, taken: 1, softmax: 1, elements.activation: 2,
    elements.affine: 1,
}  # fmt: skip


def grown(g: Growing, x: str, count: int) -> str:
    """Rows behind `count` random operators."""
    for _ in range(count):
        if g.shapes[x][1] > MOST_STEPS:
            ends = [g.constant([value], "i8") for value in (0, MOST_STEPS, 1)]
            x = g.node("Slice", [x, *ends], (1, MOST_STEPS, g.shapes[x][2]))
        if g.shapes[x][2] > 3 * MOST_STEPS:
            x = product(g, x)
        grow = g.chance.choices(list(CHOICES), list(CHOICES.values()))[0] if g.odd(1) else usual
        x = grow(g, x)
    return x


def head(g: Growing, x: str) -> str:
    """Classes, with a softmax or without."""
    _, steps, channels = g.shapes[x]
    classes = g.chance.randint(2, 20)
    weights = g.constant(g.numbers.normal(0, 1 / math.sqrt(channels), (channels, classes)))
    y = g.node("MatMul", [x, weights], (1, steps, classes))
    y = g.node("Add", [y, g.constant(g.numbers.normal(0, 0.3, classes))], (1, steps, classes))
    return g.node("Softmax", [y], (1, steps, classes), axis=-1) if g.some(0.7) else y


def back_to_image(g: Growing, x: str) -> str:
    """Rows as an image again, as SVTR's neck does it."""
    _, steps, channels = g.shapes[x]
    four = g.node("Reshape", [x, g.constant((0, 1, steps, channels), "i8")], (1, 1, steps, channels))
    return g.node("Transpose", [four], (1, channels, 1, steps), perm=[0, 3, 1, 2])
