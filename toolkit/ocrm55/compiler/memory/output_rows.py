"""Have the output come row by row, where it is too large to be there whole.

A recognizer of 18,000 classes ends in a fully connected layer and a softmax. Their tensors are much larger than all
others, and each row of them serves one step of the text. Both operators then run in stripes of a few rows, and whoever
reads the output takes the rows of a stripe before the next one begins.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from ocrm55.compiler.memory.overlap import TILE
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Pointwise
from ocrm55.compiler.operators.int8.rows import SoftmaxRows
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.operators.stripes import Piece, Rows, Segment, Window

ROWS = (TILE, 2, 1)  # at once, tried in this order; fewer than a tile read the weights more often


def striped(lowered: Program, rows: int) -> Program | None:
    """A copy of a lowered int8 program whose output comes so many rows at a time; None where it has no such end."""
    last = _last_two(lowered)
    if last is None:
        return None
    program = deepcopy(lowered)
    layer, softmax = last
    steps = _rows_of(softmax.spec)
    stripes = [(first, min(first + rows, steps)) for first in range(0, steps, rows)]
    names = [program.storage(name) for name in (layer.inputs[0], layer.outputs[0], softmax.outputs[0])]
    segment = Segment(len(stripes), [layer.outputs[0], softmax.outputs[0]], {}, dict.fromkeys(names, steps))
    for operator in last:
        segment.pieces[operator.outputs[0]] = [Piece(_some(operator.spec, rows), rows, (rows,)) for rows in stripes]
    for name in names[1:]:
        segment.windows[name] = Window(tuple(stripes), program.tensors[name].bytes // steps)
    program.segments.append(segment)
    return program


def _last_two(program: Program) -> tuple[Operator, Operator] | None:
    """The fully connected layer and the softmax that end a program, if these do."""
    if program.precision != "int8" or len(program.operators) < 2:
        return None
    layer, softmax = program.operators[-2:]
    logits, output = layer.outputs[0], softmax.outputs[0]
    tensors = [program.tensors[name] for name in (layer.inputs[0], logits, output)]
    ends = isinstance(layer.spec, Pointwise) and isinstance(softmax.spec, SoftmaxRows)
    if not ends or not softmax.spec.in_place or softmax.inputs != [logits] or program.output.name != output:
        return None
    by_pixel = isinstance(layer.spec, Pointwise) and layer.spec.strides == (1, 1) and layer.spec.pads == (0, 0)
    own = all(tensor.view_of is None for tensor in tensors) and tensors[0].role == "activation"
    steps = _rows_of(softmax.spec)
    return (layer, softmax) if by_pixel and own and steps == _rows_of(layer.spec) > 1 else None


def _rows_of(spec: Spec) -> int:
    return spec.rows if isinstance(spec, SoftmaxRows) else spec.pixels if isinstance(spec, Pointwise) else 0


def _some(spec: Spec, rows: Rows) -> Spec:
    count = rows[1] - rows[0]
    if isinstance(spec, SoftmaxRows):
        return replace(spec, rows=count)
    assert isinstance(spec, Pointwise)
    return replace(spec, height=1, width=count, output_height=1, output_width=count)
