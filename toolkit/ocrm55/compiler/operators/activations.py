"""Activations in real numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Activation


def real_function(activation: Activation) -> Callable[[np.ndarray], np.ndarray]:
    """An activation in real numbers."""
    if activation.function is not None:
        return activation.function
    plain: Callable[[np.ndarray], np.ndarray] = {
        "sigmoid": sigmoid,
        "swish": lambda x: x * sigmoid(x),
        "relu": lambda x: np.maximum(x, 0),
        "hard_swish": _hard_swish,
        "hard_sigmoid": lambda x: np.clip(activation.alpha * x + activation.beta, 0, 1),
    }[activation.kind]
    if not activation.is_affine:
        return plain
    return lambda x: activation.gain * plain(x) + activation.offset


def _hard_swish(x: np.ndarray) -> np.ndarray:
    return x * np.clip(x + 3, 0, 6) / 6


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.maximum(x, -700)))  # beyond this, exp overflows float64
