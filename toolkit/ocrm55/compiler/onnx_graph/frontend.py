"""ONNX to Relax: the only module that knows TVM's import API.

TVM drops the names of the ONNX nodes. This module keeps them, because every later message, table and comment in the
generated C names its layer.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import tvm
from tvm import relax
from tvm.relax.frontend.onnx import onnx_frontend

from ocrm55.compiler.onnx_graph import bounds, entrance, opsets, resizing
from ocrm55.compiler.onnx_graph.folding import fold
from ocrm55.compiler.onnx_graph.graph import Graph, attributes, inputs_of
from ocrm55.compiler.onnx_graph.uint8 import to_int8
from ocrm55.compiler.onnx_graph.windows import write_borders_out
from ocrm55.compiler.operators import advice
from ocrm55.errors import InputError, UnsupportedError

OLDEST_OPSET = opsets.ENOUGH


@dataclass(frozen=True)
class Imported:
    """A network in Relax: one function `main`, straight-line, weights as constants.

    layers: name of a Relax variable -> name of the ONNX node that it comes from.
    """

    module: tvm.IRModule
    layers: dict[str, str]


def check(model: onnx.ModelProto) -> None:
    """Check a float model before anything computes with it; raises as `load` does."""
    check_interface(model)
    graph = Graph(model)
    _drop_unread(graph)
    _check_written(graph)
    _inferred(graph)


def inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model with all shapes, as far as they are known. Raises InputError where they do not fit together."""
    return _inferred(Graph(model))


def _inferred(graph: Graph) -> onnx.ModelProto:
    """The graph as a checked model with all shapes. Raises InputError where they do not fit together."""
    made = graph.model()
    bounds.check(made)
    return made


