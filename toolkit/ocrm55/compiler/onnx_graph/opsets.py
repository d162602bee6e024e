"""Older operator sets: what ONNX wrote in another way before opset 13 is rewritten, so that one meaning is compiled.

Most operators only took more types of numbers between opset 9 and 17. For these nothing is done. Those that changed
have a function here. An operator that changed and has none is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ocrm55.compiler.onnx_graph import inference
from ocrm55.compiler.onnx_graph.graph import attributes
from ocrm55.errors import UnsupportedError

OLDEST, TARGET = 9, 17
ENOUGH = 13  # models from here on are left as they are
IR_VERSION = 8  # from 4 on, constants need not be among the inputs
_STANDARD = ("", "ai.onnx")
# Operators of which later opsets only took more types, axes that count from behind, or attributes with the old default.
_SAME = frozenset(
    "Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Concat Constant ConstantOfShape Conv "
    "ConvTranspose DepthToSpace DequantizeLinear Div Equal Erf Exp Expand Flatten Floor Gather GatherElements "
    "GatherND Gemm GlobalAveragePool GlobalMaxPool Greater HardSigmoid Identity LeakyRelu Less Log LpPool MatMul "
    "Max MaxPool Mean Min Mod Mul Neg Not Or PRelu Pow QuantizeLinear Reciprocal ReduceL1 ReduceL2 ReduceLogSum "
    "ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare Relu Reshape ScatterElements Shape Sigmoid Sign "
    "Size SpaceToDepth Sqrt Sub Sum Tanh Tile Transpose Where".split()
)


class _Upgrade:
    """A model while its nodes are rewritten."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.constants = {each.name: each for each in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant" and node.output and node.attribute:
                self.constants[node.output[0]] = node.attribute[0].t
        self._shapes: dict[str, list[int]] | None = None
        self._names = {name for node in model.graph.node for name in (*node.input, *node.output)}

    def shape(self, name: str) -> list[int] | None:
        """The shape of a tensor, 0 where a size is open; None where not even the rank is known."""
        if self._shapes is None:
            inferred = inference.infer_shapes(self.model, data_prop=True)
            values = (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output)
            self._shapes = {
                each.name: [size.dim_value for size in each.type.tensor_type.shape.dim]
                for each in values
                if each.type.tensor_type.HasField("shape")
            }
        return self._shapes.get(name)

    def constant(self, node: onnx.NodeProto, what: str, value: np.ndarray) -> str:
        """The name of a new constant for a node."""
        name = self.new(node, what)
        self.model.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def new(self, node: onnx.NodeProto, what: str) -> str:
        """A name that no tensor has."""
        name = f"{node.output[0]}.{what}"
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name


