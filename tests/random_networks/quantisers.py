"""Quantise as others do: a quantisation behind every operator, whatever the kernels can fuse."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from ocrm55.compiler.onnx_graph.folding import fold
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.quantization import calibration

_FUSED = ("Relu", "Clip")  # computed at the end of the operator before
_SHARED = ("MaxPool", "Concat", "Reshape", "Transpose", "Squeeze", "Slice", "Gather", "Resize")  # one scale around


def everywhere(model: onnx.ModelProto, inputs: Sequence[np.ndarray], chance: random.Random) -> onnx.ModelProto:
    """QDQ around every operator; int8 or uint8, weights by channel or whole, as ONNX Runtime's quantiser writes it."""
    graph = Graph(model)
    fold(graph)
    unsigned, by_channel = chance.random() < 0.5, chance.random() < 0.7
    names = _quantised(graph)
    scales = _scales(graph, names, inputs, unsigned)
    nodes: list[onnx.NodeProto] = []
    products = [n.output[0] for n in graph.nodes if n.op_type == "MatMul" and n.input[1] in graph.constants]
    for name in graph.inputs:
        nodes += _pair(graph, name, *scales[name])
    for node in graph.nodes:
        node.input[:] = [f"{name}.real" if name in scales else name for name in node.input]
        if node.op_type in ("Conv", "MatMul") and node.input[1] in graph.constants:
            nodes += _weights(graph, node, scales, by_channel)
        if node.op_type == "Add" and node.input[0] in products:
            nodes += _bias_behind(graph, node, str(node.input[0]))
        nodes.append(node)
        for name in node.output:
            if name in scales and name not in graph.outputs:
                nodes += _pair(graph, name, *scales[name])
    graph.rebuild(nodes, {})
    return graph.model()


def _quantised(graph: Graph) -> list[str]:
    """All tensors but those between an operator and the clamp that it computes, and the sizes of a Resize."""
    names = list(graph.inputs)
    sizes = {name for node in graph.nodes if node.op_type == "Resize" for name in node.input[1:]}
    for node in graph.nodes:
        user = graph.only_user(node.output[0])
        fused = user is not None and user.op_type in _FUSED and node.op_type in ("Conv", "MatMul", "Add")
        biased = user is not None and user.op_type == "Add" and node.op_type == "MatMul" and _adds_constant(graph, user)
        if not fused and not biased and node.output[0] not in {*graph.outputs, *sizes}:
            names.append(str(node.output[0]))
    return names


def _adds_constant(graph: Graph, node: onnx.NodeProto) -> bool:
    return any(name in graph.constants for name in node.input)


