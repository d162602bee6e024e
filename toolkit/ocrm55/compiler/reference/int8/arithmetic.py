"""Shared by the families: rounding, epilogues, exact sums of products, windows of an image.

Floating-point matrix products compute integer sums where they are exact. Products of int8 are below 2^14, so float32
holds the sum of up to 1024 of them, and float64 holds any sum that fits int32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ocrm55.compiler.operators.int8.epilogue import Epilogue

EXACT_IN_FLOAT32 = 1024  # products of two int8
F = np.float32


def rounded(v: np.ndarray, zero_point: int, low: int = -128, high: int = 127) -> np.ndarray:
    """To nearest, ties to even, within low..high."""
    return np.clip(np.clip(np.rint(v), -32768, 32767).astype(np.int32) + zero_point, low, high).astype(np.int8)


def finish(sums: np.ndarray, epilogue: Epilogue, scale: np.ndarray, extra: np.ndarray | None) -> np.ndarray:
    """Sums [..., channels], exact integers, to outputs."""
    v = sums.astype(np.int64).astype(F) * scale
    if epilogue.activation == "real":
        return v
    if epilogue.activation == "table16":
        assert extra is not None
        index = np.clip(np.rint(v), -32768, 32767).astype(np.int16).view(np.uint16) >> epilogue.table_shift
        channels = np.arange(sums.shape[-1]) * epilogue.table_stride
        return extra[index + channels]
    if epilogue.activation == "hard_swish":
        assert extra is not None
        v = (v * np.minimum(np.maximum(v + F(3), F(0)), F(6))) * extra
    return rounded(v, epilogue.zero_point, epilogue.low, epilogue.high)


def exact_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a [.., m, k] times b [.., k, n], both int8: exact sums."""
    exact: Any = np.float32 if a.shape[-1] <= EXACT_IN_FLOAT32 else np.float64
    return np.matmul(a.astype(exact), b.astype(exact))


def sliding(image: np.ndarray, kernel: tuple[int, int]) -> np.ndarray:
    """All windows of an image [height, width, channels]: [.., .., channels, kernel height, kernel width]."""
    return np.lib.stride_tricks.sliding_window_view(image, kernel, axis=(0, 1))  # type: ignore[call-overload]