def upgraded(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of opset 9 to 12 as one of opset TARGET; a newer one is returned as it is.

    Raises UnsupportedError for an older one, or for an operator that changed in a way that is not known here.
    """
    imported = next(each for each in model.opset_import if each.domain in _STANDARD)
    if imported.version >= ENOUGH:
        return model
    if imported.version < OLDEST:
        raise UnsupportedError(
            f"the model uses ONNX opset {imported.version}; {OLDEST} or newer is needed.", ["convert the model"]
        )
    new = onnx.ModelProto()
    new.CopyFrom(model)
    upgrade, nodes = _Upgrade(new), []
    for node in new.graph.node:
        rewrite = _REWRITES.get(node.op_type)
        if rewrite is not None:
            nodes += rewrite(upgrade, node, attributes(node))
        elif _changed(node.op_type, imported.version):
            raise _refused(node, f"it changed since ONNX opset {imported.version}")
        else:
            nodes.append(node)
    del new.graph.node[:]
    new.graph.node.extend(nodes)
    inputs = [each for each in new.graph.input if each.name not in upgrade.constants]
    del new.graph.input[:]
    new.graph.input.extend(inputs)
    next(each for each in new.opset_import if each.domain in _STANDARD).version = TARGET
    new.ir_version = max(new.ir_version, IR_VERSION)
    return new


def _changed(operator: str, version: int) -> bool:
    """Whether an operator of opset `version` is another one in opset TARGET."""
    if operator in _SAME:
        return False
    try:
        old, new = (onnx.defs.get_schema(operator, each, "") for each in (version, TARGET))
    except onnx.defs.SchemaError:
        return True
    return bool(old.since_version != new.since_version)


def _refused(node: onnx.NodeProto, why: str) -> UnsupportedError:
    layer = (node.name or node.output[0])[:200]
    return UnsupportedError(
        f"operator {node.op_type} of layer {layer} cannot be compiled: {why}.",
        [f"convert the model to ONNX opset {ENOUGH} or newer"],
    )


def _without(node: onnx.NodeProto, *names: str) -> onnx.NodeProto:
    """A copy of a node without some of its attributes."""
    new = onnx.NodeProto()
    new.CopyFrom(node)
    del new.attribute[:]
    new.attribute.extend(each for each in node.attribute if each.name not in names)
    return new


# --- operators -------------------------------------------------------------------------------------------------------


def _axes_as_input(upgrade: _Upgrade, node: onnx.NodeProto, values: dict[str, Any]) -> list[onnx.NodeProto]:
    """Squeeze, Unsqueeze, ReduceSum."""
    new = _without(node, "axes")
    if "axes" in values:
        new.input.append(upgrade.constant(node, "axes", np.array(values["axes"], np.int64)))
    return [new]


def _split(upgrade: _Upgrade, node: onnx.NodeProto, values: dict[str, Any]) -> list[onnx.NodeProto]:
    new = _without(node, "split")
    if "split" in values:
        new.input.append(upgrade.constant(node, "split", np.array(values["split"], np.int64)))
    return [new]


def _clip(upgrade: _Upgrade, node: onnx.NodeProto, values: dict[str, Any]) -> list[onnx.NodeProto]:
    if len(node.input) > 1 or not values:
        return [node]
    new = _without(node, "min", "max")
    bounds = [(name, values.get(name)) for name in ("min", "max")]
    new.input.extend("" if v is None else upgrade.constant(node, name, np.array(v, np.float32)) for name, v in bounds)
    return [new]


def _pad(upgrade: _Upgrade, node: onnx.NodeProto, values: dict[str, Any]) -> list[onnx.NodeProto]:
    if "pads" not in values:
        return [node]
    new = _without(node, "pads", "value")
    new.input.append(upgrade.constant(node, "pads", np.array(values["pads"], np.int64)))
    new.input.append(upgrade.constant(node, "value", np.array(values.get("value", 0.0), np.float32)))
    return [new]


def _slice(upgrade: _Upgrade, node: onnx.NodeProto, values: dict[str, Any]) -> list[onnx.NodeProto]:
    if "starts" not in values:
        return [node]
    new = _without(node, "starts", "ends", "axes")
    for name in ("starts", "ends", "axes"):
        if name in values:
            new.input.append(upgrade.constant(node, name, np.array(values[name], np.int64)))
    return [new]


def _dropout(upgrade: _Upgrade, node: onnx.NodeProto, _values: dict[str, Any]) -> list[onnx.NodeProto]:
    if any(name in other.input for name in node.output[1:] for other in upgrade.model.graph.node):
        raise _refused(node, "its mask is read")
    return [helper.make_node("Identity", list(node.input[:1]), list(node.output[:1]), node.name)]


def _softmax(upgrade: _Upgrade, node: onnx.NodeProto, values: dict[str, Any]) -> list[onnx.NodeProto]:
    """Before opset 13, all axes from `axis` on (by default 1) were one."""
    shape, axis = upgrade.shape(node.input[0]), int(values.get("axis", 1))
    if shape is not None and not -len(shape) <= axis < len(shape):
        raise _refused(node, f"it names the axis {axis} of {len(shape)}")
    new = _without(node, "axis")
    new.attribute.append(helper.make_attribute("axis", -1))
    if axis == -1 or (shape is not None and all(size == 1 for size in shape[axis % len(shape) + 1 :])):
        new.attribute[-1].i = axis if shape is None else axis % len(shape)  # nothing is joined
        return [new]
    flat, done = (upgrade.new(node, what) for what in ("flat", "softmax"))
    new.input[0], new.output[0] = flat, done
    before = []
    if shape is not None and all(shape):
        size = upgrade.constant(node, "shape", np.array(shape, np.int64))
    else:
        size = upgrade.new(node, "shape")
        before.append(helper.make_node("Shape", [node.input[0]], [size], f"{node.name}.size"))
    return [
        *before,
        helper.make_node("Flatten", [node.input[0]], [flat], f"{node.name}.flat", axis=axis),
        new,
        helper.make_node("Reshape", [done, size], [node.output[0]], f"{node.name}.shape"),
    ]


def _resize(upgrade: _Upgrade, node: onnx.NodeProto, values: dict[str, Any]) -> list[onnx.NodeProto]:
    """Upsample, and Resize of opset 10: pixels by dividing, to the nearest one above (smaller) or below (larger)."""
    if len(node.input) != 2:
        return [node]  # of opset 11 and newer
    tensor = upgrade.constants.get(node.input[1])
    if tensor is None:
        raise _refused(node, "its scales are computed")
    scales, mode = numpy_helper.to_array(tensor), values.get("mode", b"nearest").decode()
    if (scales < 1).any() and (mode != "nearest" or (scales > 1).any()):
        raise _refused(node, "it makes an image smaller")
    new = helper.make_node(
        "Resize", [node.input[0], "", node.input[1]], list(node.output), node.name,
        mode=mode, coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    if mode == "nearest":
        new.attribute.append(helper.make_attribute("nearest_mode", "ceil" if (scales < 1).any() else "floor"))
    return [new]


_REWRITES: dict[str, Callable[[_Upgrade, onnx.NodeProto, dict[str, Any]], list[onnx.NodeProto]]] = {
    "Squeeze": _axes_as_input,
    "Unsqueeze": _axes_as_input,
    "ReduceSum": _axes_as_input,
    "Split": _split,
    "Clip": _clip,
    "Pad": _pad,
    "Slice": _slice,
    "Dropout": _dropout,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Upsample": _resize,
    "Resize": _resize,
}
