"""Quantisation's facts about each kind of operator: one table, by family.

The recipes (fused.py, unfused.py), equalisation (equalise.py) and the weighing of errors (sensitivity.py) look up an
operator's row. So a new operator is a row of KINDS, and nothing else in this room. An operator without a row is
computed in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum

import numpy as np
import onnx

from ocrm55.compiler.onnx_graph import functions
from ocrm55.compiler.onnx_graph.graph import Graph, attributes
from ocrm55.compiler.operators import advice
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.errors import UnsupportedError
from ocrm55.plain_text import counted

# A gate is clip(x / 6 + 1/2, 0, 1). With 254 steps its half is a whole number of steps. So the fully connected layer
# before it requantises straight to the gate.
GATE = Quantization(np.asarray(np.float32(1 / 254)), -127)
GATE_PLUS_ONE = Quantization(np.asarray(np.float32(1 / 126)), -127)  # 1 .. 2; the half of it is whole too
PROBABILITY = Quantization(np.asarray(np.float32(1 / 256)), -128)  # the quantisation of a softmax for a product
# Photographs were seen to exceed the calibration's largest sums of means more than twofold.
MARGIN_OF_MEANS, MARGIN_OF_SUMS = 1.2, 3.0


class Family(StrEnum):
    """Operators of one family have a file of that name in the other rooms of the compiler."""

    CONVOLUTION = "convolution"
    PRODUCT = "product"
    POOL = "pool"
    ELEMENTWISE = "elementwise"
    ROWS = "rows"
    MOVES = "moves"
    OTHER = "other"


class Int8(Enum):
    """The tensors around an operator that the integer kernels read."""

    NOTHING = "nothing of it"
    INPUT = "what its constant weights are multiplied with"
    FACTORS = "both sides, where their values come from"
    ALL = "what it reads and what it writes"
    RESULT = "what it writes, or what a factor and an offset behind it write"


class ScaledBy(Enum):
    """The source of the scales around an operator in the recipe for fused kernels, if not ranges."""

    RANGE = "each tensor's own range"
    RESULT = "inputs have the result's"  # they are written side by side
    INPUT = "the result has the input's"  # the largest of integers is the integer of the largest
    GATE = "the gate has GATE, or GATE_PLUS_ONE"
    PROBABILITY = "the result has PROBABILITY, where it is int8"


@dataclass(frozen=True)
class Curve:
    """An activation that is no clamp. lows: low ends to try for the range in front of it."""

    function: Callable[[np.ndarray], np.ndarray]
    lows: tuple[float, ...]


@dataclass(frozen=True)
class Kind:
    """A row of the table.

    int8, scaled_by: see there. weights_axis: the axis of the outputs in constant weights; None without weights.
    margin: the factor by which a range is widened, for a tensor that has only one value for each channel of an image.
    follows: it only moves values, so its result is its input in another shape.
    is_real: the fused recipe leaves it in float32.
    sums: a library ends it in int8, whatever follows. clamps: a library computes it at the end of a sum.
    one_scale: in a library, all its inputs and outputs have one scale.
    curve: the activation whose input gets the range with the least error of its result.
    divides: its kernel scales each channel of its output, so equalisation costs nothing behind it.
    by_channel: each channel is computed from the same channel, so a channel's factor passes through.
    passes_errors: an error in a channel stays in that channel and keeps its size.
    """

    family: Family
    int8: Int8 = Int8.NOTHING
    scaled_by: ScaledBy = ScaledBy.RANGE
    weights_axis: int | None = None
    margin: float = MARGIN_OF_SUMS
    follows: bool = False
    is_real: bool = False
    sums: bool = False
    clamps: bool = False
    one_scale: bool = False
    curve: Curve | None = None
    divides: bool = False
    by_channel: bool = False
    passes_errors: bool = False


def _hard_swish(x: np.ndarray) -> np.ndarray:
    return x * np.clip(x + 3, 0, 6) / 6


def _swish(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


_MOVE = Kind(Family.MOVES, follows=True)

# By ONNX's name; `operator:case` if the same operator is computed in several ways, see `kind_of`.
KINDS = {
    "Conv": Kind(Family.CONVOLUTION, Int8.INPUT, weights_axis=0, sums=True),
    "Conv:computed weights": Kind(Family.CONVOLUTION, sums=True),
    "MatMul": Kind(Family.PRODUCT, Int8.INPUT, weights_axis=1, sums=True),
    "MatMul:computed weights": Kind(Family.PRODUCT, Int8.FACTORS, sums=True),
    "GlobalAveragePool": Kind(
        Family.POOL, Int8.ALL, margin=MARGIN_OF_MEANS, one_scale=True, by_channel=True, passes_errors=True
    ),
    "AveragePool": Kind(Family.POOL, Int8.ALL, one_scale=True, by_channel=True, passes_errors=True),
    "MaxPool": Kind(Family.POOL, Int8.ALL, ScaledBy.INPUT, one_scale=True, passes_errors=True),
    "Add": Kind(Family.ELEMENTWISE, is_real=True, sums=True),
    "Add:constant": Kind(Family.ELEMENTWISE, is_real=True),
    "Add:images": Kind(Family.ELEMENTWISE, Int8.ALL, sums=True),
    "Mul": Kind(Family.ELEMENTWISE, passes_errors=True),
    "Mul:gate": Kind(Family.ELEMENTWISE, Int8.ALL, ScaledBy.GATE, by_channel=True, passes_errors=True),
    "Mul:swish": Kind(Family.ELEMENTWISE, Int8.RESULT, passes_errors=True),
    "HardSwish": Kind(
        Family.ELEMENTWISE,
        Int8.RESULT,
        curve=Curve(_hard_swish, (-3.5, -3.2, -3.0, -2.8, -2.5)),
        divides=True,
        passes_errors=True,
    ),
    "Relu": Kind(Family.ELEMENTWISE, clamps=True, divides=True, passes_errors=True),
    "HardSigmoid": Kind(Family.ELEMENTWISE, clamps=True),
    "Sigmoid": Kind(Family.ELEMENTWISE, passes_errors=True),
    "Softmax": Kind(Family.ROWS, scaled_by=ScaledBy.PROBABILITY),
    "LayerNormalization": Kind(Family.ROWS, is_real=True),
    "Concat": Kind(Family.MOVES, Int8.ALL, ScaledBy.RESULT, one_scale=True),
    "Reshape": _MOVE,
    "Transpose": _MOVE,
    "Slice": _MOVE,
    "Squeeze": _MOVE,
    "Unsqueeze": _MOVE,
    "Resize": _MOVE,  # to the nearest pixels: lowering takes no other
    "DepthToSpace": _MOVE,
}
OTHER = Kind(Family.OTHER)
# Functions of one value that are tables: what gives the result, and the operators before it.
TABLE, IN_TABLE = Kind(Family.ELEMENTWISE, Int8.RESULT), Kind(Family.ELEMENTWISE)
LOWS_OF_TABLE = (-6.0, -4.0, -3.0, -2.0, -1.0)
# The readers of an input from which x * sigmoid(x) is computed.
SWISH_READERS, SWISH = ["Mul", "Sigmoid"], Curve(_swish, (-10.0, -8.0, -6.0, -5.0, -4.0))


def kind_of(graph: Graph, node: onnx.NodeProto) -> Kind:
    """The row of a node; OTHER for an operator without one."""
    function = graph.functions.get(str(node.output[0]))
    if function is not None:
        return TABLE if function.result == node.output[0] else IN_TABLE
    case = ""
    if multiplies(node) and not has_weights(graph, node):
        case = ":computed weights"
    elif adds_constant(graph, node):
        case = ":constant"
    elif adds_images(graph, node):
        case = ":images"
    elif gate_of(graph, node) is not None:
        case = ":gate"
    elif is_swish(graph, node):
        case = ":swish"
    return KINDS.get(node.op_type + case, OTHER)


def writer_of(graph: Graph, name: str) -> Kind:
    """The row of the node that writes a tensor; OTHER for inputs and constants."""
    node = graph.producer(name)
    return OTHER if node is None else kind_of(graph, node)


def check(graph: Graph) -> None:
    """Raise UnsupportedError for operators that have a row, and another form than the recipes know."""
    for node in graph.nodes:
        if why := _odd(graph, node):
            raise refused(node, why)


def refused(node: onnx.NodeProto, why: str) -> UnsupportedError:
    """The error of an operator that no integer kernel computes."""
    return UnsupportedError(
        f"operator {node.op_type} of layer {node.name or node.output[0]} has no int8 operator: {why}.",
        ["--precision float32", advice.REPLACE],
    )


def _odd(graph: Graph, node: onnx.NodeProto) -> str:
    """Why no integer kernel takes a node's form; empty for a usual one."""
    constants = [graph.constants.get(name) for name in node.input]
    axes = len(graph.shape(node.input[0])) - 2 if node.input else 0
    if node.op_type in _WINDOWED and axes > 0 and axes != 2:
        return f"its window has {counted(axes, 'axis', 'axes')}, and an image's has 2"
    if node.op_type == "Concat" and any(each is not None for each in constants):
        return "it joins a constant"
    if node.op_type == "MatMul" and constants[0] is not None:
        return "its weights stand on the left"
    if node.op_type == "MatMul" and constants[1] is not None and constants[1].ndim != 2:
        return f"its weights have {counted(constants[1].ndim, 'axis', 'axes')} and not 2"
    return ""


_WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool")


def multiplies(node: onnx.NodeProto) -> bool:
    """Whether a node sums products of its input and weights; the weights may be computed."""
    return KINDS.get(node.op_type, OTHER).weights_axis is not None


def has_weights(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether a node multiplies its input with constant weights."""
    return multiplies(node) and node.input[1] in graph.constants and len(node.output) == 1


def outputs_axis(node: onnx.NodeProto) -> int:
    """The axis of a node's weights along which its outputs lie. Raises ValueError for an operator without weights."""
    axis = KINDS.get(node.op_type, OTHER).weights_axis
    if axis is None:
        raise ValueError(f"{node.op_type} has no weights")
    return axis


def is_depthwise(node: onnx.NodeProto) -> bool:
    """Whether a node is a convolution in groups."""
    return KINDS.get(node.op_type, OTHER).family is Family.CONVOLUTION and attributes(node).get("group", 1) > 1


def adds_constant(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether a node adds a constant: a bias, or an activation's offset."""
    is_inside = node.output[0] in graph.functions
    return node.op_type == "Add" and not is_inside and any(i in graph.constants for i in node.input)


def bias_behind(graph: Graph, layer: onnx.NodeProto) -> str | None:
    """The constant that an addition behind a layer adds as a bias: one number for each output, or one for all.

    None where nothing is added, or more than that: a constant with other numbers for each row is no bias.
    """
    add = graph.only_user(layer.output[0])
    names = [] if add is None or not adds_constant(graph, add) else [n for n in add.input if n in graph.constants]
    if len(names) != 1:
        return None
    value, outputs = graph.constants[names[0]], graph.constants[layer.input[1]].shape[outputs_axis(layer)]
    end = (outputs,) if kind_of(graph, layer).family is Family.PRODUCT else (outputs, 1, 1)
    by_output = value.shape[-len(end) :] == end and value.size == outputs
    fits = (value.size == 1 or by_output) and value.ndim <= len(graph.shape(layer.output[0]))
    return str(names[0]) if fits else None


def adds_bias(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether a node adds the bias of a layer, which the layer's kernel computes."""
    if not adds_constant(graph, node):
        return False
    layer = graph.producer(computed_input(graph, node)) if not all(n in graph.constants for n in node.input) else None
    return layer is not None and has_weights(graph, layer) and bias_behind(graph, layer) is not None


def adds_images(graph: Graph, node: onnx.NodeProto) -> bool:
    """Whether a node adds two images in int8. Sums of tokens have fewer axes; a swish may have a scale a channel, with
    which no integer sum computes.
    """
    if node.op_type != "Add" or not all(len(graph.shape(str(name))) == 4 for name in node.input):
        return False
    writers = [graph.producer(str(name)) for name in node.input]
    return not any(writer is not None and is_swish(graph, writer) for writer in writers)


def gate_of(graph: Graph, node: onnx.NodeProto) -> str | None:
    """The input of a product that a hard-sigmoid wrote, plus one or not: squeeze-and-excite's gate. None for every
    other node.
    """
    for name in node.input if node.op_type == "Mul" and node.output[0] not in graph.functions else []:
        producer = graph.producer(str(name))
        if producer is None or name in graph.functions:
            continue
        if producer.op_type == "HardSigmoid" or _gate_behind(graph, producer) is not None:
            return str(name)
    return None


def gate_quantization(graph: Graph, gate: str) -> Quantization:
    """The quantisation of a gate, by the name that `gate_of` found."""
    producer = graph.producer(gate)
    return GATE if producer is None or producer.op_type == "HardSigmoid" else GATE_PLUS_ONE


def _gate_behind(graph: Graph, node: onnx.NodeProto) -> str | None:
    """The hard-sigmoid to which a node adds one; None for every other node."""
    constants = [graph.constants[i] for i in node.input if i in graph.constants]
    if node.op_type != "Add" or [each.tolist() for each in constants] != [1]:
        return None
    name = computed_input(graph, node)
    writer = graph.producer(name)
    return name if writer is not None and writer.op_type == "HardSigmoid" else None


def is_swish(graph: Graph, node: onnx.NodeProto) -> bool:
    """x * sigmoid(x)"""
    is_product = node.op_type == "Mul" and node.output[0] not in graph.functions
    producers = [graph.producer(name) for name in node.input] if is_product else []
    return any(p is not None and p.op_type == "Sigmoid" and p.input[0] in node.input for p in producers)


def curve_before(graph: Graph, name: str) -> Curve | None:
    """The activation that is a tensor's only reader."""
    function = next((each for each in graph.functions.values() if each.source == name), None)
    if function is not None:
        is_only = all(user.output[0] in function.outputs for user in graph.users(name))
        return Curve(functions.curve(graph, function), LOWS_OF_TABLE) if is_only else None
    readers = sorted(str(user.op_type) for user in graph.users(name))
    if readers == SWISH_READERS:
        return SWISH
    return KINDS.get(readers[0], OTHER).curve if len(set(readers)) == 1 else None


# --- where values come from ------------------------------------------------------------------------------------------


def computed_input(graph: Graph, node: onnx.NodeProto) -> str:
    """The input of a node that is not constant."""
    return next(str(name) for name in node.input if name not in graph.constants)


def follows_one_of(graph: Graph, name: str, tensors: set[str]) -> bool:
    """Whether a tensor is one of `tensors` in another shape."""
    while (node := graph.producer(name)) is not None and kind_of(graph, node).follows:
        name = computed_input(graph, node)
        if name in tensors:
            return True
    return False


def origin(graph: Graph, name: str) -> tuple[str, list[onnx.NodeProto]]:
    """The source of a tensor's values, behind nodes that move or scale them, and those nodes in order."""
    path: list[onnx.NodeProto] = []
    while (node := graph.producer(name)) is not None and (kind_of(graph, node).follows or _scales(graph, node)):
        path.insert(0, node)
        name = computed_input(graph, node)
    return name, path


def _scales(graph: Graph, node: onnx.NodeProto) -> bool:
    is_product = node.op_type == "Mul" and node.output[0] not in graph.functions
    return is_product and any(i in graph.constants and graph.constants[i].size == 1 for i in node.input)


def affine_end(graph: Graph, activation: onnx.NodeProto) -> str:
    """The output of an activation, or of the factor and the offset behind it; its kernel computes them as well."""
    name = str(activation.output[0])
    if name in graph.functions:
        return name
    for operator in ("Mul", "Add"):
        node = graph.only_user(name)
        constants = [] if node is None else [graph.constants[i] for i in node.input if i in graph.constants]
        if node is not None and node.op_type == operator and [each.size for each in constants] == [1]:
            name = str(node.output[0])
    return name
