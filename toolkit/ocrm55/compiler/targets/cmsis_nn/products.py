"""Batched products for arm_batch_matmul_s8: which copies bring the operands into its order.

The library wants a as [batch, row, depth] and b as [batch, column, depth], dense. Attention has heads side by side in
the rows of one tensor, so slices are copied out of it and transposed, and the result is transposed back.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocrm55.compiler.operators.int8.product import Product
from ocrm55.errors import UnsupportedError


@dataclass(frozen=True)
class Operand:
    """How an operand becomes dense.

    offset: its first element. copy: (rows, elements of a row, stride between rows) of the slice to copy out, None when
    it is dense already. shape, order: the slice's three axes and their transposition; None for no transposition.
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
    """a, b: the operands. back: axes and transposition of the result, None when it is written where it belongs."""

    a: Operand
    b: Operand
    back: tuple[tuple[int, int, int], tuple[int, int, int]] | None


def layout(spec: Product) -> Layout:
    """The copies of a product; raises UnsupportedError for an order that they cannot make."""
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
        raise UnsupportedError("reads heads that lie side by side, these do not")
    copy = None if row == heads * depth else (rows, heads * depth, row)
    return Operand(offset, copy, (rows, heads, depth), (1, 0, 2) if heads > 1 else None)


def _across(spec: Product, heads: int, columns: int, depth: int) -> Operand:
    """b lies as [depth, heads, columns]: it is transposed to [heads, columns, depth]."""
    if spec.b_column != 1 or (heads > 1 and spec.b_batch != columns):
        raise UnsupportedError("reads heads that lie side by side, these do not")
    copy = None if spec.b_depth == heads * columns else (depth, heads * columns, spec.b_depth)
    return Operand(spec.offset_b, copy, (depth, heads, columns), (1, 2, 0))
