"""Softmax and layer norm."""

from __future__ import annotations

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.rows import NormalisedRows, SoftmaxInt8, SoftmaxRows
from ocrm55.compiler.targets.ethos_u.npu_operator import NpuOperator, refused

OPERATORS: dict[type[Spec], NpuOperator] = {
    SoftmaxInt8: refused("makes 29 passes of a softmax, by Vela's estimate slower than the core's kernel"),
    SoftmaxRows: refused("computes integers, this softmax gives float32"),
    NormalisedRows: refused("has no layer norm"),
}
