"""Products: of two activations, as attention has them; one by a weight is a fully connected layer."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from ocrm55.compiler.lowering.flat import Node
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder, integers, step_of
from ocrm55.compiler.lowering.int8.convolution import fully_connected
from ocrm55.compiler.lowering.int8.epilogues import epilogue_of
from ocrm55.compiler.lowering.int8.state import Lowering, Visitor
from ocrm55.compiler.lowering.int8.values import Origin, Value, strides
from ocrm55.compiler.operators.float32 import Activation
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.operators.scales import Scales
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
    """[batch.., m, k] times [batch.., k, n]. The result is written in whatever affine order its reader wants dense."""
    *batch, rows, depth = left.index.shape
    columns = right.index.shape[-1]
    batches = prod(batch)
    origin = Origin(batches * rows, columns, layer, any_order=True)

    def write(quantised: Scales | None, order: np.ndarray) -> str:
        (a, read_a), (b, read_b) = (integers(v, layer, dense=False) for v in (left, right))
        if read_b.zero_point != 0:
            raise UnsupportedError(f"the right side of product {layer} has a zero point.", TRIES)
        first_a, (a_batch, a_row, a_depth) = strides(left.index.reshape(batches, rows, depth), layer)
        first_b, (b_batch, b_depth, b_column) = strides(right.index.reshape(batches, depth, columns), layer)
        place = np.empty(origin.count, np.int64)
        place[order.reshape(-1)] = np.arange(origin.count)
        first_y, (y_batch, y_row, y_column) = strides(place.reshape(batches, rows, columns), layer)
        if (a_depth, y_column, first_y) != (1, 1, 0):
            raise UnsupportedError(f"product {layer} walks its tensors in an order that no kernel does.", TRIES)
        step = _slice_step(left, layer) * _slice_step(right, layer) * left.factor * right.factor
        epilogue, arrays = epilogue_of(Activation(), np.full(columns, step), quantised and _same(quantised, columns), 1)
        spec = Product(
            batches, rows, columns, depth, a_batch, a_row, b_batch, b_column, b_depth, y_batch, read_a.zero_point,
            replace(epilogue, stride=y_row), first_a, first_b,
        )  # fmt: skip
        output = build.tensor(order.shape, "int8" if quantised else "float32", layer)
        return build.operator(spec, [a, b, build.weight(arrays["scale"], layer, "scale")], output, layer)

    origin.write = write
    return origin


def _slice_step(value: Value, layer: str) -> float:
    """The scale of the channels that a value takes from its tensor."""
    quantised = value.origin.quantised
    assert quantised is not None
    return step_of(Scales(quantised.scale[np.unique(value.index % value.origin.channels)], 0), layer)


def _same(quantised: Scales, channels: int) -> Scales:
    return Scales(np.full(channels, quantised.step, np.float32), quantised.zero_point)


VISITORS: dict[str, Visitor] = {
    "relax.matmul": _matmul,
}
