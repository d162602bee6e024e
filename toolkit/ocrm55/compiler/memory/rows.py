"""Which rows of its inputs an operator needs for some rows of its output, and the operator of those rows alone.

Images lie row by row, so the rows of a tensor follow each other in memory. An operator that is not known here needs its
inputs whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.int8.convolution import Convolution, Pointwise
from ocrm55.compiler.operators.int8.elementwise import (
    ChannelMultiply,
    Dequantize,
    Lookup,
    Quantize,
    Sum,
    SumInt8,
    SumUpsampled,
)
from ocrm55.compiler.operators.int8.moves import AXES, CopyRows, Move
from ocrm55.compiler.operators.int8.pool import AveragePool, MaxPool
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.operators.strided import Axes
from ocrm55.compiler.operators.stripes import Rows

Reads = tuple[Rows | None, ...]


@dataclass(frozen=True)
class Rule:
    """How an operator goes by rows.

    reads: rows of the output -> rows of each input that is no weight, None for all. spec: the operator of some rows of
    its output, from the rows that it then reads. step: it computes whole groups of so many rows.
    """

    reads: Callable[[Rows], Reads]
    spec: Callable[[Rows, Reads], Spec]
    step: int = 1


def activations(program: Program, operator: Operator) -> list[str]:
    """The inputs that are no weights."""
    return [name for name in operator.inputs if program.tensors[name].role != "weight"]


def heights(program: Program) -> dict[str, int]:
    """The rows of each tensor that owns bytes and is an image; its rows follow each other.

    Shapes do not say it: a sum has those of the model. Operators with windows do, and the others keep their inputs'.
    """
    found = {program.storage(program.input.name): program.input_size[1]}
    wrong: set[str] = set()

    def note(name: str, height: int | None) -> None:
        owner = program.storage(name)
        if height is not None and found.setdefault(owner, height) != height:
            wrong.add(owner)

    for operator in program.steps:
        spec = operator.spec
        if isinstance(spec, Convolution | AveragePool | MaxPool) and not _is_by_pixel(spec):
            note(activations(program, operator)[0], spec.height)
            note(operator.outputs[0], spec.output_height)
        if isinstance(spec, SumUpsampled):
            image, low = activations(program, operator)
            note(image, spec.height)
            note(low, spec.height // spec.factors[0])
            note(operator.outputs[0], spec.height)
    for moved in (False, True):  # a move says nothing, so it keeps its input's rows where nobody else knows
        for _ in range(2):  # what is known of an output may say something of another input
            for operator in program.steps:
                names = _alike(program, operator)
                if isinstance(operator.spec, Move) and (not moved or program.storage(names[-1]) in found):
                    continue
                known = (found.get(program.storage(name)) for name in names)
                height = next((each for each in known if each is not None), None)
                for name in names:
                    note(name, height)
    sizes = {name: program.tensors[name].size for name in found}
    return {name: rows for name, rows in found.items() if name not in wrong and sizes[name] % rows == 0}


def _alike(program: Program, operator: Operator) -> list[str]:
    """The inputs and outputs of an operator that have the same rows."""
    spec, inputs = operator.spec, activations(program, operator)
    if _is_by_pixel(spec) or isinstance(spec, (*_BY_ELEMENTS, CopyRows, Move)):
        return [*_followed(spec, inputs), operator.outputs[0]]
    return []


def _is_by_pixel(spec: Spec) -> bool:
    """Whether a convolution sees one pixel at a time, in whatever order these lie."""
    return isinstance(spec, Pointwise) and spec.strides == (1, 1) and spec.pads == (0, 0)


def rule(program: Program, operator: Operator, known: Mapping[str, int]) -> Rule | None:
    """The rule of an operator, None for one that needs its inputs whole. known: the `heights`."""
    inputs, output = activations(program, operator), operator.outputs[0]
    make = next((make for kind, make in _RULES.items() if isinstance(operator.spec, kind)), None)
    shape = _Shape.of(program, output, known)
    if make is None or shape is None or len(operator.outputs) > 1:
        return None
    images = [_Shape.of(program, name, known) for name in inputs]
    images = [image if image is not None and image.is_dense else None for image in images]
    return make(operator.spec, images, shape)


@dataclass(frozen=True)
class _Shape:
    """An image by rows: their number, and the elements of each; `width`: those that a part of a wider image has."""

    height: int
    row: int
    width: int

    @property
    def is_dense(self) -> bool:
        return self.width == self.row

    @classmethod
    def of(cls, program: Program, name: str, known: Mapping[str, int]) -> _Shape | None:
        owner, tensor = program.storage(name), program.tensors[name]
        height = known.get(owner)
        whole = program.tensors[owner]
        if height is None or tensor.size % height or tensor.dtype != whole.dtype:
            return None
        row = whole.size // height
        inside = tensor.view_of in (None, owner) and tensor.view_offset < row
        return cls(height, row, tensor.size // height) if inside else None


def _by_pixel(spec: Pointwise, images: Sequence[_Shape | None], output: _Shape) -> Rule | None:
    image, height = images[0], output.height
    pixels = spec.pixels // height
    if image is None or image.height != height or spec.pixels % height or spec.chunk:
        return None
    if (image.row, output.width) != (pixels * spec.channels, pixels * spec.outputs):
        return None

    def of_rows(rows: Rows, read: Reads) -> Spec:
        count = rows[1] - rows[0]
        return replace(spec, height=count, width=pixels, output_height=count, output_width=pixels)

    return Rule(lambda rows: (rows,), of_rows)


def _convolution(spec: Convolution | MaxPool, images: Sequence[_Shape | None], output: _Shape) -> Rule | None:
    if isinstance(spec, Pointwise) and _is_by_pixel(spec):
        return _by_pixel(spec, images, output)
    image = images[0]
    if image is None or (image.height, output.height) != (spec.height, spec.output_height):
        return None
    outputs = spec.outputs if isinstance(spec, Convolution) else spec.channels
    if (image.row, output.width) != (spec.width * spec.channels, spec.output_width * outputs):
        return None
    stride, pad = spec.strides[0], spec.pads[0]

    def reads(rows: Rows) -> Reads:
        first, end = rows[0] * stride - pad, (rows[1] - 1) * stride - pad + spec.kernel[0]
        return ((min(max(first, 0), spec.height - 1), max(min(end, spec.height), 1)),)

    def of_rows(rows: Rows, read: Reads) -> Spec:
        (first, end), top = _known(read[0]), rows[0] * stride - pad
        size = {"height": end - first, "output_height": rows[1] - rows[0]}
        return replace(spec, **size, pads=(first - top, spec.pads[1]))  # type: ignore[arg-type]

    # A window beside the image meets padding alone; its kernel gets no such image here.
    last = (output.height - 1) * stride - pad
    return Rule(reads, of_rows) if pad < spec.kernel[0] and last < spec.height else None


def _pool(spec: AveragePool, images: Sequence[_Shape | None], output: _Shape) -> Rule | None:
    image = images[0]
    if image is None or (image.height, output.height) != (spec.height, spec.output_height) or spec.repeat is not None:
        return None
    if spec.output_height == 1 or image.row != spec.width * spec.channels:
        return None
    stride, window = spec.strides[0], spec.kernel[0]

    def reads(rows: Rows) -> Reads:
        return ((rows[0] * stride, (rows[1] - 1) * stride + window),)

    def of_rows(rows: Rows, read: Reads) -> Spec:
        first, end = _known(read[0])
        return replace(spec, height=end - first, output_height=rows[1] - rows[0])

    return Rule(reads, of_rows)


def _sum_upsampled(spec: SumUpsampled, images: Sequence[_Shape | None], output: _Shape) -> Rule | None:
    step = spec.factors[0]
    image, low = images
    if image is None or low is None or not output.is_dense or output.height != spec.height:
        return None
    if (image.height, image.row, low.height * step) != (output.height, output.row, output.height):
        return None

    def of_rows(rows: Rows, read: Reads) -> Spec:
        return replace(spec, height=rows[1] - rows[0])

    return Rule(lambda rows: (rows, (rows[0] // step, -(-rows[1] // step))), of_rows, step)


_BY_ELEMENTS = (Sum, SumInt8, Lookup, Quantize, Dequantize, ChannelMultiply)


def _followed(spec: Spec, inputs: Sequence[str]) -> Sequence[str]:
    """The inputs whose elements the output's follow; the second of a gate is one row of factors."""
    return inputs[:1] if isinstance(spec, ChannelMultiply) else inputs


