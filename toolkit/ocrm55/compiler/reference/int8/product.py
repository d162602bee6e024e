"""Products of two int8 activations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.reference.int8.arithmetic import finish


def _matmul(spec: Product, a: np.ndarray, b: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return placed_product(spec, finish(product_sums(spec, a, b), spec.epilogue, scale, None))


def product_sums(spec: Product, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[batches, rows, columns]"""
    i, m, n, k = np.arange(spec.batches), np.arange(spec.rows), np.arange(spec.columns), np.arange(spec.depth)
    at = (i * spec.a_batch)[:, None, None] + (m * spec.a_row)[None, :, None] + k[None, None, :] + spec.offset_a
    bt = (i * spec.b_batch)[:, None, None] + (k * spec.b_depth)[None, :, None] + (n * spec.b_column)[None, None, :]
    left = a.reshape(-1)[at].astype(np.int32) - spec.zero_a
    right = b.reshape(-1)[bt + spec.offset_b].astype(np.int32)
    return np.matmul(left, right)


def placed_product(spec: Product, result: np.ndarray) -> np.ndarray:
    """The elements of a product [batches, rows, columns] in the order in which it is stored."""
    i, m, n = np.arange(spec.batches), np.arange(spec.rows), np.arange(spec.columns)
    y = np.empty(result.size, result.dtype)
    stride = spec.epilogue.stride
    y[(i * spec.y_batch)[:, None, None] + (m * stride)[None, :, None] + n[None, None, :]] = result
    return y


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    Product: _matmul,
}
