"""An ONNX graph that grows node by node, with the shape of every tensor known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int, ...]
OPSET = 17


@dataclass
class Growing:
    """A graph whose input is `x`. chance: the source of all that is random in it.

    odd_share: how much of what recognizers seldom have there is, 0 .. 1; integer kernels refuse most of it.
    simple: how many of the usual activations there may be; 0 for all.
    """

    chance: random.Random
    odd_share: float = 1.0
    simple: int = 0
    shapes: dict[str, Shape] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.numbers = np.random.default_rng(self.chance.getrandbits(32))

    def node(self, op: str, inputs: Sequence[str], shape: Sequence[int], **attributes: Any) -> str:
        """Add a node; return the name of its output, which has this shape."""
        name = f"t{len(self.nodes)}"
        made = helper.make_node(op, inputs, [name], name=f"{op}.{len(self.nodes)}", **attributes)
        self.nodes.append(made)
        self.shapes[name] = tuple(shape)
        return name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Add a constant; return its name."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype)
        self.shapes[name] = self.constants[name].shape
        return name

    def weights(self, *shape: int, gain: float = 1.0) -> str:
        """Normal numbers with which a sum over all axes but the first has about the size of its inputs."""
        fan = max(1, int(np.prod(shape[1:])))
        return self.constant(self.numbers.normal(0, gain / np.sqrt(fan), shape))

    def some(self, share: float) -> bool:
        """True in this share of the times."""
        return self.chance.random() < share

    def odd(self, share: float) -> bool:
        """True in this share of the times, and less in a graph that is to be usual."""
        return self.some(share * self.odd_share)

    def model(self, output: str) -> onnx.ModelProto:
        """The graph with that output, and nothing that does not lead to it."""
        needed, kept = {output}, []
        for node in reversed(self.nodes):
            if node.output[0] in needed:
                kept.append(node)
                needed.update(node.input)
        graph = helper.make_graph(
            kept[::-1],
            "random",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shapes["x"])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, self.shapes[output])],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items() if name in needed],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
