"""Products of two activations."""

from __future__ import annotations

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.targets.ethos_u.npu_operator import NpuOperator, refused

OPERATORS: dict[type[Spec], NpuOperator] = {
    Product: refused("multiplies activations column by column, by Vela's estimate slower than the core's kernel"),
}
