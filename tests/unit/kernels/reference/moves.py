"""Copies, columns that are added, and elements in another order."""

from __future__ import annotations

import numpy as np

UNTOUCHED = np.uint8(0xA5).view(np.int8)  # what kernel_runner.c fills an output with


def copy_rows(x: np.ndarray, count: int, stride: int) -> np.ndarray:
    """The first `count` of each row, in rows of `stride`."""
    y = np.full((len(x), stride), UNTOUCHED)
    y[:, :count] = x[:, :count]
    return y


def extend_columns(x: np.ndarray, more: int, beyond: np.ndarray | None) -> np.ndarray:
    """x [height, width, channels] and `more` columns, each beyond [height, channels], or like the last of x."""
    column = x[:, -1:] if beyond is None else beyond[:, None]
    return np.concatenate([x, np.repeat(column, more, axis=1)], axis=1)


def move(x: np.ndarray, index: np.ndarray, places: np.ndarray) -> np.ndarray:
    """x[index[i]] at places[i] of an output that ends with the last place; no order among them."""
    y = np.full(int(places.max()) + 1, UNTOUCHED)
    y[places.reshape(-1)] = x.reshape(-1)[index.reshape(-1)]
    return y


def gather(x: np.ndarray, index: np.ndarray) -> np.ndarray:
    return x[index]
