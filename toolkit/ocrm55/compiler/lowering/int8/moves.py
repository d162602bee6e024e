"""Operators that only move elements. Most of them only change a value's array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ocrm55.compiler.lowering.flat import Node
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder, Writer, step_of
from ocrm55.compiler.lowering.int8.state import Lowering, Visitor
from ocrm55.compiler.lowering.int8.values import Origin, Value, dense_index, rows_by_channels
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.program import Tensor
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError


def _concat(s: Lowering, node: Node) -> None:
    parts = [s.value(part) for part in node.args[0].fields]
    layer, shape = s.function.layer(node), node.shape
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        raise UnsupportedError(f"concatenation {layer} has a constant part.", TRIES)
    channels = shape[1] if len(shape) == 4 else shape[-1]
    origin = Origin(prod(shape) // channels, channels, layer)
    origin.write = concat_writer(s.build, origin, known, int(node.value.attrs.axis) % len(shape))
    s.bind(node, origin, dense_index(shape, image=True))


def _reshape(s: Lowering, node: Node) -> None:
    value = s.values[node.args[0].name]
    s.values[node.name] = value.moved(value.index.reshape(node.shape))


def _permute(s: Lowering, node: Node) -> None:
    value = s.values[node.args[0].name]
    axes: Any = node.value.attrs.axes
    order = [int(a) for a in axes] if axes is not None else None
    s.values[node.name] = value.moved(value.index.transpose(order))


def _slice(s: Lowering, node: Node) -> None:
    value = s.values[node.args[0].name]
    axes, begins, ends = ([int(f.value) for f in a.fields] for a in node.args[1:4])
    steps = [int(f.value) for f in node.args[4].fields] if len(node.args) > 4 else [1] * len(axes)
    cuts = [slice(None)] * value.index.ndim
    for axis, begin, end, step in zip(axes, begins, ends, steps, strict=True):
        cuts[axis] = slice(begin, end, step)
    s.values[node.name] = value.moved(value.index[tuple(cuts)])


# Coordinates and roundings with which pixel i of an image enlarged k times is pixel i // k of the image.
_NEAREST = {
    ("asymmetric", "floor"),
    *(("half_pixel", way) for way in ("round", "round_prefer_floor", "round_prefer_ceil")),
}


def _resize(s: Lowering, node: Node) -> None:
    """Nearest neighbours by whole factors: each pixel stands several times."""
    attrs, value = node.value.attrs, s.values[node.args[0].name]
    before, after = value.index.shape[2:], node.shape[2:]
    way = str(attrs.coordinate_transformation_mode), str(attrs.rounding_method)
    whole = all(large % small == 0 for large, small in zip(after, before, strict=True))
    if attrs.method != "nearest_neighbor" or attrs.layout != "NCHW" or not whole or way not in _NEAREST:
        layer = s.function.layer(node)
        raise UnsupportedError(f"layer {layer} resizes otherwise than to the nearest pixels.", TRIES)
    rows, columns = (large // small for large, small in zip(after, before, strict=True))
    s.values[node.name] = value.moved(value.index.repeat(rows, axis=2).repeat(columns, axis=3))


def _take(s: Lowering, node: Node) -> None:
    """Places of an axis by a constant: an image that is resized to the nearest pixels, and Gather."""
    value, places = s.values[node.args[0].name], s.function.constant(node.args[1])
    layer, axis = s.function.layer(node), node.value.attrs.axis
    if places is None or axis is None:
        raise UnsupportedError(f"the places that layer {layer} gathers are computed.", TRIES)
    size = value.index.shape[int(axis)]
    places = np.where(places < 0, places + size, places)
    s.values[node.name] = value.moved(np.take(value.index, places.astype(np.int64), axis=int(axis)))


def concat_writer(build: Builder, origin: Origin, parts: Sequence[Value], axis: int) -> Writer:
    """Side by side along an axis: who writes a part writes it there, or it is copied."""

    def write(quantised: Quantization | None, order: np.ndarray) -> str:
        layer = origin.layer
        if quantised is None:
            raise UnsupportedError(f"concatenation {layer} is not quantised.", TRIES)
        stored = rows_by_channels(order)
        whole = build.tensor(stored.shape if order.ndim == 4 else (origin.rows, origin.channels), "int8", layer)
        place = [0, 3, 1, 2][axis] if order.ndim == 4 else axis  # of the axis in memory
        rows = prod(stored.shape[:place])
        first = 0
        for part in parts:
            _check_scale(build, part, quantised, layer)
            count = part.index.size // rows
            _put(build, part, _Room(whole, rows, count, origin.count // rows, first), layer)
            first += count
        return whole

    return write


@dataclass(frozen=True)
class _Room:
    """Rows of `count` elements in a tensor, `stride` apart, from its element `first` on."""

    whole: str
    rows: int
    count: int
    stride: int
    first: int


def _check_scale(build: Builder, part: Value, quantised: Quantization, layer: str) -> None:
    _, read = build.stored(part, layer)
    if part.is_scaled:
        raise UnsupportedError(f"{part.origin.layer} is scaled at a place where no kernel scales.", TRIES)
    if step_of(read, layer) != step_of(quantised, layer) or read.zero_point != quantised.zero_point:
        raise UnsupportedError(f"the parts of concatenation {layer} differ in scale.", TRIES)


def _put(build: Builder, part: Value, room: _Room, layer: str) -> None:
    """Have a part written into its room by who makes it, if nobody has read it and he can; else copy it there."""
    program, origin = build.program, part.origin
    name, _ = build.stored(part, layer)
    order = rows_by_channels(part.index)
    fits = Value(origin, order).is_dense and (origin.rows, origin.channels) == (room.rows, room.count)
    users = [o for o in program.operators if name in o.inputs]
    writer = next((o for o in program.operators if name in o.outputs), None)
    strided = writer.spec.with_stride(room.stride) if fits and writer is not None and not users else None
    if writer is not None and strided is not None:
        writer.spec = strided
        program.tensors[name].view_of, program.tensors[name].view_offset = room.whole, room.first
        origin.int8, origin.gaps = room.whole, (room.first, room.stride)
        return
    view = Tensor(f"{layer}_part", (room.rows, room.count), "int8", "activation", layer, None, room.whole, room.first)
    view = program.add(view)
    if fits:
        build.operator(CopyRows(room.rows, room.count, room.stride), [name], view.name, layer)
        return
    places = np.add.outer(np.arange(room.rows) * room.stride, np.arange(room.count)).reshape(-1)
    build.move(name, order.reshape(-1), view.name, layer, places)


VISITORS: dict[str, Visitor] = {
    "relax.concat": _concat,
    "relax.reshape": _reshape,
    "relax.squeeze": _reshape,
    "relax.expand_dims": _reshape,
    "relax.flatten": _reshape,
    "relax.permute_dims": _permute,
    "relax.strided_slice": _slice,
    "relax.image.resize2d": _resize,
    "relax.take": _take,
}
