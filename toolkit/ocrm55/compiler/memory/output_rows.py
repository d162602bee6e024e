"""Have the output come row by row, where it is too large to be there whole.

A recognizer of 18,000 classes ends in a fully connected layer and a softmax. Their tensors are much larger than all
others, and each row of them serves one step of the text. The operators then run in stripes of a few rows, and whoever
reads the output takes the rows of a stripe before the next one begins.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from ocrm55.compiler.memory.overlap import TILE
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Pointwise
from ocrm55.compiler.operators.int8.elementwise import Dequantize
from ocrm55.compiler.operators.int8.rows import SoftmaxRows
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.operators.stripes import Piece, Rows, Segment, Window

ROWS = (TILE, 2, 1)  # at once, tried in this order; fewer than a tile read the weights more often


def striped(lowered: Program, rows: int) -> Program | None:
    """A copy of a lowered int8 program whose output comes so many rows at a time; None where it has no such end."""
    last = _last(lowered)
    if not last:
        return None
    program = lowered.copied()
    steps = _rows_of(last[-1].spec)
    stripes = [(first, min(first + rows, steps)) for first in range(0, steps, rows)]
    outputs = [operator.outputs[0] for operator in last]
    segment = Segment(len(stripes), outputs, {}, dict.fromkeys([last[0].inputs[0], *outputs], steps))
    for operator in last:
        pieces = [Piece(_some(operator.spec, rows, steps), rows, (rows,)) for rows in stripes]
        segment.pieces[operator.outputs[0]] = [*pieces]
    for name in outputs:
        segment.windows[name] = Window(tuple(stripes), program.tensors[name].bytes // steps)
    program.segments.append(segment)
    return program


def _last(program: Program) -> list[Operator]:
    """The fully connected layer and the softmax that end a program, and what makes reals of int8 between them.

    None of them if the program ends otherwise.
    """
    found = program.operators[-3:]
    if len(found) == 3 and not isinstance(found[1].spec, Dequantize):
        found = found[1:]
    kinds = [type(operator.spec) for operator in found]
    if program.precision != "int8" or kinds not in ([Pointwise, SoftmaxRows], [Pointwise, Dequantize, SoftmaxRows]):
        return []
    first, last = found[0].spec, found[-1].spec
    assert isinstance(first, Pointwise)
    tensors = [program.tensors[name] for name in (found[0].inputs[0], *(each.outputs[0] for each in found))]
    own = all(tensor.view_of is None for tensor in tensors) and tensors[0].role == "activation"
    in_a_row = all(after.inputs == before.outputs for before, after in pairwise(found))
    by_pixel = first.strides == (1, 1) and first.pads == (0, 0) and _rows_of(first) == _rows_of(last) > 1
    ends = last.in_place and tensors[-1].name == program.output.name
    return found if own and in_a_row and by_pixel and ends else []


def _rows_of(spec: Spec) -> int:
    return spec.rows if isinstance(spec, SoftmaxRows) else spec.pixels if isinstance(spec, Pointwise) else 0


def _some(spec: Spec, rows: Rows, steps: int) -> Spec:
    """The operator of some of its `steps` rows."""
    count = rows[1] - rows[0]
    if isinstance(spec, SoftmaxRows):
        return replace(spec, rows=count)
    if isinstance(spec, Dequantize):
        return replace(spec, count=spec.count // steps * count)
    assert isinstance(spec, Pointwise)
    return replace(spec, height=1, width=count, output_height=1, output_width=count)
