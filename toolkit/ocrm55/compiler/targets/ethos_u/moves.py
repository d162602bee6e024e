"""Moves: parts of concatenations."""

from __future__ import annotations

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.program import Operator
from ocrm55.compiler.targets.ethos_u.npu_operator import NpuOperator
from ocrm55.compiler.targets.ethos_u.tflite_file import File, four


def _copy(file: File, operator: Operator) -> None:
    """A part of a concatenation. There is no copy; the concatenation reads it itself."""
    part = file.program.tensors[operator.outputs[0]]
    assert part.view_of is not None
    rows = four(file.program.tensors[part.view_of].shape)
    file.join(part.view_of, part.view_offset, file.image(operator.inputs[0], (*rows[:3], part.shape[-1])))


OPERATORS: dict[type[Spec], NpuOperator] = {
    CopyRows: NpuOperator(_copy),
}
