"""A program in stripes on the host, window by window as the C does it: what a window does not keep is lost.

The bits are those of the whole operators. This is here to see that they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.operators.stripes import Piece, Segment, find
from ocrm55.compiler.reference.int8.network import IntegerReference

LOST = 85  # in rows that a window does not hold


def run(reference: IntegerReference, image: np.ndarray) -> np.ndarray:
    """The output for an input tensor, as `reference.run` gives it."""
    program = reference.program
    whole = replace(program, segments=[])
    assert reference.program is program
    reference.tensors = {t.name: t.data for t in program.tensors.values() if t.data is not None}
    reference.tensors[program.input.name] = image
    done: set[str] = set()
    for operator in whole.operators:
        segment = find(program.segments, operator.outputs[0])
        if segment is None:
            reference.step(operator)
        elif operator.outputs[0] not in done:
            _Run(reference, segment).run()
            done |= set(segment.outputs)
    return reference.tensors[program.output.name]


class _Run:
    """A run of a segment. windows: their rows; of the rows of tensors that are there whole, all."""

    def __init__(self, reference: IntegerReference, segment: Segment) -> None:
        self._reference, self._segment, self._program = reference, segment, reference.program
        self._windows: dict[str, np.ndarray] = {}
        self._kept: dict[str, np.ndarray] = {}

    def run(self) -> None:
        for stripe in range(self._segment.stripes):
            for name, window in self._segment.windows.items():
                first, end = window.rows[stripe]
                rows = np.full((end - first, window.row_bytes), LOST, np.uint8)
                kept = window.kept(stripe - 1)
                rows[:kept] = self._kept.get(name, rows)[:kept]
                self._windows[name] = rows
                if name == self._segment.input:
                    fresh = window.fresh(stripe)
                    rows[fresh[0] - first :] = self._rows(name)[fresh[0] : fresh[1]]
            for operator in self._operators():
                piece = self._segment.pieces[operator.outputs[0]][stripe]
                if piece is not None:
                    self._compute(operator, piece, stripe)
            for name, window in self._segment.windows.items():
                kept = window.kept(stripe)
                self._kept[name] = self._windows[name][len(self._windows[name]) - kept :]

    def _operators(self) -> Iterator[Operator]:
        return (o for o in self._program.operators if o.outputs[0] in self._segment.pieces)

    def _compute(self, operator: Operator, piece: Piece, stripe: int) -> None:
        reads, inputs = iter(piece.reads), []
        for name in operator.inputs:
            value = self._program.tensors[name].data
            inputs.append(self._read(name, next(reads), stripe) if value is None else value)
        compute = self._reference.compute(operator)
        assert compute is not None
        result = compute(piece.spec, *inputs)
        name, tensor = self._program.storage(operator.outputs[0]), self._program.tensors[operator.outputs[0]]
        here = self._there(name, piece.rows, stripe)
        lines = result.reshape(-1, tensor.shape[-1]) if tensor.view_of else result.reshape(len(here), -1)
        stored = here.view(result.dtype).reshape(len(lines), -1)
        first = tensor.view_offset // result.itemsize
        stored[:, first : first + lines.shape[1]] = lines
        here[:] = stored.view(np.uint8).reshape(here.shape)
        if name in self._windows and name == self._program.storage(self._program.output.name):
            self._rows(name)[slice(*piece.rows)] = here  # whoever takes the output's rows

    def _read(self, name: str, rows: tuple[int, int] | None, stripe: int) -> np.ndarray:
        owner = self._program.storage(name)
        if rows is None:
            return self._reference.tensors[name]
        return np.ascontiguousarray(self._there(owner, rows, stripe)).view(self._program.tensors[name].dtype)

    def _there(self, name: str, rows: tuple[int, int], stripe: int) -> np.ndarray:
        """Rows of a tensor where they are, as bytes [rows, bytes of a row]."""
        if name not in self._windows:
            return self._rows(name)[rows[0] : rows[1]]
        first, end = self._segment.windows[name].rows[stripe]
        assert first <= rows[0] <= rows[1] <= end, f"{name} has rows {first}..{end}, not {rows}"
        return self._windows[name][rows[0] - first : rows[1] - first]

    def _rows(self, name: str) -> np.ndarray:
        tensor = self._program.tensors[name]
        if name not in self._reference.tensors:
            self._reference.tensors[name] = np.zeros(tensor.shape, tensor.dtype)
        value = self._reference.tensors[name]
        return value.reshape(self._segment.heights[name], -1).view(np.uint8)


def agrees(program: Program, reference: IntegerReference, image: np.ndarray) -> bool:
    """Whether a program gives the same bits in stripes and as whole operators."""
    wanted = reference.run(image)
    return run(type(reference)(program), image).tobytes() == wanted.tobytes()
