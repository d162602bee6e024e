"""Products of two int8 activations, as in attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.epilogue import Epilogue


@dataclass(frozen=True)
class Product(Spec):
    """`batches` products of two activations: y[m][n] = epilogue(sum over k of (a[m][k] - zero_a) * b[n][k]).

    Strides in elements. Inputs: a, b int8, scale float32 for each n. offset_a, offset_b: the element where each starts.
    """

    kind: ClassVar[str] = "matmul_int8"
    batches: int
    rows: int
    columns: int
    depth: int
    a_batch: int
    a_row: int
    b_batch: int
    b_column: int
    b_depth: int
    y_batch: int
    zero_a: int
    epilogue: Epilogue
    offset_a: int = 0
    offset_b: int = 0

    @property
    def macs(self) -> int:
        return self.elements * self.depth

    @property
    def elements(self) -> int:
        return self.batches * self.rows * self.columns