def _scales(
    graph: Graph, names: Sequence[str], inputs: Sequence[np.ndarray], unsigned: bool
) -> dict[str, tuple[np.float32, np.ndarray]]:
    """Scale and zero point of each tensor, from its least and its largest value."""
    reach = dict.fromkeys(names, (0.0, 1e-3))
    for values in calibration.runs(graph.model(), names, inputs):
        for name in names:
            low, high = reach[name]
            reach[name] = min(low, float(values[name].min())), max(high, float(values[name].max()))
    for group in _groups(graph, set(names)):
        ends = [reach[name] for name in group]
        reach |= dict.fromkeys(group, (min(low for low, _ in ends), max(high for _, high in ends)))
    right = {node.input[1] for node in graph.nodes if node.op_type == "MatMul"}
    symmetric = {name for group in _groups(graph, set(names)) for name in group if right & group} | right
    least, most, kind = (0, 255, np.uint8) if unsigned else (-128, 127, np.int8)
    made = {}
    for name, (low, high) in reach.items():
        if name in symmetric:
            scale = np.float32(max(-low, high) / 127)
            made[name] = scale, np.asarray((least + most + 1) // 2, kind)
        else:
            scale = np.float32((high - low) / 255)
            made[name] = scale, np.asarray(np.clip(np.rint(least - low / scale), least, most), kind)
    return made


def _groups(graph: Graph, names: set[str]) -> list[set[str]]:
    groups: list[set[str]] = []
    for node in graph.nodes:
        if node.op_type in _SHARED:
            group = {str(name) for name in (*node.input, *node.output) if name in names}
            for other in [each for each in groups if each & group]:
                groups.remove(other)
                group |= other
            groups.append(group)
    return groups


def _pair(graph: Graph, name: str, scale: np.float32, zero_point: np.ndarray) -> list[onnx.NodeProto]:
    graph.constants[f"{name}.scale"], graph.constants[f"{name}.zero"] = np.asarray(scale), zero_point
    parameters = [f"{name}.scale", f"{name}.zero"]
    return [
        helper.make_node("QuantizeLinear", [name, *parameters], [f"{name}.q"], f"{name}_QuantizeLinear"),
        helper.make_node("DequantizeLinear", [f"{name}.q", *parameters], [f"{name}.real"], f"{name}_DequantizeLinear"),
    ]


def _weights(
    graph: Graph, node: onnx.NodeProto, scales: dict[str, tuple[np.float32, np.ndarray]], by_channel: bool
) -> list[onnx.NodeProto]:
    """Replace the weights of a node by int8, and a convolution's bias by int32."""
    source = scales[str(node.input[0]).removesuffix(".real")][0] if node.input[0].endswith(".real") else np.float32(1)
    name, values = str(node.output[0]), graph.constants[node.input[1]]
    axis = 0 if node.op_type == "Conv" else 1
    others = tuple(each for each in range(values.ndim) if each != axis)
    largest = np.abs(values).max(axis=others) if by_channel else np.abs(values).max()
    scale = np.maximum(largest / 127, 1e-6).astype(np.float32)
    spread = scale.reshape([-1 if each == axis else 1 for each in range(values.ndim)]) if by_channel else scale
    graph.constants[f"{name}.w"] = np.clip(np.rint(values / spread), -127, 127).astype(np.int8)
    graph.constants[f"{name}.w.scale"] = scale
    graph.constants[f"{name}.w.zero"] = np.zeros(scale.shape, np.int8)
    parameters = [f"{name}.w.scale", f"{name}.w.zero"]
    given = {"axis": axis} if by_channel else {}
    made = [helper.make_node("DequantizeLinear", [f"{name}.w", *parameters], [f"{name}.w.real"], **given)]
    read = [node.input[0], f"{name}.w.real"]
    if len(node.input) > 2:
        made += _bias(graph, f"{name}.b", graph.constants[node.input[2]], (scale * source).astype(np.float32))
        read.append(f"{name}.b.real")
    node.input[:] = read
    graph.constants[f"{name}.step"] = (scale * source).astype(np.float32)
    return made


def _bias(graph: Graph, name: str, values: np.ndarray, step: np.ndarray) -> list[onnx.NodeProto]:
    """A bias as int32 in these steps."""
    graph.constants[name] = np.clip(np.rint(values / step), -(2**30), 2**30).astype(np.int32)
    graph.constants[f"{name}.scale"], graph.constants[f"{name}.zero"] = step, np.zeros(step.shape, np.int32)
    given = {"axis": 0} if step.ndim else {}
    return [helper.make_node("DequantizeLinear", [name, f"{name}.scale", f"{name}.zero"], [f"{name}.real"], **given)]


def _bias_behind(graph: Graph, add: onnx.NodeProto, product: str) -> list[onnx.NodeProto]:
    """The bias of a product, which an addition behind it adds."""
    name = next((str(each) for each in add.input if each in graph.constants), "")
    if not name or f"{product}.step" not in graph.constants:
        return []
    made = _bias(graph, f"{product}.b", graph.constants[name], graph.constants[f"{product}.step"])
    add.input[:] = [f"{product}.b.real" if each == name else each for each in add.input]
    return made
