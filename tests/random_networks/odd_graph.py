"""An ONNX graph of any opset that grows node by node, while ONNX Runtime computes every node on one input."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSETS = (9, 10, 11, 12, 13, 14, 15, 16, 17, 17, 18, 19, 20, 21)
MOST_VALUES = 6000  # of a tensor
_LEVEL_OFF = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL


class RefusedNodeError(Exception):
    """ONNX Runtime does not compute a node, or what it gives is nothing to compare."""


@dataclass
class OddGraph:
    """A graph whose input is `x`. values: of every tensor, on one input. opset: of the model."""

    chance: random.Random
    opset: int
    values: dict[str, np.ndarray] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    _made: int = 0

    def __post_init__(self) -> None:
        self.numbers = np.random.default_rng(self.chance.getrandbits(32))

    def some(self, share: float) -> bool:
        """True in this share of the times."""
        return self.chance.random() < share

    def shape(self, name: str) -> tuple[int, ...]:
        return self.values[name].shape

    def new(self, letter: str) -> str:
        self._made += 1
        return f"{letter}{self._made}"

    def node(self, op: str, inputs: Sequence[str], count: int = 1, **given: Any) -> str:
        """Add a node with so many outputs; return the name of the first. Raises RefusedNodeError."""
        return self.several(op, inputs, count, **given)[0]

    def several(self, op: str, inputs: Sequence[str], count: int, **given: Any) -> list[str]:
        """As `node`, with the names of all outputs."""
        names = [self.new("t") for _ in range(count)]
        given = {key: value for key, value in given.items() if value is not None}
        made = helper.make_node(op, inputs, names, f"{op}.{self._made}", **given)
        for name, value in zip(names, self._computed(made), strict=True):
            if value.size == 0 or value.size > MOST_VALUES or (value.dtype.kind == "f" and not _is_plain(value)):
                raise RefusedNodeError(f"{op} gives {value.shape}")
            self.values[name] = value
        self.nodes.append(made)
        return names

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Add a constant in any of the ways in which a file may hold it; return its name."""
        array = np.asarray(value, dtype)
        for name, other in self.constants.items():  # shared with others
            if other.dtype == array.dtype and np.array_equal(other, array) and other.shape == array.shape:
                if self.some(0.5):
                    return name
                break
        name = self.new("c")
        form = self.chance.choice(("plain", "plain", "plain", "plain", "node", "node", "short", "copy", "filled"))
        self.values[name] = array
        if form == "plain" or (form == "short" and self.opset < 12):
            self.constants[name] = array
        elif form == "copy" and array.dtype.kind in "fi":
            self.constants[f"{name}s"] = self.values[f"{name}s"] = array
            self.nodes.append(helper.make_node("Identity", [f"{name}s"], [name]))
        elif form == "filled" and array.size and np.all(array == array.flat[0]) and array.ndim:
            self.constants[f"{name}s"] = self.values[f"{name}s"] = np.array(array.shape, np.int64)
            filler = numpy_helper.from_array(array.reshape(-1)[:1])
            self.nodes.append(helper.make_node("ConstantOfShape", [f"{name}s"], [name], value=filler))
        elif form == "short" and array.ndim < 2 and array.size and array.dtype in (np.float32, np.int64):
            key = {"f": "value_float", "i": "value_int"}[array.dtype.kind] + ("s" if array.ndim else "")
            given = array.tolist()
            self.nodes.append(helper.make_node("Constant", [], [name], **{key: given}))
        else:
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def normal(self, *shape: int, gain: float = 1.0, centre: float = 0.0) -> str:
        """Normal numbers; those of weights have a gain of about one."""
        fan = max(1, int(np.prod(shape[1:]))) if len(shape) > 1 else 1
        return self.constant(self.numbers.normal(centre, gain / np.sqrt(fan), shape))

    def _computed(self, node: onnx.NodeProto) -> list[np.ndarray]:
        """All inputs are constants of a model of one node, or ONNX Runtime would not take axes and shapes."""
        names = {name for name in node.input if name}
        fed = {name for name in names if name == node.input[0] and self.values[name].dtype == np.float32}
        inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, self.values[n].shape) for n in fed]
        held = [numpy_helper.from_array(self.values[name], name) for name in names - fed]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
        graph = helper.make_graph([node], "one", inputs, outputs, held)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=9)
        return [np.asarray(each) for each in computed(model, {name: self.values[name] for name in fed})]

    def model(self, outputs: Sequence[str], constants_among_inputs: bool = False) -> onnx.ModelProto:
        """The graph with everything in it, read or not."""
        shape = self.shape("x")
        kinds = {name: helper.np_dtype_to_tensor_dtype(self.values[name].dtype) for name in (*outputs, *self.constants)}
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        if constants_among_inputs:
            inputs += [helper.make_tensor_value_info(n, kinds[n], v.shape) for n, v in self.constants.items()]
        graph = helper.make_graph(
            self.nodes,
            "odd",
            inputs,
            [helper.make_tensor_value_info(name, kinds[name], self.shape(name)) for name in outputs],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def computed(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[Any]:
    """All outputs by ONNX Runtime, which fuses nothing. Raises RefusedNodeError."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = _LEVEL_OFF
    try:
        text = model.SerializeToString()
        session = onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])
        return list(session.run(None, feeds))
    except Exception as trouble:  # of classes that its extension raises
        raise RefusedNodeError(str(trouble)[:200]) from trouble


def _is_plain(value: np.ndarray) -> bool:
    return bool(np.isfinite(value).all() and np.abs(value).max() < 1e3)
