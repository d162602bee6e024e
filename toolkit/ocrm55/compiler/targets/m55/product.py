"""Products of two activations as calls of matmul.c."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocrm55.compiler.memory.planner import round_up
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.product import Product
from ocrm55.compiler.targets.m55.kernel import (
    BLOCK,
    GROUP,
    PIXELS,
    TILES,
    Call,
    Kernel,
    bytes_of_sums,
    epilogue,
    per_channel,
    structure,
)


def _product(spec: Product, constants: Sequence[np.ndarray]) -> Call:
    fields = [
        f".batches = {spec.batches}, .rows = {spec.rows}, .columns = {spec.columns}, .depth = {spec.depth},",
        f".a_batch = {spec.a_batch}, .a_row = {spec.a_row},",
        f".b_batch = {spec.b_batch}, .b_column = {spec.b_column}, .b_depth = {spec.b_depth},",
        f".y_batch = {spec.y_batch}, .y_row = {spec.epilogue.stride},",
        f".zero_a = {spec.zero_a},",
        epilogue(spec.epilogue),
    ]
    call = f"ocrm55_matmul_s8(&layer, a + {spec.offset_a}, b + {spec.offset_b}, y, workspace);"
    return Call([*structure("matmul", fields), call], per_channel(spec.epilogue, spec.columns, constants[0], None))


def _product_bytes(spec: Product) -> int:
    depth = round_up(spec.depth, BLOCK)
    return round_up(spec.columns, 4) * (depth + 16) + PIXELS * depth + bytes_of_sums(spec.columns, GROUP)


KERNELS: dict[type[Spec], Kernel] = {
    Product: Kernel(_product, ("matmul", *TILES), _product_bytes),
}
