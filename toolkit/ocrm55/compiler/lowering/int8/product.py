"""Products of two activations, as in attention. A product with a weight is a fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from ocrm55.compiler.lowering.flat import Node
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder, step_of
from ocrm55.compiler.lowering.int8.convolution import fully_connected
from ocrm55.compiler.lowering.int8.epilogues import epilogue_of
from ocrm55.compiler.lowering.int8.state import Lowering, Visitor
from ocrm55.compiler.lowering.int8.values import Origin, Value, strides
from ocrm55.compiler.operators.float32 import Activation
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError


def _matmul(s: Lowering, node: Node) -> None:
    left, right = node.args
    layer = s.function.layer(node)
    a, b = s.value(left), s.value(right)
    if a is not None and b is not None:
        origin = product(s.build, a, b, layer)
        s.bind(node, origin, np.arange(prod(node.shape)).reshape(node.shape))
    else:
        fully_connected(s, node)


def product(build: Builder, left: Value, right: Value, layer: str) -> Origin:
    """[batch.., m, k] times [batch.., k, n]. The result is written in the affine order that its reader wants dense."""
    if (
        min(left.index.ndim, right.index.ndim) < 2
        or left.channel_factor is not None
        or right.channel_factor is not None
    ):
        raise UnsupportedError(f"product {layer} is of rows, or of what is scaled by channel.", TRIES)
    batch = np.broadcast_shapes(left.index.shape[:-2], right.index.shape[:-2])
    left, right = (side.moved(np.broadcast_to(side.index, (*batch, *side.index.shape[-2:]))) for side in (left, right))
    (rows, depth), columns = left.index.shape[-2:], right.index.shape[-1]
    batches = prod(batch)
    origin = Origin(batches * rows, columns, layer, any_order=True)

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        a = _walkable(build, left, (batches, rows, depth), layer, dense=True)
        b = _walkable(build, right, (batches, depth, columns), layer)
        if b.zero_point != 0:
            raise UnsupportedError(f"the right side of product {layer} has a zero point.", TRIES)
        (a_batch, a_row, _), (b_batch, b_depth, b_column) = a.strides, b.strides
        in_order = _output_strides(order, (batches, rows, columns))
        y_batch, y_row = in_order or (rows * columns, columns)
        step = _slice_step(left, layer) * _slice_step(right, layer) * left.factor * right.factor
        epilogue, arrays = epilogue_of(Activation(), np.full(columns, step), quantised and _same(quantised, columns), 1)
        spec = Product(
            batches, rows, columns, depth, a_batch, a_row, b_batch, b_column, b_depth, y_batch, a.zero_point,
            replace(epilogue, stride=y_row), a.first, b.first,
        )  # fmt: skip
        shape = order.shape if in_order else (batches, rows, columns)
        output = build.tensor(shape, "int8" if quantised else "float32", layer)
        build.operator(spec, [a.name, b.name, build.weight(arrays["scale"], layer, "scale")], output, layer)
        return output if in_order else build.copy(output, order.reshape(-1), order.shape, layer)

    origin.write = write
    return origin


@dataclass(frozen=True)
class _Operand:
    """An int8 tensor as the kernel walks it: its first element, and strides along batch and two axes."""

    name: str
    zero_point: int
    first: int
    strides: list[int]


def _walkable(build: Builder, value: Value, shape: tuple[int, ...], layer: str, *, dense: bool = False) -> _Operand:
    """A side of a product; copied where its order has no strides, or `dense` asks for a last axis without gaps."""
    name, read = build.stored(value, layer)
    walk = strides(value.index.reshape(shape))
    if walk is None or (dense and walk[1][2] != 1):
        name, read = build.stored(build.dense(value, layer, image=False), layer)
        walk = strides(np.arange(prod(shape)).reshape(shape))
    assert walk is not None
    return _Operand(name, read.zero_point, *walk)


def _output_strides(order: np.ndarray, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Strides along batch and rows with which a product is dense in an order; None where it cannot be written so."""
    count = prod(shape)
    if order.size != count:
        return None
    place = np.full(count, -1, np.int64)
    place[order.reshape(-1)] = np.arange(count)
    walk = None if (place < 0).any() else strides(place.reshape(shape))
    return None if walk is None or walk[0] != 0 or walk[1][2] != 1 else (walk[1][0], walk[1][1])


def _slice_step(value: Value, layer: str) -> float:
    """The scale of the channels that a value selects from its tensor."""
    quantised = value.origin.quantised
    assert quantised is not None
    return step_of(Quantization(quantised.scale[np.unique(value.index % value.origin.channels)], 0), layer)


def _same(quantised: Quantization, channels: int) -> Quantization:
    return Quantization(np.full(channels, quantised.step, np.float32), quantised.zero_point)


VISITORS: dict[str, Visitor] = {
    "relax.matmul": _matmul,
}
