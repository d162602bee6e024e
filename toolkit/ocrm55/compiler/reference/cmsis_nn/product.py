"""Products of two activations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.reference.cmsis_nn.fixed_point import Requantise, by, limited
from ocrm55.compiler.reference.int8.product import placed_product, product_sums
from ocrm55.compiler.targets.cmsis_nn.fixed_point import Factor


def _product(requantise: Requantise, spec: Product, a: np.ndarray, b: np.ndarray, scale: np.ndarray) -> np.ndarray:
    e = spec.epilogue
    factor = Factor.of(float(scale[0]))
    result = limited(by(requantise, product_sums(spec, a, b), factor), e.zero_point, e.low, e.high)
    return placed_product(spec, result)


COMPUTE: dict[type[Spec], Callable[..., np.ndarray]] = {
    Product: _product,
}