def _by_elements(spec: Spec, images: Sequence[_Shape | None], output: _Shape) -> Rule | None:
    gated = isinstance(spec, ChannelMultiply)
    followed = images[:1] if gated else images
    if any(image is None or (image.height, image.row) != (output.height, output.width) for image in followed):
        return None
    size = "rows" if gated else "count"
    whole = getattr(spec, size)
    if whole % output.height or not output.is_dense:
        return None

    def reads(rows: Rows) -> Reads:
        return (rows, None) if gated else (rows,) * len(images)

    def of_rows(rows: Rows, read: Reads) -> Spec:
        return replace(spec, **{size: whole // output.height * (rows[1] - rows[0])})

    return Rule(reads, of_rows)


def _copy(spec: CopyRows, images: Sequence[_Shape | None], output: _Shape) -> Rule | None:
    image = images[0]
    lines = spec.rows // output.height  # of a row of the image
    if image is None or image.height != output.height or spec.rows % output.height:
        return None
    if image.row != lines * spec.count or output.row != lines * spec.stride:
        return None

    def of_rows(rows: Rows, read: Reads) -> Spec:
        return replace(spec, rows=lines * (rows[1] - rows[0]))

    return Rule(lambda rows: (rows,), of_rows)


def _move(spec: Move, images: Sequence[_Shape | None], output: _Shape) -> Rule | None:
    """Rows in their order, each perhaps in several rows of the output: enlarged images, and pixels of several."""
    image = images[0]
    if image is None or output.height % image.height or not spec.sizes or min(spec.strides) < 0:
        return None
    step = output.height // image.height
    axes = _by_rows(spec, image.height)
    outer = next((n for n in range(1, len(axes.sizes) + 1) if prod(axes.sizes[:n]) == output.height), 0)
    dense = tuple(output.row * prod(axes.sizes[n + 1 : outer]) for n in range(outer))
    if not outer or axes.sizes[0] != image.height or axes.strides[0] != image.row or axes.places[:outer] != dense:
        return None
    inner = zip(axes.sizes[1:], axes.strides[1:], strict=True)
    if spec.offset + sum((size - 1) * stride for size, stride in inner) >= image.row:
        return None

    def reads(rows: Rows) -> Reads:
        return ((rows[0] // step, -(-rows[1] // step)),)

    def of_rows(rows: Rows, read: Reads) -> Spec:
        sizes = ((rows[1] - rows[0]) // step, *axes.sizes[1:])
        return replace(spec, sizes=sizes, strides=axes.strides, places=axes.places)

    return Rule(reads, of_rows, step)


def _by_rows(spec: Move, height: int) -> Axes:
    """The loops of a move, of which the outermost is over rows where it can be."""
    (size, *sizes), (stride, *strides), (place, *places) = spec.sizes, spec.strides, spec.places
    columns = size // height
    if columns < 2 or size % height or len(spec.sizes) >= AXES - (spec.element_bytes > 1):
        return Axes(spec.sizes, spec.strides, spec.places)
    return Axes((height, columns, *sizes), (columns * stride, stride, *strides), (columns * place, place, *places))


def _known(rows: Rows | None) -> Rows:
    assert rows is not None
    return rows


_RULES: dict[type[Spec] | tuple[type[Spec], ...], Callable[..., Rule | None]] = {
    (Convolution, MaxPool): _convolution,
    AveragePool: _pool,
    _BY_ELEMENTS: _by_elements,
    SumUpsampled: _sum_upsampled,
    CopyRows: _copy,
    Move: _move,
}
