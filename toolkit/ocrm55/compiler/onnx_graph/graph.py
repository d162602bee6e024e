"""An ONNX graph that the compiler reads and rewrites: nodes, constants as arrays, the shape of every tensor."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ocrm55.compiler.onnx_graph import inference
from ocrm55.errors import InputError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Function:
    """A function of one value: the tensor that it reads, the one that it gives, the outputs of all its operators."""

    source: str
    result: str
    outputs: tuple[str, ...]


class Graph:
    """An ONNX graph with its constants as numpy arrays and the look-ups that rewriting needs.

    A model is wrapped once; the graph is then passed from step to step. There is one rule for changes: **a rewrite
    edits the graph that it is given, in place, and returns no other one.** It changes nodes by the methods `drop`,
    `rename`, `replace`, `rebuild`, `insert_behind`, `read`, `write` and `set_attribute`. It gives a constant another
    array and never writes into an array. A caller that still needs the old graph makes a `copy` first. All other
    functions that take a graph only read it.

    nodes: in execution order. constants: name -> array. inputs, outputs: names that every rewrite keeps.
    properties: metadata of the model to write; the metadata of the wrapped model is left out.
    functions: output of an operator -> the function of one value that it belongs to; see functions.py.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._shapes: dict[str, Shape] | None = None
        self.nodes: list[onnx.NodeProto] = [copy.deepcopy(node) for node in model.graph.node]
        self.constants: dict[str, np.ndarray] = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        for node in self.nodes:
            drop_left_out(node)
        for node in [n for n in self.nodes if n.op_type == "Constant"]:
            self.constants[node.output[0]] = numpy_helper.to_array(attributes(node)["value"])
            self.nodes.remove(node)
        self.inputs = [i.name for i in model.graph.input if i.name not in self.constants]
        self.outputs = [o.name for o in model.graph.output]
        self.properties: dict[str, str] = {}
        self.functions: dict[str, Function] = {}

    def copy(self) -> Graph:
        """A graph that may be edited without changing this one. Both share the arrays, because no rewrite writes into
        one.
        """
        twin = copy.copy(self)
        twin.nodes = [copy.deepcopy(node) for node in self.nodes]
        twin.constants = dict(self.constants)
        twin.properties = dict(self.properties)
        twin.functions = dict(self.functions)
        twin._shapes = None if self._shapes is None else dict(self._shapes)
        return twin

    # --- questions ---------------------------------------------------------------------------------------------------

    def shape(self, name: str) -> Shape:
        """The extents of a tensor or a constant: 0 for one that is not known, `()` too where ONNX cannot tell the rank.

        At the first question ONNX infers all shapes. From then on, the edits keep them correct. Raises InputError
        for shapes that do not fit together.
        """
        if name in self.constants:
            return self.constants[name].shape
        if self._shapes is None:
            self._shapes = _shapes_of(self.model())
        return self._shapes.get(name, ())

    @property
    def opsets(self) -> Sequence[onnx.OperatorSetIdProto]:
        """The versions of the operator sets."""
        return self._model.opset_import

    @property
    def ir_version(self) -> int:
        """The version of ONNX's file format."""
        return self._model.ir_version

    def users(self, name: str) -> list[onnx.NodeProto]:
        """The nodes that read the tensor `name`."""
        return [node for node in self.nodes if name in node.input]

    def has_parameters(self, node: onnx.NodeProto) -> bool:
        """Whether all that a layer reads besides its image is constant; a stranger's model may compute a bias."""
        return all(name in self.constants for name in node.input[1:])

    def producer(self, name: str) -> onnx.NodeProto | None:
        """The node that writes the tensor `name`; None for inputs and constants."""
        return next((node for node in self.nodes if name in node.output), None)

    def only_user(self, name: str) -> onnx.NodeProto | None:
        """The one node that reads `name`; None when several do, or when it is an output of the graph."""
        users = self.users(name)
        return users[0] if len(users) == 1 and name not in self.outputs else None

    def model(self) -> onnx.ModelProto:
        """The graph as a checked ONNX model with shapes inferred; unused constants are left out.

        Raises InputError for shapes that do not fit together.
        """
        used = {name for node in self.nodes for name in node.input}
        initializers = [numpy_helper.from_array(v, k) for k, v in self.constants.items() if k in used]
        source = self._model.graph
        inputs = [i for i in source.input if i.name in self.inputs]
        graph = helper.make_graph(self.nodes, source.name, inputs, source.output, initializers)
        model = helper.make_model(graph, opset_imports=self.opsets, producer_name="ocrm55")
        model.ir_version = self.ir_version
        if self.properties:
            helper.set_model_props(model, self.properties)
        for node, shape in windows(model.graph):  # of computed weights it stays unknown
            if len(shape) > 2:
                node.attribute.append(helper.make_attribute("kernel_shape", shape[2:]))
        onnx.checker.check_model(model)
        try:
            return inference.infer_shapes(model, strict_mode=True)
        except onnx.shape_inference.InferenceError as trouble:
            reason = str(trouble).strip().splitlines()[0].rstrip(".")[:300]
            raise InputError(f"the ONNX model's shapes do not fit together: {reason}.", ["ocrm55 export"]) from trouble

    def may_drop(self, node: onnx.NodeProto, replacement: str) -> bool:
        """Whether `drop` can remove `node`: some node has to write an output of the graph."""
        return node.output[0] not in self.outputs or self.producer(replacement) is not None

    # --- changes -----------------------------------------------------------------------------------------------------

    def drop(self, node: onnx.NodeProto, replacement: str) -> None:
        """Remove `node`; readers of its output read `replacement` instead."""
        del self.nodes[self._place(node)]
        self.rename(node.output[0], replacement)

    def rename(self, old: str, new: str) -> None:
        """Make every reader of `old` read `new`; an output of the graph keeps its name, its producer is renamed."""
        if old in self.outputs:
            producer = self.producer(new)
            if producer is None:
                raise ValueError(f"the output {old} would be a copy of {new}, which no node writes")
            self.write(producer, [old if name == new else name for name in producer.output])
            old, new = new, old
        for user in self.users(old):
            self.read(user, [new if name == old else name for name in user.input])

    def replace(self, node: onnx.NodeProto, others: Iterable[onnx.NodeProto], like: dict[str, str]) -> None:
        """Replace one node by others.

        like: for each new tensor, another tensor with its shape.
        """
        place = self._place(node)
        self.nodes[place : place + 1] = others
        self._know(like)

    def insert_behind(self, node: onnx.NodeProto, other: onnx.NodeProto, like: dict[str, str]) -> None:
        """Put a node behind another one. like: for each new tensor, another tensor with its shape."""
        self.nodes.insert(self._place(node) + 1, other)
        self._know(like)

    def rebuild(self, nodes: Sequence[onnx.NodeProto], like: dict[str, str]) -> None:
        """Replace all nodes by these, in this order. like: as for `replace`."""
        self.nodes = list(nodes)
        self._know(like)

    def forget_shapes(self) -> None:
        """Have all shapes inferred anew: for a rewrite that adds tensors of new shapes."""
        self._shapes = None

    def read(self, node: onnx.NodeProto, names: Iterable[str]) -> None:
        """Make `node` read these tensors, in this order."""
        node.input[:] = list(names)

    def write(self, node: onnx.NodeProto, names: Iterable[str]) -> None:
        """Make `node` write tensors of these names, in this order; their shapes stay those of the old names."""
        old, new = list(node.output), list(names)
        node.output[:] = new
        self._know({after: before for before, after in zip(old, new, strict=True) if before != after})

    def set_attribute(self, node: onnx.NodeProto, name: str, value: Any) -> None:
        """Give an attribute that `node` has another value."""
        place = next(i for i, each in enumerate(node.attribute) if each.name == name)
        node.attribute[place].CopyFrom(helper.make_attribute(name, value))

    def _place(self, node: onnx.NodeProto) -> int:
        return next(place for place, each in enumerate(self.nodes) if each is node)

    def _know(self, like: dict[str, str]) -> None:
        if self._shapes is not None:
            self._shapes |= {new: self.shape(old) for new, old in like.items() if self.shape(old)}


