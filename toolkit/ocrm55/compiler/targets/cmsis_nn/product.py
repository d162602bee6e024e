"""Batched products for arm_batch_matmul_s8, and the copies that bring the operands into its order.

The library wants a as [batch, row, depth] and b as [batch, column, depth], dense. Attention has heads side by side in
the rows of one tensor, so slices are copied out of it and transposed, and the result is transposed back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.targets.cmsis_nn.fixed_point import Factor
from ocrm55.compiler.targets.cmsis_nn.library import (
    ALIGN,
    Call,
    LibraryFunction,
    checked,
    dims,
    limits,
    sums_buffer,
)
from ocrm55.errors import UnsupportedError


@dataclass(frozen=True)
class Operand:
    """How an operand becomes dense.

    offset: its first element. copy: (rows, elements of a row, stride between rows) of the slice to copy out, None if it
    is already dense. shape, order: the slice's three axes and their transposition; None for no transposition.
    """

    offset: int
    copy: tuple[int, int, int] | None
    shape: tuple[int, int, int]
    order: tuple[int, int, int] | None

    @property
    def size(self) -> int:
        return self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class Layout:
    """a, b: the operands. back: axes and transposition of the result, None if it is written to its final place."""

    a: Operand
    b: Operand
    back: tuple[tuple[int, int, int], tuple[int, int, int]] | None


def layout(spec: Product) -> Layout:
    """The copies of a product; raises UnsupportedError if they cannot make the order."""
    m, n, k, heads = spec.rows, spec.columns, spec.depth, spec.batches
    a = _operand(spec.offset_a, heads, m, k, (spec.a_batch, spec.a_row, 1))
    if spec.b_depth == 1 or k == 1:
        b = _operand(spec.offset_b, heads, n, k, (spec.b_batch, spec.b_column, 1))
    else:
        b = _across(spec, heads, n, k)
    if heads == 1 or spec.y_batch == m * n:
        if spec.epilogue.stride != n and m > 1:
            raise UnsupportedError("writes its output dense, this one is a part of another")
        return Layout(a, b, None)
    if spec.y_batch != n or spec.epilogue.stride != heads * n:
        raise UnsupportedError("writes its output in another order than this one")
    return Layout(a, b, ((heads, m, n), (1, 0, 2)))


def _operand(offset: int, heads: int, rows: int, depth: int, strides: tuple[int, int, int]) -> Operand:
    """[heads, rows, depth] with the depth dense."""
    batch, row, _ = strides
    if row == depth and (heads == 1 or batch == rows * depth):
        return Operand(offset, None, (heads, rows, depth), None)
    if heads > 1 and batch != depth:
        raise UnsupportedError("reads heads that lie side by side, and these do not")
    copy = None if row == heads * depth else (rows, heads * depth, row)
    return Operand(offset, copy, (rows, heads, depth), (1, 0, 2) if heads > 1 else None)


def _across(spec: Product, heads: int, columns: int, depth: int) -> Operand:
    """b lies as [depth, heads, columns]: it is transposed to [heads, columns, depth]."""
    if spec.b_column != 1 or (heads > 1 and spec.b_batch != columns):
        raise UnsupportedError("reads heads that lie side by side, and these do not")
    copy = None if spec.b_depth == heads * columns else (depth, heads * columns, spec.b_depth)
    return Operand(spec.offset_b, copy, (depth, heads, columns), (1, 2, 0))


class _Scratch:
    """Pieces of one workspace, each on a vector boundary."""

    def __init__(self) -> None:
        self.size = 0

    def piece(self, size: int) -> str:
        start = self.size
        self.size += -(-size // ALIGN) * ALIGN
        return f"workspace + {start}"


def _transposed(source: str, target: str, shape: Sequence[int], order: Sequence[int]) -> list[str]:
    after = [shape[axis] for axis in order]
    return [
        "{",
        f"    static const uint32_t order[] = {{{', '.join(map(str, order))}}};",
        "    const cmsis_nn_transpose_params parameters = {3, order};",
        f"    {dims('before', shape[0], shape[1], shape[2], 1)}",
        f"    {dims('after', after[0], after[1], after[2], 1)}",
        *(f"    {line}" for line in checked("arm_transpose_s8", f"{source}, {target}, &before, &after, &parameters")),
        "}",
    ]


def _gathered(name: str, operand: Operand, scratch: _Scratch) -> list[str]:
    """Lines after which `dense_NAME` points at the operand in the library's order."""
    source, lines = f"{name} + {operand.offset}", []
    if operand.copy is not None:
        rows, count, stride = operand.copy
        lines.append(f"int8_t *slice_{name} = (int8_t *)({scratch.piece(operand.size)});")
        lines.append(f"ocrm55_copy_rows_s8({source}, {stride}, slice_{name}, {count}, {rows}, {count});")
        source = f"slice_{name}"
    if operand.order is not None:
        lines.append(f"int8_t *turned_{name} = (int8_t *)({scratch.piece(operand.size)});")
        lines += _transposed(source, f"turned_{name}", operand.shape, operand.order)
        source = f"turned_{name}"
    return [*lines, f"const int8_t *dense_{name} = {source};"]


def _product(spec: Product, constants: Sequence[np.ndarray]) -> Call:
    order, e, scratch = layout(spec), spec.epilogue, _Scratch()
    size = _buffer(spec)
    sums = scratch.piece(size)
    scale = Factor.of(float(constants[0][0]))
    body = [*_gathered("a", order.a, scratch), *_gathered("b", order.b, scratch)]
    target = "y"
    if order.back is not None:
        body.append(f"int8_t *product = (int8_t *)({scratch.piece(spec.batches * spec.rows * spec.columns)});")
        target = "product"
    body += [
        f"const cmsis_nn_context context = {{{sums}, {size}}};",
        "const cmsis_nn_bmm_params parameters = {.adj_x = false, .adj_y = false, .fc_params = {",
        f"    .input_offset = {-spec.zero_a}, .filter_offset = 0, .output_offset = {e.zero_point},",
        f"    {limits(e.low, e.high)}}}}};",
        f"const cmsis_nn_per_tensor_quant_params scale = {{{scale.multiplier}, {scale.shift}}};",
        dims("left", 1, spec.batches, spec.rows, spec.depth),
        dims("right", 1, spec.batches, spec.columns, spec.depth),
        dims("output", 1, spec.batches, spec.rows, spec.columns),
        *checked(
            "arm_batch_matmul_s8",
            f"&context, &parameters, &scale, &left, dense_a, &right, dense_b, &output, {target}",
        ),
    ]
    if order.back is not None:
        body += _transposed(target, "y", *order.back)
    return Call(body, {}, scratch.size)


def _product_refusal(spec: Product) -> str | None:
    if spec.epilogue.activation != "clamp":
        return "gives int8, this result is float32"
    try:
        layout(spec)
    except UnsupportedError as trouble:
        return trouble.sentence.rstrip(".")
    return None


def _buffer(spec: Product) -> int:
    return sums_buffer(spec.columns)


FUNCTIONS: dict[type[Spec], LibraryFunction] = {
    Product: LibraryFunction(_product, _product_refusal, _buffer, ("copy",)),
}
