"""Operators that only put elements elsewhere: most change nothing but a value's array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ocrm55.compiler.lowering.flat import Node
from ocrm55.compiler.lowering.int8.builder import TRIES, Builder, Writer, integers
from ocrm55.compiler.lowering.int8.state import Lowering, Visitor
from ocrm55.compiler.lowering.int8.values import Origin, Value, image_index
from ocrm55.compiler.operators.int8.moves import CopyRows
from ocrm55.compiler.operators.program import Tensor
from ocrm55.compiler.operators.scales import Scales
from ocrm55.errors import UnsupportedError


def _concat(s: Lowering, node: Node) -> None:
    parts = [s.value(part) for part in node.args[0].fields]
    layer = s.function.layer(node)
    if int(node.value.attrs.axis) != 1 or len(node.shape) != 4 or any(part is None for part in parts):
        raise UnsupportedError(f"concatenation {layer} is not along the channels.", TRIES)
    _, channels, height, width = node.shape
    origin = Origin(height * width, channels, layer)
    known = [part for part in parts if part is not None]
    origin.write = concat_writer(s.build, origin, known)
    s.bind(node, origin, image_index(height, width, channels))


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


def concat_writer(build: Builder, origin: Origin, parts: Sequence[Value]) -> Writer:
    """Side by side along the channels: who writes a part writes it there, or its rows are copied."""

    def write(quantised: Scales | None, order: np.ndarray) -> str:
        program, layer = build.program, origin.layer
        if quantised is None:
            raise UnsupportedError(f"concatenation {layer} is not quantised.", TRIES)
        _, _, height, width = order.shape
        whole = build.tensor((1, height, width, origin.channels), "int8", layer)
        first = 0
        for part in parts:
            name, read = integers(part, layer)
            if read.step != quantised.step or read.zero_point != quantised.zero_point:
                raise UnsupportedError(f"the parts of concatenation {layer} differ in scale.", TRIES)
            count = part.origin.channels
            users = [o for o in program.operators if name in o.inputs]
            writer = next(o for o in program.operators if name in o.outputs)
            strided = None if users else writer.spec.with_stride(origin.channels)
            if strided is not None:
                writer.spec = strided
                program.tensors[name].view_of, program.tensors[name].view_offset = whole, first
            else:
                view = Tensor(f"{layer}_part", (origin.rows, count), "int8", "activation", layer, None, whole, first)
                spec = CopyRows(origin.rows, count, origin.channels)
                build.operator(spec, [name], program.add(view).name, layer)
            first += count
        return whole

    return write


VISITORS: dict[str, Visitor] = {
    "relax.concat": _concat,
    "relax.reshape": _reshape,
    "relax.squeeze": _reshape,
    "relax.expand_dims": _reshape,
    "relax.flatten": _reshape,
    "relax.permute_dims": _permute,
    "relax.strided_slice": _slice,
}