def attributes(node: onnx.NodeProto) -> dict:
    """The node's attributes as plain Python values."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def drop_left_out(node: onnx.NodeProto) -> None:
    """Drop the last inputs that have no name: ONNX lets a missing bias be written so."""
    while node.input and not node.input[-1]:
        del node.input[-1]


def inputs_of(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """The inputs without the constants, which old exporters list there, too."""
    constants = {each.name for each in graph.initializer}
    return [each for each in graph.input if each.name not in constants]


def windows(graph: onnx.GraphProto) -> Iterator[tuple[onnx.NodeProto, Shape]]:
    """The convolutions that leave the size of their window to the weights, and the weights' shape; () if computed.

    ONNX infers the shapes of such a one without a look at its image, and crashes where the axes do not fit.
    """
    shapes = {each.name: tuple(each.dims) for each in graph.initializer}
    for node in graph.node:
        first = shapes.get(node.input[0]) if node.input else None
        if node.op_type == "Constant" and node.output and node.attribute:
            shapes[node.output[0]] = tuple(node.attribute[0].t.dims)
        elif node.op_type in ("DequantizeLinear", "QuantizeLinear", "Identity", "Cast") and node.output and first:
            shapes[node.output[0]] = first
        elif "Conv" in node.op_type and all(each.name != "kernel_shape" for each in node.attribute):
            yield node, shapes.get(node.input[1], ()) if len(node.input) > 1 else ()


def _shapes_of(model: onnx.ModelProto) -> dict[str, Shape]:
    """Static shapes of the inputs, outputs and inner tensors of a model whose shapes were inferred."""
    values = [*model.graph.value_info, *model.graph.input, *model.graph.output]
    return {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in values}
