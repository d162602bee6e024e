"""Products of matrices: two rows of the left by twelve columns of the right, accumulated in registers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx

from ocrm55.compiler.operators.float32 import Matmul
from ocrm55.compiler.targets.c.schedules.activations import activate
from ocrm55.compiler.targets.c.schedules.loops import LANES, Index, Kernel, Loops, broadcast, integer

TILE = 3 * LANES  # columns
ROWS = 2
UNROLL = 4


@dataclass(frozen=True)
class _Place:
    """The start of a tile in the three matrices, and the distance between rows of the right side."""

    left: Index
    right: Index
    output: Index
    column: Index
    stride: int
    columns: int


def matmul(spec: Matmul) -> Kernel:
    """left, right (packed by pack_matmul when it is constant), bias if any -> output."""
    k = Loops()
    left = k.parameter("left", (spec.batch, spec.rows, spec.depth))
    if spec.constant:
        right = k.parameter("right", (spec.depth * padded_columns(spec.columns),))
    else:
        right = k.parameter("right", (spec.batch, spec.depth, spec.columns))
    bias = k.parameter("bias", (spec.columns,)) if spec.bias else None
    output = k.parameter("output", (spec.batch, spec.rows, spec.columns), written=True)
    with k.loop("batch", spec.batch) as batch:
        tiles, rest = divmod(spec.columns, TILE)
        if tiles:
            with k.loop("tile", tiles) as tile:
                start = tile * (spec.depth * TILE) if spec.constant else tile * TILE
                _columns(k, spec, (left, right, bias, output), batch, start, tile * TILE, TILE)
        if rest:
            start = tiles * spec.depth * TILE if spec.constant else tiles * TILE
            _columns(k, spec, (left, right, bias, output), batch, integer(start), integer(tiles * TILE), rest)
    return k.kernel()


def padded_columns(columns: int) -> int:
    return -(-columns // LANES) * LANES


def pack_matmul(right: np.ndarray) -> np.ndarray:
    """[depth, columns] as tiles of twelve columns, each [depth][columns of the tile], the last padded to a vector."""
    depth, columns = right.shape
    padded = np.zeros((depth, padded_columns(columns)), right.dtype)
    padded[:, :columns] = right
    return np.concatenate([padded[:, start : start + TILE].reshape(-1) for start in range(0, padded.shape[1], TILE)])


def _columns(
    k: Loops,
    spec: Matmul,
    buffers: tuple[tirx.Buffer, tirx.Buffer, tirx.Buffer | None, tirx.Buffer],
    batch: Index,
    start: Index,
    column: Index,
    columns: int,
) -> None:
    """All rows of one tile of columns; `start` is where the tile lies in the right side."""
    stride = padded_columns(min(columns, TILE)) if spec.constant else spec.columns
    right = start if spec.constant else batch * (spec.depth * spec.columns) + start
    pairs, odd = divmod(spec.rows, ROWS)

    def place(row: Index) -> _Place:
        left = (batch * spec.rows + row) * spec.depth
        output = (batch * spec.rows + row) * spec.columns + column
        return _Place(left, right, output, column, stride, columns)

    if pairs:
        with k.loop("pair", pairs) as pair:
            _tile(k, spec, buffers, place(pair * ROWS), ROWS)
    if odd:
        _tile(k, spec, buffers, place(integer(spec.rows - 1)), 1)


def _tile(
    k: Loops,
    spec: Matmul,
    buffers: tuple[tirx.Buffer, tirx.Buffer, tirx.Buffer | None, tirx.Buffer],
    place: _Place,
    rows: int,
) -> None:
    left, right, bias, output = buffers
    counts = [min(LANES, place.columns - lane) for lane in range(0, place.columns, LANES)]
    sums = []
    for row in range(rows):
        starts = [
            k.load4(bias, place.column + v * LANES, count) if bias is not None else broadcast(0.0)
            for v, count in enumerate(counts)
        ]
        sums.append([k.register(f"sum{row}{v}", start) for v, start in enumerate(starts)])
    x = k.register("x", broadcast(0.0))

    def step(d: Index) -> None:
        factors = [k.let(f"a{row}", k.load(left, place.left + row * spec.depth + d)) for row in range(rows)]
        for v, count in enumerate(counts):
            # Packed columns are padded; others end where the matrix ends and must not be read past.
            lanes = LANES if spec.constant else count
            k.assign(x, k.load4(right, place.right + d * place.stride + v * LANES, lanes))
            for row in range(rows):
                k.accumulate(sums[row][v], x.value, broadcast(factors[row]))

    k.unrolled("d", spec.depth, UNROLL, step)
    for row in range(rows):
        for v, count in enumerate(counts):
            value = activate(spec.activation, sums[row][v].value)
            k.store4(output, place.output + row * spec.columns + v * LANES, value, count)