def load(model: onnx.ModelProto) -> Imported:
    """Simplify an ONNX model whose integers are int8, and import it.

    Raises UnsupportedError for shapes that are not static, several inputs or outputs, and operators unknown to TVM.
    """
    check_interface(model)
    graph = Graph(model)
    _drop_unread(graph)
    _check_written(graph)
    _inferred(graph)  # rewrites look at shapes
    to_int8(graph)
    fold(graph)
    _simplify(graph)
    _inferred(graph)
    write_borders_out(graph)
    simple = _inferred(graph)
    importer = _Importer(graph.constants)
    opset = next(o.version for o in simple.opset_import if o.domain in ("", "ai.onnx"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TVM renames inputs with a dot in their name and says so
        module = importer.from_onnx(simple.graph, opset)
    _check_result(module, simple.graph.output[0])
    return Imported(module, importer.layers)


def _check_result(module: tvm.IRModule, output: onnx.ValueInfoProto) -> None:
    """Check that the model computes an output of the shape that it declares, which readers of the output trust."""
    declared = [d.dim_value for d in output.type.tensor_type.shape.dim]
    try:
        computed = [int(size) for size in module["main"].ret_ty.shape]
    except (AttributeError, TypeError) as trouble:
        raise UnsupportedError(f"the size of the output `{output.name}` is not known.", ["ocrm55 export"]) from trouble
    if computed != declared:
        found, said = ("x".join(map(str, shape)) for shape in (computed, declared))
        raise InputError(f"the output `{output.name}` is declared as {said}, but it is {found}.", ["ocrm55 export"])


class _Importer(onnx_frontend.ONNXGraphImporter):
    """TVM's importer, fed one node at a time, so that the node of each variable is known."""

    def __init__(self, constants: Mapping[str, np.ndarray]) -> None:
        super().__init__(shape_dict={}, dtype_dict="float32")
        self._constants = constants
        self._dtype: dict[str, str] = {}  # take the types from the model
        self.layers: dict[str, str] = {}

    def _check_for_unsupported_ops(self, graph: onnx.GraphProto) -> None:
        known = onnx_frontend._get_convert_map()
        for node in graph.node:
            if node.op_type not in known:
                raise _unsupported(node, "TVM cannot import this operator")

    def _construct_nodes(self, graph: onnx.GraphProto) -> None:
        for node in graph.node:
            layer = node.name or node.output[0]
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # TVM prints the operator before it raises
                    if not self._limit(node) and not self._gather(node):
                        super()._construct_nodes(SimpleNamespace(node=[node]))
            except Exception as trouble:
                raise _unsupported(node, str(trouble).strip().splitlines()[-1] or type(trouble).__name__) from trouble
            for output in node.output:
                value = self._nodes.get(output)
                if isinstance(value, relax.Call):
                    # Most converters return an expression that TVM would bind only at the end, under no name.
                    value = self._nodes[output] = self.bb.emit(value)
                if isinstance(value, relax.Var):
                    self.layers[value.name] = layer

    def _limit(self, node: onnx.NodeProto) -> bool:
        """Import limits that are single numbers as operators of Relax; TVM makes loops of them at once."""
        names = [name for name in node.input if name]
        bounds = {name: self._constants.get(name) for name in names[node.op_type == "Clip" :]}
        numbers = {
            name: float(value.item())
            for name, value in bounds.items()
            if value is not None and value.shape in ((), (1,))
        }
        if node.op_type == "Clip" and len(numbers) == len(bounds) and not any(map(math.isnan, numbers.values())):
            source, low, high = ([*node.input, "", ""])[:3]
            end = numbers.get(high, math.inf)
            start = min(numbers.get(low, -math.inf), end)  # ONNX gives the upper end where the ends cross
            self._nodes[node.output[0]] = relax.op.clip(self._nodes[source], start, end)
        elif node.op_type in ("Max", "Min") and len(names) == 2 and len(numbers) == 1:
            compute = relax.op.maximum if node.op_type == "Max" else relax.op.minimum
            (name,) = (each for each in names if each not in numbers)
            self._nodes[node.output[0]] = compute(self._nodes[name], relax.const(numbers.popitem()[1], "float32"))
        else:
            return False
        return True

    def _gather(self, node: onnx.NodeProto) -> bool:
        """Import places that are constant as such; TVM looks at the size of the axis for those counted from behind."""
        places = self._constants.get(node.input[1]) if node.op_type == "Gather" else None
        if places is None or node.input[0] in self._constants:
            return False
        source = self._nodes[node.input[0]]
        shape = [int(size) for size in source.ty.shape]
        axis = attributes(node).get("axis", 0) % len(shape)
        if not ((-shape[axis] <= places) & (places < shape[axis])).all():
            raise ValueError(f"it gathers a place outside of the axis {axis} of {shape[axis]}")
        places = np.where(places < 0, places + shape[axis], places).astype(np.int64)
        self._nodes[node.output[0]] = relax.op.take(source, relax.const(places, "int64"), axis)
        return True


def _unsupported(node: onnx.NodeProto, reason: str) -> UnsupportedError:
    reason = reason[:200].rstrip(".")
    return UnsupportedError(
        f"operator {node.op_type} of layer {node.name or node.output[0]} cannot be compiled: {reason}.",
        [advice.REPLACE, advice.IMPORT],
    )


def check_interface(model: onnx.ModelProto) -> None:
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset < OLDEST_OPSET:
        raise UnsupportedError(
            f"the model uses ONNX opset {opset}; {OLDEST_OPSET} or newer is needed.", ["ocrm55 export"]
        )
    inputs = inputs_of(model.graph)
    if len(inputs) != 1 or len(model.graph.output) != 1:
        count = f"{len(inputs)} inputs and {len(model.graph.output)} outputs"
        raise UnsupportedError(f"the model has {count}; one of each is supported.", ["split the model"])
    for value in (inputs[0], model.graph.output[0]):
        shape = value.type.tensor_type.shape.dim
        if not shape or any(not d.HasField("dim_value") or d.dim_value < 1 for d in shape):
            text = "x".join(str(d.dim_value or d.dim_param or "?") for d in shape) or "unknown"
            raise UnsupportedError(
                f"`{value.name}` has the shape {text}; the compiler needs static shapes.", ["ocrm55 export"]
            )
        if value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
            kind = entrance.type_name(value.type.tensor_type.elem_type)
            raise UnsupportedError(f"`{value.name}` holds {kind}; FLOAT is supported.", ["ocrm55 export"])


def _check_written(graph: Graph) -> None:
    """Check that an operator computes the output from the input: Identity alone is nothing to compile."""
    name = graph.outputs[0]
    while (writer := graph.producer(name)) is not None and writer.op_type in ("Identity", "Dropout"):
        name = str(writer.input[0])
    if writer is None:
        what = "its input" if name in graph.inputs else "a constant"
        raise UnsupportedError(f"the model's output is {what}: nothing to compile.", ["ocrm55 export"])


def _drop_unread(graph: Graph) -> None:
    """Leave out what does not lead to the output: no operator of it need be one that can be compiled."""
    needed, kept = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    if len(kept) < len(graph.nodes):
        graph.rebuild(kept[::-1], {})


def _simplify(graph: Graph) -> None:
    """Rewrite nodes that only cost time later, dropouts and Gemm with constant weights, and nodes that TVM misreads."""
    for node in list(graph.nodes):
        if node.op_type == "Dropout" and graph.may_drop(node, str(node.input[0])):
            graph.drop(node, node.input[0])
        elif node.op_type == "Gemm":
            _gemm_to_matmul(graph, node)
        elif node.op_type == "Shape":
            _fold_shape(graph, node)
        elif node.op_type == "Resize":
            # An empty tensor means a missing input. TVM takes it as given, and refuses scales beside sizes.
            empty = {name for name in node.input if name in graph.constants and graph.constants[name].size == 0}
            graph.read(node, ["" if name in empty else name for name in node.input])
            if why := resizing.write_out(graph, node):
                raise UnsupportedError(
                    f"operator Resize of layer {node.name or node.output[0]} cannot be compiled: {why}.",
                    ["coordinate_transformation_mode half_pixel, without antialias"],
                )


def _fold_shape(graph: Graph, node: onnx.NodeProto) -> None:
    """The shape of a tensor is a constant."""
    shape, given = graph.shape(node.input[0]), attributes(node)
    if shape and all(shape):
        graph.constants[node.output[0]] = np.array(shape[given.get("start", 0) : given.get("end")], np.int64)
        graph.rebuild([each for each in graph.nodes if each is not node], {})


def _gemm_to_matmul(graph: Graph, node: onnx.NodeProto) -> None:
    """`Gemm(x, W, b)` becomes `MatMul(x, W') + b'` when W and b are constants and x is not transposed."""
    values: dict[str, Any] = attributes(node)
    weight = graph.constants.get(node.input[1])
    bias = graph.constants.get(node.input[2]) if len(node.input) > 2 else None
    if weight is None or values.get("transA", 0) or (len(node.input) > 2 and bias is None):
        return
    weight = (weight.T if values.get("transB", 0) else weight) * np.float32(values.get("alpha", 1.0))
    result, weights = str(node.output[0]), f"{node.output[0]}.weight"
    graph.constants[weights] = np.ascontiguousarray(weight, np.float32)
    if bias is None:
        product = onnx.helper.make_node("MatMul", [node.input[0], weights], [result], node.name)
        graph.replace(node, [product], {})
        return
    between, name = f"{result}.product", f"{result}.bias"
    graph.constants[name] = bias * np.float32(values.get("beta", 1.0))
    product = onnx.helper.make_node("MatMul", [node.input[0], weights], [between], node.name)
    add = onnx.helper.make_node("Add", [between, name], [result], f"{node.name}.bias")
    graph.replace(node, [product, add], {between: result})
