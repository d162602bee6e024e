"""The facts about an ONNX node that a case needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import shape_inference


@dataclass(frozen=True)
class Node:
    """The facts about an ONNX node that a case needs."""

    operator: str
    name: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    weights: tuple[int, ...]
    other: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    kernel: tuple[int, ...]
    follower: str
    last: bool


def nodes(path: Path) -> Iterable[Node]:
    """The nodes of an ONNX file with fixed shapes, in order."""
    graph = shape_inference.infer_shapes(onnx.load(str(path))).graph
    infos = [*graph.value_info, *graph.input, *graph.output]
    shapes = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in infos}
    constants = {i.name: tuple(i.dims) for i in graph.initializer}
    readers: dict[str, list[str]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node.op_type)
    for index, node in enumerate(graph.node):
        lists = {a.name: tuple(a.ints) for a in node.attribute if a.ints}
        second = node.input[1] if len(node.input) > 1 else ""
        following = readers.get(node.output[0], [])
        if following == ["Add"] and node.op_type == "MatMul":  # its bias: look at the node behind it
            adds = [n for n in graph.node if n.op_type == "Add" and node.output[0] in n.input]
            following = readers.get(adds[0].output[0], [])
        yield Node(
            node.op_type,
            re.sub(r"[/.](_?conv|hardswish|mul|add)$", "", node.output[0]),
            shapes.get(node.input[0], ()),
            shapes[node.output[0]],
            constants.get(second, ()),
            shapes.get(second, ()),
            lists.get("strides", (1, 1)),
            lists.get("pads", (0, 0, 0, 0)),
            lists.get("kernel_shape", ()) if "Pool" in node.op_type else (),
            next((f for f in following if f in ("HardSwish", "Sigmoid", "HardSigmoid", "Softmax")), ""),
            index == len(graph.node) - 1,
        )
